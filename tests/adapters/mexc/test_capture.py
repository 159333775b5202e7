"""Payloads as fixtures: whole, named by endpoint and date, without secrets, and not without end."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from adapters.clock import SystemClock
from adapters.mexc.capture import HIDDEN, KEPT_A_DAY, PayloadCapture
from adapters.mexc.signing import Credentials
from adapters.mexc.venue import open_venue
from tests.adapters.mexc.conftest import Control

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


def kept(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(path.read_text()) for path in sorted(folder.iterdir())]


def test_a_fixture_is_a_whole_envelope_named_by_endpoint_and_date(tmp_path: Path) -> None:
    """Method, path, query, status, headers that matter, and the body as it came."""
    capture = PayloadCapture(tmp_path / "payloads", lambda: NOW)
    headers = (("Content-Type", "application/json"), ("Set-Cookie", "session=1"))

    capture.answer("GET", "/api/v3/depth?symbol=BTCUSDT&limit=5", 200, headers, b'{"bids": [["1.10","2"]]}')
    capture.close()

    (path,) = (tmp_path / "payloads").iterdir()
    assert path.name == "GET_api-v3-depth_200_2026-01-01T12-00-00-000000.json"
    (told,) = kept(tmp_path / "payloads")
    assert told["recorded_at"] == "2026-01-01T12:00:00.000+00:00"
    assert told["request"] == {"method": "GET", "path": "/api/v3/depth", "query": "symbol=BTCUSDT&limit=5", "body": ""}
    assert told["answer"] == {
        "status": 200,
        "headers": {"Content-Type": "application/json"},
        "body": '{"bids": [["1.10","2"]]}',
    }


@pytest.mark.parametrize(
    ("target", "body"),
    [
        ("/api/v3/account?timestamp=1&signature=topsecret", "{}"),
        ("/api/v3/userDataStream?listenKey=topsecret&timestamp=1", "{}"),
        ("/api/v3/userDataStream", '{"listenKey":"topsecret"}'),
        ("/api/v3/userDataStream", '{"listenKey" : ["topsecret", "topsecret"], "total":2}'),
        ("/api/v3/uid", '{"uid": "topsecret"}'),
        ("/api/v3/apiKeyInfo?accessKey=topsecret", '{"accessKey":"topsecret","note":"topsecret"}'),
        ("/api/v3/order?symbol=topsecret", '{"msg":"key topsecret is odd"}'),
    ],
)
def test_no_secret_reaches_the_file(tmp_path: Path, target: str, body: str) -> None:
    """By its member's name, or because it is our own key."""
    secrets = ("topsecret",) if "odd" in body else ()

    capture = PayloadCapture(tmp_path, lambda: NOW, secrets)
    capture.answer("GET", target, 200, (), body.encode())
    capture.close()

    (path,) = tmp_path.iterdir()
    assert "topsecret" not in path.read_text()
    assert HIDDEN in path.read_text()


def test_a_frame_is_kept_as_digits_and_a_text_as_text(tmp_path: Path) -> None:
    """A frame that holds a secret is not kept at all: it cannot be cut out."""
    capture = PayloadCapture(tmp_path, lambda: NOW, ("key",))

    capture.frame("spot@private.orders.v3.api.pb", b"\x0a\x01")
    capture.frame("control", '{"msg":"PONG"}')
    capture.frame("spot@private.deals.v3.api.pb", b"\x0akey")
    capture.close()

    assert [told.get("frame", told.get("text")) for told in kept(tmp_path)] == ['{"msg":"PONG"}', "0a01"]


def test_each_endpoint_is_kept_a_bounded_number_of_times_a_day(tmp_path: Path) -> None:
    """The switch may be forgotten. Another status is another thing to see."""
    moments = iter(NOW.replace(microsecond=number) for number in range(1000))
    capture = PayloadCapture(tmp_path, lambda: next(moments))
    for _ in range(KEPT_A_DAY + 10):
        capture.answer("GET", "/api/v3/time", 200, (), b"{}")
    capture.answer("GET", "/api/v3/time", 500, (), b"oops")
    capture.close()

    assert len(list(tmp_path.iterdir())) == KEPT_A_DAY + 1


def test_a_folder_that_cannot_be_written_costs_no_call(tmp_path: Path) -> None:
    """It is a warning."""
    (tmp_path / "file").write_text("")

    capture = PayloadCapture(tmp_path / "file", lambda: NOW)
    capture.answer("GET", "/api/v3/time", 200, (), b"{}")
    capture.close()

    assert (tmp_path / "file").read_text() == ""


async def test_a_venue_with_the_switch_on_leaves_fixtures_without_its_key(control: Control, tmp_path: Path) -> None:
    """Public and signed calls alike."""
    credentials = Credentials("test-key", "test-secret")
    async with open_venue(
        control.server.rest_url, control.server.ws_url, credentials, clock=SystemClock(), capture_to=tmp_path
    ) as venue:
        await venue.exchange.rules("BTCUSDT")
        await venue.exchange.balance("USDT")
        async with venue.streams.account(), venue.streams.quotes("BTCUSDT") as quotes:
            await anext(quotes)

    names = {path.name.rsplit("_", 1)[0] for path in tmp_path.iterdir()}
    assert names >= {
        "GET_api-v3-exchangeInfo_200",
        "GET_api-v3-account_200",
        "POST_api-v3-userDataStream_200",
        "WS_control",
        "WS_spot@public.aggre.bookTicker.v3.api.pb@10ms@BTCUSDT",
    }
    for told in kept(tmp_path):
        assert "test-key" not in json.dumps(told)
        assert "test-secret" not in json.dumps(told)
        if "answer" in told:
            assert json.loads(told["answer"]["body"])
