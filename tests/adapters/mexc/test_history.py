"""Past orders and fills: complete over any number of pages, or an error; and no further back than the venue tells."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.clock import SystemClock
from adapters.mexc.governor import RequestGovernor
from adapters.mexc.history import FILLS_REACH, ORDERS_REACH, AccountHistory
from adapters.mexc.limits import Limits
from adapters.mexc.members import milliseconds
from adapters.mexc.rest import Rest, SignedRest
from adapters.mexc.signing import Credentials
from adapters.mexc.venue import MexcVenue
from domain.errors import InvalidInput, TryAgain
from domain.exchange_time import ClockEstimate, ClockSample
from domain.orders import OrderKind, Side
from tests.adapters.mexc.conftest import MakeRequest

NOW = datetime(2026, 1, 31, tzinfo=UTC)
_PAGE = {"myTrades": 100, "allOrders": 1000}


class ExchangeClock:
    """Always reads NOW."""

    async def synchronise(self) -> ClockEstimate:
        raise NotImplementedError

    def estimate(self) -> ClockEstimate | None:
        return ClockEstimate(0.0, 0.0, 0.0, 0.0)

    def now(self) -> datetime:
        return NOW

    def learn(self, order: ClockSample) -> None:
        """Nothing is learnt here."""

    def monotonic_at(self, instant: datetime) -> float:
        return 0.0


class PastVenue:
    """Knows the seconds, before NOW, in which things happened; answers as the real one: newest first, whole seconds."""

    def __init__(self, ages_s: list[int]) -> None:
        self.ages_s = ages_s
        self.asked: list[dict[str, str]] = []

    def answer(self, request: httpx.Request) -> httpx.Response:
        params = dict(request.url.params)
        self.asked.append(params)
        name = request.url.path.rsplit("/", 1)[1]
        if "endTime" in params and "startTime" not in params:  # then it reaches back from there, beyond what it tells
            return httpx.Response(400, json={"code": 400, "msg": "Exceeded the queryable time range"})
        since = int(params.get("startTime", 0))
        until = int(params.get("endTime", milliseconds(NOW)))
        rows = [
            self._row(number, milliseconds(NOW - timedelta(seconds=age)))
            for number, age in enumerate(sorted(self.ages_s))
            if since <= milliseconds(NOW - timedelta(seconds=age)) <= until
        ]
        return httpx.Response(200, json=rows[: min(int(params["limit"]), _PAGE[name])])

    def history(self) -> AccountHistory:
        clock = SystemClock()
        limits = Limits(requests=100_000, weight=100_000, account_weight=100_000)
        transport = httpx.MockTransport(self.answer)
        rest = Rest("http://venue", clock=clock, governor=RequestGovernor(clock, limits), transport=transport)
        return AccountHistory(SignedRest(rest, Credentials("key", "secret"), ExchangeClock()))

    @staticmethod
    def _row(number: int, at_ms: int) -> dict[str, object]:
        trade = {"id": f"t{number}", "orderId": "o", "qty": "1", "quoteQty": "1", "isBuyer": True, "isMaker": False}
        fee = {"commission": "0", "commissionAsset": "USDT", "clientOrderId": None}
        order = {"side": "BUY", "type": "LIMIT", "origQty": "1", "executedQty": "0", "cummulativeQuoteQty": "0"}
        return {"symbol": "NEWUSDT", "price": "1", "time": at_ms, "status": "NEW", **trade, **fee, **order}


def ids(count: int) -> list[str]:
    return [f"t{number}" for number in reversed(range(count))]


@given(st.lists(st.integers(0, 100), max_size=400).filter(lambda ages: all(ages.count(age) < 100 for age in ages)))
async def test_every_fill_is_told_once_and_in_order(ages_s: list[int]) -> None:
    """However many fall on one page or into one second."""
    venue = PastVenue(ages_s)

    fills = await venue.history().fills("NEWUSDT", NOW - timedelta(days=1), NOW)

    assert [fill.trade_id for fill in fills] == ids(len(ages_s))


async def test_more_fills_in_a_second_than_on_a_page_are_an_error() -> None:
    """What came before them cannot be asked for; half the truth about a time is none."""
    with pytest.raises(TryAgain, match="within a second"):
        await PastVenue([5] * 101).history().fills("NEWUSDT", NOW - timedelta(days=1), NOW)


async def test_of_an_order_with_more_fills_in_a_second_than_on_a_page_the_newest_are_told() -> None:
    """Who asks knows what the order executed, and what was told of it before: an error would hide all of them."""
    fills = await PastVenue([5] * 130 + [1] * 10).history().fills_of("NEWUSDT", "o")

    assert {fill.trade_id for fill in fills} >= {f"t{number}" for number in range(110)}
    assert len(fills) < 140


async def test_all_fills_of_an_order_are_asked_for_by_pages() -> None:
    """An order may have more than a page holds."""
    venue = PastVenue([number // 50 for number in range(250)])

    assert len(await venue.history().fills_of("NEWUSDT", "o")) == 250
    assert len(venue.asked) == 5


async def test_nothing_is_asked_for_that_the_venue_has_forgotten() -> None:
    """The refusal says from when on it can be asked; just inside that, it is asked."""
    history = PastVenue([]).history()

    with pytest.raises(InvalidInput, match="at most 30 days ago"):
        await history.fills("NEWUSDT", NOW - FILLS_REACH - timedelta(seconds=1), NOW)
    with pytest.raises(InvalidInput, match="ask from 2026-01-24 00:01 on"):
        await history.orders("NEWUSDT", NOW - ORDERS_REACH - timedelta(seconds=1), NOW)
    assert await history.orders("NEWUSDT", NOW - ORDERS_REACH, NOW) == ()


@pytest.fixture
async def traded(venue: MexcVenue, an_order: MakeRequest) -> tuple[MexcVenue, datetime]:
    await venue.exchange_clock.synchronise()
    top = await venue.exchange.top_of_book("BTCUSDT")
    rules = await venue.exchange.rules("BTCUSDT")
    assert top.ask is not None
    assert rules is not None
    since = venue.exchange_clock.now() - timedelta(seconds=2)
    for number, price in enumerate((top.ask * 2, top.ask / 2)):
        price = min(price, top.ask * (1 + (rules.band_up or Decimal(1)) / 2))
        price = max(price, top.ask * (1 - (rules.band_down or Decimal(1)) / 2))
        name = f"past{number}"
        order = an_order(
            name, side=Side.BUY, kind=OrderKind.IMMEDIATE, price=str(rules.price_down(price)), quantity="0.001"
        )
        await venue.exchange.send(venue.exchange.sign(order, venue.exchange_clock.now(), 1000))
    return venue, since


async def test_the_venue_tells_ended_orders_and_fills_of_a_time(traded: tuple[MexcVenue, datetime]) -> None:
    """One order was filled, the other one found nothing."""
    venue, since = traded
    until = venue.exchange_clock.now() + timedelta(seconds=1)

    orders = await venue.history.orders("BTCUSDT", since, until)
    fills = await venue.history.fills("BTCUSDT", since, until)

    assert [order.client_order_id for order in orders] == ["past0", "past1"]
    assert [order.executed > 0 for order in orders] == [True, False]
    assert {fill.order_id for fill in fills} == {orders[0].order_id}
    assert sum(fill.quantity for fill in fills) == orders[0].executed


async def test_symbols_and_fees_are_asked_for_once_in_a_while(venue: MexcVenue) -> None:
    """Lists of what may be traded, by anyone and with this key; and this account's fees."""
    anyone = await venue.symbols.for_anyone()
    own = await venue.symbols.for_this_key()
    maker, taker = await venue.symbols.fees("BTCUSDT")
    used = venue.governor.status().used

    assert "BTCUSDT" in anyone
    assert "BTCUSDT" in own
    assert 0 <= maker <= taker < 1
    assert await venue.symbols.for_anyone() is anyone
    assert venue.governor.status().used == used
