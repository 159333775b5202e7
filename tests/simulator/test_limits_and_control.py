"""Request limits, and the control side's own answers."""

from typing import Any

import pytest

from simulator.exchange.scripts import SCRIPT_NAMES, build_script
from simulator.rest.limits import Limits


async def test_the_thirteenth_order_of_a_second_is_refused(client: Any) -> None:
    """429 with the seconds to wait; other calls still go through."""
    await client.control("POST", "settings", orders_per_s=12)
    order = {"symbol": "NOSUCHUSDT", "side": "BUY", "type": "LIMIT", "quantity": "1", "price": "1"}

    answers = [await client.signed("POST", "order", **order) for _ in range(13)]

    assert [answer.status for answer in answers[:12]] == [400] * 12
    assert (answers[12].status, answers[12].body) == (429, {"code": 429, "msg": "Too Many Requests"})
    assert answers[12].headers["Retry-After"] == "1"
    assert (await client.signed("GET", "account")).status == 200


async def test_weights_add_up_per_address(client: Any) -> None:
    """Open calls share the address's budget by their weight."""
    await client.control("POST", "settings", ip_weight=60)

    statuses = [(await client.get("exchangeInfo")).status for _ in range(3)]

    assert statuses == [200, 200, 429]
    assert (await client.get("time")).status == 200


def test_a_window_frees_what_is_older_than_its_length() -> None:
    """Sliding, not aligned to the clock; a refused call is not counted."""
    limits = Limits(1)
    for at_us in (0, 600_000):
        assert limits.check("ann", 1, 2, at_us) is None
        limits.spend("ann", 1, at_us)

    assert limits.check("ann", 1, 2, 700_000) is not None
    assert limits.check("bob", 1, 2, 700_000) is None
    assert limits.check("ann", 1, 2, 1_000_000) is None
    assert limits.check("ann", 1, 0, 700_000) is None


@pytest.mark.parametrize(
    ("path", "members", "value"),
    [
        ("listings", {"symbol": "NEWUSDT", "opens_at": "soon"}, "soon"),
        ("listings", {"symbol": "new", "opens_at": "+1s"}, "new"),
        ("listings", {"symbol": "NEWBTC", "opens_at": "+1s"}, "NEWBTC"),
        ("listings", {"symbol": "NEWUSDT", "opens_at": "+1s", "script": "moon"}, "moon"),
        ("listings", {"symbol": "NEWUSDT", "opens_at": "+1s", "script": {"spread": 3}}, 3),
        ("faults", {"kind": "meteor"}, "meteor"),
        ("price", {"symbol": "NOSUCHUSDT", "factor": 2}, "NOSUCHUSDT"),
        ("settings", {"orders_per_s": -1}, -1),
        ("clock", {"offset_ms": "late"}, "late"),
    ],
)
async def test_a_bad_value_is_answered_with_value_expectation_and_remedy(
    client: Any, path: str, members: dict[str, object], value: object
) -> None:
    """Whoever sets the stage learns what to change."""
    async with client.http.post(f"{client.url}/_sim/{path}", json=members) as answer:
        status, body = answer.status, await answer.json()

    assert status == 400
    assert body["error"]["value"] == value
    assert body["error"]["expected"]
    assert body["error"]["remedy"]


async def test_the_clock_can_be_set_apart(client: Any) -> None:
    """The venue's time follows the offset, and so do its time windows."""
    before = (await client.get("time")).body["serverTime"]
    await client.control("POST", "clock", offset_ms=7000)
    after = (await client.get("time")).body["serverTime"]

    assert 7000 <= after - before < 9000
    assert (await client.signed("GET", "account")).body["code"] == 700003


async def test_an_account_can_be_changed_by_posting_it_again(client: Any) -> None:
    """Balances are set anew; the old key ends."""
    await client.control(
        "POST", "accounts", name="tester", api_key="second", secret="test-secret", balances={"USDT": "5"}
    )
    refused = await client.signed("GET", "account")
    client.api_key = "second"
    account = (await client.signed("GET", "account")).body

    assert refused.body["code"] == 10072
    assert {b["asset"]: b["free"] for b in account["balances"]} == {"USDT": "5", "NEW": "1000"}


async def test_the_control_side_knows_its_paths(client: Any) -> None:
    """Health answers; a path nobody serves is 404."""
    health = await client.control("GET", "health")
    async with client.http.get(f"{client.url}/_sim/nothing") as answer:
        status = answer.status

    assert health["status"] == "ok"
    assert status == 404


@pytest.mark.parametrize("name", SCRIPT_NAMES)
def test_every_named_script_builds_and_may_be_changed_in_part(name: str) -> None:
    """A change of one member leaves the rest of the script as named."""
    plain = build_script(name)
    changed = build_script({"name": name, "opens_late_ms": 120})

    assert changed.path == plain.path
    assert changed.opens_late_ms == 120


def test_a_path_is_straight_between_its_points() -> None:
    """Before the first point and after the last it is flat."""
    script = build_script({"path": [[1, 1.0], [3, 2.0]]})

    assert [script.factor_at(seconds) for seconds in (-5, 1, 2, 3, 99)] == [1.0, 1.0, 1.5, 2.0, 2.0]


def test_a_pump_reaches_a_quarter_above_a_late_entry_within_half_a_minute() -> None:
    """Take-profits up to +25 % of an entry ten percent above the opening price are reached."""
    script = build_script("pump")

    assert max(script.factor_at(second) for second in range(31)) > 1.1 * 1.25
