"""A listing's way from announcement to open trading and to its end, as a function of the time."""

from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from simulator.engine.arithmetic import multiply, round_nearest, trimmed
from simulator.engine.matching import Market
from simulator.errors import Refusal, above_opening_cap, bad_symbol
from simulator.exchange.scripts import ListingScript


class ListingState(StrEnum):
    """The stages up to OPEN in order; the others may follow any of them."""

    ANNOUNCED = "ANNOUNCED"
    """The API does not know the symbol."""
    LISTED_CLOSED_API = "LISTED_CLOSED_API"
    """exchangeInfo shows it, closed to the API."""
    PRE_OPEN = "PRE_OPEN"
    """Allowed to the API, with its opening time; orders are refused; the makers' quotes may stand."""
    OPEN_CAPPED = "OPEN_CAPPED"
    """Trading; buys above a cap are refused and MARKET orders are cancelled unfilled."""
    OPEN = "OPEN"
    """Trading inside the percent band."""
    WEB_ONLY = "WEB_ONLY"
    """Trading for everybody but the API, which is refused for ever."""
    HALTED = "HALTED"
    """Paused in mid-life: known, with a book that stands still; new orders are refused, cancels are taken."""
    DELISTED = "DELISTED"
    """Offline for ever: exchangeInfo still shows the row."""
    WITHDRAWN = "WITHDRAWN"
    """Gone, as if it had never been."""


VISIBLE = frozenset(ListingState) - {ListingState.ANNOUNCED, ListingState.WITHDRAWN}
TRADING = frozenset({ListingState.OPEN_CAPPED, ListingState.OPEN})
"""The API may trade."""
MATCHING = TRADING | {ListingState.WEB_ONLY}
"""Somebody trades."""
API_TRADABLE = TRADING | {ListingState.PRE_OPEN, ListingState.HALTED}
"""What defaultSymbols and selfSymbols name."""


@dataclass(slots=True, eq=False)
class Listing:
    """One symbol of the venue.

    opens_at_ms: the published opening instant, venue time; it may be moved until trading has begun.
    moves: instants at which it was set, with what it was set to then; the website learns of them later.
    withdrawn_ms, delisted_ms, halts: by script and by command. halts: (from, until); until None: for now.
    """

    market: Market
    script: ListingScript
    opens_at_ms: int
    moves: list[tuple[int, int]] = field(default_factory=list)
    withdrawn_ms: int | None = None
    delisted_ms: int | None = None
    halts: list[tuple[int, int | None]] = field(default_factory=list)

    @property
    def symbol(self) -> str:
        """The venue's name of the pair."""
        return self.market.rules.symbol

    @property
    def trades_at_ms(self) -> int:
        """The instant from which orders are really taken."""
        return self.opens_at_ms + self.script.opens_late_ms

    @property
    def cap_price(self) -> Decimal:
        """The highest price of a buy during the capped stage."""
        if self.script.cap_price is not None:
            return self.script.cap_price
        return round_nearest(multiply(self.script.open_price, self.script.cap_factor), self.market.rules.price_scale)

    def move(self, opens_at_ms: int, now_ms: int) -> None:
        """Another opening instant from now on."""
        self.opens_at_ms = opens_at_ms
        self.moves.append((now_ms, opens_at_ms))

    def on_the_website_ms(self, now_ms: int) -> int | None:
        """The opening that the website shows; None: it shows none. It learns everything some seconds late."""
        then_ms = now_ms - round(self.script.calendar_lag_s * 1000)
        if self.state(then_ms) is ListingState.WITHDRAWN:
            return None
        known = [opens_at_ms for moved_ms, opens_at_ms in self.moves if moved_ms <= then_ms]
        return known[-1] if known else None

    def web_statuses(self, now_ms: int) -> tuple[int, int, int]:
        """The undocumented sts, st and tt of the website's symbol table."""
        if now_ms >= self.opens_at_ms - self.script.web_ready_lead_s * 1000:
            return 2, 2, 4
        if now_ms >= self.opens_at_ms - self.script.web_listed_lead_s * 1000:
            return 2, 1, 1
        return 1, 1, 1

    def state(self, now_ms: int) -> ListingState:
        """The stage at `now_ms`."""
        script = self.script
        gone_at_s = script.withdraw_at_s
        taken_off = self.withdrawn_ms is not None and now_ms >= self.withdrawn_ms
        if taken_off or (gone_at_s is not None and now_ms >= self.after_opening_ms(gone_at_s)):
            return ListingState.WITHDRAWN
        if self.delisted_ms is not None and now_ms >= self.delisted_ms:
            return ListingState.DELISTED
        if any(since <= now_ms and (until is None or now_ms < until) for since, until in self.halts):
            return ListingState.HALTED
        if now_ms >= self.trades_at_ms:
            if script.never_api:
                return ListingState.WEB_ONLY
            capped = now_ms < self.trades_at_ms + script.capped_for_s * 1000
            return ListingState.OPEN_CAPPED if capped else ListingState.OPEN
        if now_ms >= self.opens_at_ms - script.pre_open_lead_s * 1000 and not script.never_api:
            return ListingState.PRE_OPEN
        if now_ms >= self.opens_at_ms - script.listed_lead_s * 1000:
            return ListingState.LISTED_CLOSED_API
        return ListingState.ANNOUNCED

    def after_opening_ms(self, seconds: float) -> int:
        """The instant so many seconds after the published opening."""
        return self.opens_at_ms + round(seconds * 1000)

    def trade_side_type(self, now_ms: int) -> int:
        """1 both sides, 2 buying only, 3 selling only, 4 none; as the script changes it."""
        known = [side for after_s, side in self.script.trade_sides if now_ms >= self.after_opening_ms(after_s)]
        return known[-1] if known else self.script.trade_side_type

    def refusal(self, state: ListingState) -> Refusal | None:
        """How any order is answered in `state`; None where orders are taken."""
        script = self.script
        if state in TRADING:
            return None
        if state is ListingState.PRE_OPEN:
            return Refusal(script.pre_open_code, script.pre_open_text)
        if state is ListingState.WITHDRAWN:
            return bad_symbol()
        if state is ListingState.HALTED:
            return Refusal(script.halted_code, script.halted_text)
        if state is ListingState.DELISTED:
            return Refusal(script.delisted_code, script.delisted_text)
        return Refusal(script.closed_code, script.closed_text)

    def cap_refusal(self) -> Refusal:
        """The answer to a buy above the cap, which names the cap."""
        return above_opening_cap(trimmed(self.cap_price), self.market.rules.quote_asset)
