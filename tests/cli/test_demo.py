"""When the demo calls itself a success, and how it reads the venue's books."""

import asyncio
from decimal import Decimal
from typing import Any

import httpx
import pytest

from cli.demo_session import Told, cost_of, shortcomings
from cli.demo_venue import STATUSES, DemoVenue
from cli.ledger_check import BookedFill, BookedOrder
from domain.errors import InvalidInput
from domain.events import PositionFlat
from domain.money import NO_BASE, Quote
from domain.orders import OrderStatus, Side
from domain.session import Outcome, Phase
from simulator.engine.orders import Status
from tests.ui.stand_ins import NOW, a_detail, a_fill, a_line
from ui.timeline import Recorded

FLAT = Recorded(1, NOW, PositionFlat(NO_BASE, Quote(Decimal(1))))


def _told(*, flat: bool = True, **changes: Any) -> Told:
    line = a_line(**{"phase": Phase.CLOSED, "outcome": Outcome.COMPLETED, **changes})
    return Told(a_detail(line, a_fill(), a_fill(Side.SELL)), (FLAT,) if flat else ())


def test_a_session_that_is_closed_flat_inside_its_budget_and_agreed_is_a_success() -> None:
    """Nothing is found."""
    assert shortcomings(_told(), [], "USDT") == []


@pytest.mark.parametrize(
    ("told", "differences", "words"),
    [
        (_told(phase=Phase.GUARDING), [], "guarding, not closed"),
        (_told(outcome=Outcome.UNFILLED), [], "unfilled, not completed"),
        (_told(flat=False), [], "not known to be flat"),
        (_told(), ["order s1: unknown"], "the books differ: order s1: unknown"),
    ],
)
def test_each_shortcoming_is_named(told: Told, differences: list[str], words: str) -> None:
    """One at a time."""
    found = shortcomings(told, differences, "USDT")

    assert len(found) == 1
    assert words in found[0]


def test_a_session_that_bought_nothing_is_flat() -> None:
    """Only that it bought nothing is wrong."""
    told = Told(a_detail(a_line(phase=Phase.CLOSED, outcome=Outcome.REJECTED, reason="halted")), ())

    assert shortcomings(told, [], "USDT") == ["the session's outcome is rejected, not completed: halted"]


def test_fees_count_against_the_budget() -> None:
    """49.99 and a fee of 0.02 are more than 50."""
    told = Told(
        a_detail(a_line(phase=Phase.CLOSED, outcome=Outcome.COMPLETED), a_fill(quote=Quote(Decimal("49.99")))), (FLAT,)
    )

    assert cost_of(told.detail.fills, "USDT") == Decimal("50.01")
    assert shortcomings(told, [], "USDT") == ["the entry cost 50.01 with fees, the budget is 50"]


def test_every_status_of_the_venue_has_our_word() -> None:
    """So that a comparison never fails for want of a translation."""
    assert set(STATUSES) == {status.value for status in Status}
    assert set(STATUSES.values()) == {status.value for status in OrderStatus}


async def test_the_venues_books_are_read_to_the_last_unit() -> None:
    """Amounts are decimals, free and locked together."""
    order = {
        **{"orderId": "1", "clientOrderId": "s1", "symbol": "NEWUSDT", "side": "BUY", "executedQty": "892.41"},
        **{"cummulativeQuoteQty": "44.68743075", "status": "FILLED"},
    }
    fill = {
        **{"tradeId": "7", "clientOrderId": "s1", "symbol": "NEWUSDT", "side": "BUY", "price": "0.050075"},
        **{"qty": "892.41", "quoteQty": "44.68743075", "commission": "0.022343715375", "commissionAsset": "USDT"},
    }
    balances = {"USDT": {"free": "90.5", "locked": "9.5"}}
    ledger = {"accounts": {"main": {"balances": balances, "orders": [order], "fills": [fill]}}}

    async with _venue(lambda request: httpx.Response(200, json=ledger)) as venue:
        books = await venue.books("main")

    assert books.balances == {"USDT": Decimal(100)}
    assert books.of("NEWUSDT").orders == (
        BookedOrder("s1", "NEWUSDT", "buy", Decimal("892.41"), Decimal("44.68743075"), "filled"),
    )
    assert books.of("NEWUSDT").fills == (
        BookedFill(
            "7",
            "s1",
            "NEWUSDT",
            "buy",
            Decimal("0.050075"),
            Decimal("892.41"),
            Decimal("44.68743075"),
            Decimal("0.022343715375"),
            "USDT",
        ),
    )
    assert books.of("OLDUSDT").orders == ()


@pytest.mark.parametrize("status", [404, 500])
def test_a_venue_that_is_no_simulator_is_refused(status: int) -> None:
    """The demo must never play on anything else."""

    async def enter() -> None:
        async with _venue(lambda request: httpx.Response(status, text="?")):
            pass

    with pytest.raises(InvalidInput, match="MEXC_REST_URL: got"):
        asyncio.run(enter())


def _venue(answer: Any) -> DemoVenue:
    return DemoVenue("http://127.0.0.1:8300", transport=httpx.MockTransport(answer))
