"""The demo's story: a listing is announced, a target waits for it, the session is told as it happens, and at the end
the venue's books are laid beside ours."""

import asyncio
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from adapters.local.panel_access import PanelAccess
from adapters.postgres.read_models import SessionDetail, SessionLine
from adapters.postgres.reader import Reader
from adapters.settings import Settings
from cli.access import open_actions
from cli.demo_venue import DemoVenue, VenueBooks
from cli.ledger_check import Book, BookedFill, BookedOrder, balance_differences, book_differences
from cli.narrator import Narrator, Waiting, expectation
from domain.errors import SniperError, StoreUnavailable
from domain.events import PositionFlat, ShotSent
from domain.ids import Leg
from domain.money import plain
from domain.orders import Fill, Order, Side
from domain.policy import complaints
from domain.session import Outcome, Phase
from ui.arm_request import ArmRequest
from ui.reading import LOOK_BACK, journal
from ui.refusal import ActionRefused
from ui.timeline import Recorded, lines
from ui.wording import Units, average, clock, money, policy_in_words, price, signed

OPENS_IN_S = 25
"""Room for the listing watch to find it (it looks every five seconds), and for arming."""
ARM_LEAD_S = 10
TIME_STOP_S = 60
OPEN_PRICE = Decimal("0.05")
MAX_PRICE = Decimal("0.056")
"""A good tenth above the opening price: bought at the first instant, not at any price."""
FOUND_WITHIN_S = 20.0
OVER_WITHIN_S = OPENS_IN_S + TIME_STOP_S + 40.0
LOOK_EVERY_S = 0.2


@dataclass(frozen=True, slots=True)
class Told:
    """A session that was followed to its end. entries: its whole journal."""

    detail: SessionDetail
    entries: tuple[Recorded, ...]


@dataclass(frozen=True, slots=True)
class DemoResult:
    """How a demo ended. spent, received, result: quote, fees included. lateness_us: of each entry shot that left.

    wrong: everything that keeps it from being a success; empty: closed, bought, flat, inside the budget, books agree.
    """

    session: str
    outcome: Outcome | None
    spent: Decimal
    received: Decimal
    result: Decimal
    orders: int
    fills: int
    lateness_us: tuple[int, ...]
    wrong: tuple[str, ...]


async def play(settings: Settings, budget: Decimal, narrator: Narrator) -> DemoResult:
    """One whole session. Raises SniperError when it cannot be played at all."""
    account = settings.venue().account
    async with DemoVenue(settings.venue().rest_url) as venue, open_actions(settings) as (actions, reader):
        symbol = await _fresh_symbol(venue, reader)
        units = Units.of(symbol)
        before = await venue.books(account)
        narrator.heading(f"{symbol} on the simulator")
        opens_at = await venue.list_pump(symbol, OPENS_IN_S, OPEN_PRICE)
        narrator.say(f"the venue announces {symbol}: opens at {clock(opens_at)} UTC, in {OPENS_IN_S} s")
        wish = _wish(symbol, budget, account)
        armed = await actions.arm(wish)
        narrator.say(f"target {armed.target}: {policy_in_words(wish.policy, units)}")
        line = await _found(reader, symbol, narrator)
        narrator.say(f"the listing watch found it and started session {line.key}")
        if settings.panel_url is not None:
            narrator.say(f"panel: {PanelAccess(settings.sniper_home).link(settings.panel_url)}")
        told = await _follow(reader, line, narrator)
        differences = _differences(told, before, await venue.books(account), symbol)
    return _conclude(told, differences, units, narrator)


def refuse_unusable(budget: Decimal) -> None:
    """Before anything is started. Raises ActionRefused."""
    reasons = complaints(_wish("NEWUSDT", budget, "main").policy)
    if reasons:
        raise ActionRefused(reasons)


def _wish(symbol: str, budget: Decimal, account: str) -> ArmRequest:
    """A target without an opening time, so that the listing watch has to find it."""
    return ArmRequest(
        symbol=symbol,
        budget=budget,
        max_price=MAX_PRICE,
        time_stop_s=TIME_STOP_S,
        arm_lead_s=ARM_LEAD_S,
        account=account,
        unlisted=True,
    )


async def _fresh_symbol(venue: DemoVenue, reader: Reader) -> str:
    """A pair that neither the venue nor we have met: the venue forgets with its process, we do not."""
    met = set(await venue.symbols())
    met |= {line.symbol for line in reader.sessions(limit=LOOK_BACK)}
    met |= {target.symbol for target in reader.targets(limit=LOOK_BACK)}
    number = 0
    symbol = "NEWUSDT"
    while symbol in met:
        number += 1
        symbol = f"DEMO{number}USDT"
    return symbol


async def _found(reader: Reader, symbol: str, narrator: Narrator) -> SessionLine:
    deadline = time.monotonic() + FOUND_WITHIN_S
    with narrator.waiting("waiting for the listing watch to find it"):
        while time.monotonic() < deadline:
            for line in reader.sessions(limit=20):
                if line.symbol == symbol:
                    return line
            await asyncio.sleep(LOOK_EVERY_S)
    raise SniperError(
        f"listing watch: no session of {symbol} after {FOUND_WITHIN_S:.0f} s; "
        "logs/worker-control.log in SNIPER_HOME says more"
    )


async def _follow(reader: Reader, line: SessionLine, narrator: Narrator) -> Told:
    """Tell the journal as it grows, until the session is closed or takes too long."""
    units = Units.of(line.symbol)
    deadline = time.monotonic() + OVER_WITHIN_S
    entries: tuple[Recorded, ...] = ()
    with narrator.waiting("looking") as status:
        while True:
            detail, news = await _look(reader, line, entries[-1].number if entries else 0, status)
            narrator.tell(lines(news, units), detail.line.opens_at)
            entries += news
            over = detail.line.phase is Phase.CLOSED and not news
            if over or time.monotonic() > deadline:
                return Told(detail, entries)
            status.show(_status(detail, units))
            await asyncio.sleep(LOOK_EVERY_S)


async def _look(
    reader: Reader, line: SessionLine, after: int, status: Waiting
) -> tuple[SessionDetail, tuple[Recorded, ...]]:
    """The session and what its journal holds after an entry; a database that is away is waited for."""
    while True:
        try:
            news = journal(reader, line.key, after)
            detail = reader.session(line.key)
            assert detail is not None  # sessions are never deleted
            return detail, news
        except StoreUnavailable as exc:
            status.show(f"{exc}; trying again")
            await asyncio.sleep(LOOK_EVERY_S)


def _status(detail: SessionDetail, units: Units) -> str:
    text = expectation(detail.line.phase, detail.line.opens_at)
    if detail.position.bought:
        text += f", holds {money(detail.position.held, units.base)}"
    return text


def _differences(told: Told, before: VenueBooks, after: VenueBooks, symbol: str) -> list[str]:
    """Where the venue's books and ours differ about this session; what others traded meanwhile is left aside."""
    ours = Book(_orders(told.detail.orders), _fills(told.detail.fills))
    known = {fill.trade_id for fill in before.book.fills}
    others = [fill for fill in after.book.fills if fill.symbol != symbol and fill.trade_id not in known]
    return [
        *book_differences(after.of(symbol), ours),
        *balance_differences(before.balances, after.balances, [*ours.fills, *others]),
    ]


def _orders(orders: Iterable[Order]) -> tuple[BookedOrder, ...]:
    return tuple(
        BookedOrder(
            client_order_id=order.client_order_id or "",
            symbol=order.symbol,
            side=order.side.value,
            executed=order.executed,
            executed_quote=order.executed_quote,
            status=order.status.value,
        )
        for order in orders
    )


def _fills(fills: Iterable[Fill]) -> tuple[BookedFill, ...]:
    return tuple(
        BookedFill(
            trade_id=fill.trade_id,
            client_order_id=fill.client_order_id or "",
            symbol=fill.symbol,
            side=fill.side.value,
            price=fill.price,
            quantity=fill.quantity,
            quote=fill.quote,
            fee=fill.fee,
            fee_asset=fill.fee_asset,
        )
        for fill in fills
    )


def shortcomings(told: Told, differences: Sequence[str], quote_asset: str) -> list[str]:
    """Everything that keeps the demo from being a success; empty: closed, bought, flat, inside its budget, agreed."""
    line, position = told.detail.line, told.detail.position
    found = [f"the books differ: {difference}" for difference in differences]
    if line.phase is not Phase.CLOSED:
        found.append(f"the session is {line.phase}, not closed, {OVER_WITHIN_S:.0f} s after it was found")
    if line.outcome is not Outcome.COMPLETED:
        found.append(f"the session's outcome is {line.outcome or 'open'}, not completed: {line.reason or 'no reason'}")
    if position.bought and not any(isinstance(entry.event, PositionFlat) for entry in told.entries):
        found.append(f"the position is not known to be flat: {plain(position.held)} held")
    cost = cost_of(told.detail.fills, quote_asset)
    if cost > line.policy.budget_quote:
        found.append(f"the entry cost {plain(cost)} with fees, the budget is {plain(line.policy.budget_quote)}")
    return found


def cost_of(fills: Iterable[Fill], quote_asset: str) -> Decimal:
    """What the purchase took from the account, fees in quote included."""
    bought = [fill for fill in fills if fill.side is Side.BUY]
    paid = sum((fill.quote for fill in bought), Decimal(0))
    return paid + sum((fill.fee for fill in bought if fill.fee_asset == quote_asset), Decimal(0))


def _lateness(told: Told) -> list[int]:
    """Microseconds each entry shot left after its planned instant; sales leave when they are decided."""
    entry = {line.intent.client_order_id for line in told.detail.intents if line.intent.leg is Leg.ENTRY}
    return [
        recorded.event.late_us
        for recorded in told.entries
        if isinstance(recorded.event, ShotSent) and recorded.event.client_order_id in entry
    ]


def _conclude(told: Told, differences: list[str], units: Units, narrator: Narrator) -> DemoResult:
    """Says the last lines."""
    position = told.detail.position
    result = DemoResult(
        session=str(told.detail.line.key),
        outcome=told.detail.line.outcome,
        spent=cost_of(told.detail.fills, units.quote),
        received=position.received,
        result=position.realised_quote,
        orders=len(told.detail.orders),
        fills=len(told.detail.fills),
        lateness_us=tuple(_lateness(told)),
        wrong=tuple(shortcomings(told, differences, units.quote)),
    )
    narrator.heading("Result")
    if not differences:
        narrator.say(f"venue ledger and journal agree: {result.orders} orders, {result.fills} fills", style="green")
    if position.average_entry is not None:
        mean = price(average(position.average_entry), units)
        narrator.say(
            f"bought {money(position.bought, units.base)} at {mean} on average, sold {money(position.sold, units.base)}"
        )
    narrator.say(
        f"spent {money(result.spent, units.quote)} of {money(told.detail.line.policy.budget_quote, units.quote)} "
        f"with fees, received {money(result.received, units.quote)}, result {signed(result.result, units.quote)} after "
        "fees"
    )
    if result.lateness_us:
        shots = "the one entry shot" if len(result.lateness_us) == 1 else f"{len(result.lateness_us)} entry shots"
        narrator.say(f"worst lateness of {shots}: {max(result.lateness_us, key=abs):,} µs")
    for text in result.wrong:
        narrator.say(text, style="red")
    return result
