"""What is signed is exactly what is sent."""

from urllib.parse import parse_qsl, quote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from adapters.mexc.signing import Credentials, encode, signature, signed_query

OFFICIAL_SECRET = "45d0b3c26f2644f19bfb98b07741b2f5"
OWN_SECRET = "sim-secret-0123456789abcdef"
BATCH = (
    '[{"symbol":"NEWUSDT","side":"BUY","type":"LIMIT","quantity":"10","price":"0.05","newClientOrderId":"b-1"}]',
    "batchOrders=%5B%7B%22symbol%22%3A%22NEWUSDT%22%2C%22side%22%3A%22BUY%22%2C%22type%22%3A%22LIMIT%22%2C"
    "%22quantity%22%3A%2210%22%2C%22price%22%3A%220.05%22%2C%22newClientOrderId%22%3A%22b-1%22%7D%5D"
    "&recvWindow=5000&timestamp=1767225600002",
)


@pytest.mark.parametrize(
    ("secret", "query", "body", "digest"),
    [
        (
            OFFICIAL_SECRET,
            "symbol=BTCUSDT&side=BUY&type=LIMIT&quantity=1&price=11&recvWindow=5000&timestamp=1644489390087",
            "",
            "fd3e4e8543c5188531eb7279d68ae7d26a573d0fc5ab0d18eb692451654d837a",
        ),
        (
            OFFICIAL_SECRET,
            "symbol=BTCUSDT&side=BUY&type=LIMIT",
            "quantity=1&price=11&recvWindow=5000&timestamp=1644489390087",
            "d1a676610ceb39174c8039b3f548357994b2a34139a8addd33baadba65684592",
        ),
        (
            OWN_SECRET,
            "symbol=NEWUSDT&side=BUY&type=LIMIT&quantity=12.5&price=0.0421&newClientOrderId=snipe-1&recvWindow=3000"
            "&timestamp=1767225600000",
            "",
            "05b125f3ab54d2f2b5a009799f9bf186e7e9839ea0b3dc007ec86de845f3e955",
        ),
        (
            OWN_SECRET,
            "symbol=NEWUSDT&side=BUY",
            "type=MARKET&quoteOrderQty=25&timestamp=1767225600001",
            "4270921707d3198409881439c2934982b70858344851a7295a9b42649430b541",
        ),
        (OWN_SECRET, BATCH[1], "", "082f52e7572df8a14fd39dd676bca9dd688d4bc4fb5e99e01ad0c228395e304d"),
        (
            OWN_SECRET,
            "timestamp=1767225600003",
            "",
            "25c1296f1cab92f0d34a52b2d44845fa8f325c7f08b06281dbdb71d9ee879b6d",
        ),
        (
            OWN_SECRET,
            "timestamp=1767225600004&recvWindow=5000",
            '{"symbol":"NEWUSDT","side":"SELL"}',
            "b2c682ef0d7effc4b96c0de7449b708d9c5fb9e4f9e6e3b44ef78875fdc79ae6",
        ),
    ],
)
def test_known_texts_have_their_known_digests(secret: str, query: str, body: str, digest: str) -> None:
    """Query and body are joined without a sign between them."""
    assert signature(secret, query, body) == digest


def test_escapes_are_upper_case_and_the_order_is_kept() -> None:
    """The encoded text of a nested parameter is the one its digest was made from."""
    params = (("batchOrders", BATCH[0]), ("recvWindow", "5000"), ("timestamp", "1767225600002"))

    assert encode(params) == BATCH[1]
    assert encode((("b", "a b"), ("a", "é"))) == "b=a%20b&a=%C3%A9"


def test_the_signature_is_the_last_parameter() -> None:
    """It covers everything before it."""
    query = signed_query((("timestamp", "1767225600003"),), OWN_SECRET)

    assert query == (
        "timestamp=1767225600003&signature=25c1296f1cab92f0d34a52b2d44845fa8f325c7f08b06281dbdb71d9ee879b6d"
    )


def test_credentials_do_not_show() -> None:
    """Neither key nor secret is in the repr."""
    shown = repr(Credentials("the-key", "the-secret"))

    assert "the-key" not in shown
    assert "the-secret" not in shown


@given(st.lists(st.tuples(st.text(), st.text())))
@example([("quantity", "1\n"), ("price", "\u0665")])
def test_any_text_is_escaped_as_urllib_does_and_read_back_as_it_was(params: list[tuple[str, str]]) -> None:
    """Also what ends in a line feed, and digits of other scripts."""
    text = encode(params)

    assert text == "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in params)
    assert parse_qsl(text, keep_blank_values=True) == params
