"""A session is approved, or rejected with every reason."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from domain.checks import reasons_of
from domain.commands import StartSnipe
from domain.ids import ListingKey, SessionKey
from domain.money import Base, Price, Quote
from domain.policy import EntryStrategy
from domain.risk import MAX_SESSIONS, RiskSnapshot, assess
from tests.builders import RULES, T0, a_start


def seen() -> RiskSnapshot:
    return RiskSnapshot(RULES, "USDT", Quote(Decimal(1000)), open_sessions=0, halted=False, now=T0)


def start_with(**values: object) -> StartSnipe:
    """An ordinary start with another entry."""
    start = a_start()
    entry = replace(start.policy.entry, **values)  # type: ignore[arg-type]  # fields by name
    return replace(start, policy=replace(start.policy, entry=entry))


def test_an_ordinary_session_is_approved() -> None:
    """No reason is an approval, also while the venue does not show the symbol yet."""
    asked = assess(a_start(), seen())
    unlisted = assess(a_start(), replace(seen(), rules=None))

    assert [check.name for check in asked] == [
        "policy",
        "symbol",
        "opening",
        "funds",
        "smallest order",
        "market orders",
        "sessions",
        "halts",
    ]
    assert all(check.passed and check.found for check in (*asked, *unlisted))


@pytest.mark.parametrize(
    ("coin", "quote", "passed"),
    [
        ("NEW", "USDT", True),
        ("0" * 32, "USDT", True),
        ("OLD", "USDT", False),
        ("NEW", "USDC", False),
        ("0" * 32, "BTC", False),
    ],
)
def test_the_symbol_is_the_listings_pair(coin: str, quote: str, passed: bool) -> None:
    """Of a coin that is named by the venue's id the quote is all that can be compared."""
    key = SessionKey("main", ListingKey("mexc", coin, quote), 1)

    (check,) = (check for check in assess(a_start(key=key), seen()) if check.name == "symbol")

    assert check.passed is passed
    assert passed or "symbol: got 'NEWUSDT', expected " in check.reason


def test_all_reasons_are_told_together() -> None:
    """Opening, funds, smallest order, slots and halt at once."""
    rules = replace(RULES, min_quantity=Base(Decimal(10**9)))
    bad = RiskSnapshot(
        rules, "USDT", Quote(Decimal(1)), open_sessions=MAX_SESSIONS, halted=True, now=T0 + timedelta(hours=3)
    )

    reasons = reasons_of(assess(a_start(), bad))

    assert [reason.split(":")[0] for reason in reasons] == ["opening", "funds", "budget", "sessions", "halted"]


def test_a_passed_opening_is_allowed_as_long_as_late_entry_is() -> None:
    """The operator's late entry moves the limit, to the second."""
    start = a_start(opens_in=timedelta(seconds=-10))
    entry = replace(start.policy.entry, late_entry_s=10)
    late = replace(start, policy=replace(start.policy, entry=entry))

    assert reasons_of(assess(late, seen())) == ()
    assert len(reasons_of(assess(late, replace(seen(), now=T0 + timedelta(seconds=1))))) == 1


def test_without_a_max_price_the_smallest_order_is_not_judged() -> None:
    """There is nothing to judge it by before a price is seen."""
    asked = {check.name: check for check in assess(start_with(max_price=None), seen())}

    assert asked["smallest order"].passed
    assert "not known before a price is seen" in asked["smallest order"].found
    assert all(check.passed for check in asked.values())


@pytest.mark.parametrize("name", ["max_price", "late_max_price"])
def test_a_price_bound_that_is_no_number_is_refused_before_it_is_compared(name: str) -> None:
    """NaN compares with nothing; the complaint alone is the answer."""
    asked = assess(start_with(**{name: Price(Decimal("NaN"))}), seen())

    assert [check.name for check in asked] == ["policy"]
    assert "got NaN" in asked[0].reason


@pytest.mark.parametrize(
    ("strategy", "slices"), [(EntryStrategy.IOC_CAP, 1), (EntryStrategy.BURST, 3), (EntryStrategy.TRANCHE, 4)]
)
def test_every_slice_has_to_buy_a_smallest_order(strategy: EntryStrategy, slices: int) -> None:
    """A budget that suffices as a whole may be too small in parts, and then no order would leave."""
    start = start_with(strategy=strategy)
    enough = replace(RULES, min_notional=Quote(Decimal(49) / slices))
    too_much = replace(RULES, min_notional=Quote(Decimal(51) / slices))

    assert reasons_of(assess(start, replace(seen(), rules=enough))) == ()
    assert len(reasons_of(assess(start, replace(seen(), rules=too_much)))) == 1


def test_a_late_session_is_judged_by_its_late_price() -> None:
    """It is what the first shot may pay."""
    start = replace(start_with(late_entry_s=60, late_max_price=Price(Decimal(1))), opens_at=T0 - timedelta(seconds=5))
    coarse = replace(RULES, min_quantity=Base(Decimal(100)))

    assert len(reasons_of(assess(start, replace(seen(), rules=coarse)))) == 1
    assert reasons_of(assess(replace(start, opens_at=T0), replace(seen(), rules=coarse))) == ()


def test_a_market_strategy_needs_a_venue_that_takes_market_orders() -> None:
    """The reason says what to choose instead; nothing is refused while the pair cannot be traded yet."""
    start = start_with(strategy=EntryStrategy.MARKET)
    (reason,) = reasons_of(assess(start, seen()))

    assert "strategy: got market" in reason
    assert "choose ioc_cap, limit, burst or tranche" in reason
    for rules in (None, replace(RULES, api_allowed=False), replace(RULES, market_orders=True)):
        assert reasons_of(assess(start, replace(seen(), rules=rules))) == ()
