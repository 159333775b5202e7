"""A listing's way from announcement to open trading, as a function of the time."""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from simulator.arithmetic import multiply, round_nearest, trimmed
from simulator.errors import Refusal, above_opening_cap, bad_symbol
from simulator.matching import Market
from simulator.scripts import ListingScript


class ListingState(StrEnum):
    """The stages, in order; WITHDRAWN may follow any of them."""

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
    WITHDRAWN = "WITHDRAWN"
    """Gone again."""


VISIBLE = frozenset(
    {ListingState.LISTED_CLOSED_API, ListingState.PRE_OPEN, ListingState.OPEN_CAPPED, ListingState.OPEN}
)
TRADING = frozenset({ListingState.OPEN_CAPPED, ListingState.OPEN})


@dataclass(slots=True, eq=False)
class Listing:
    """One symbol of the venue.

    opens_at_ms: the published opening instant, venue time; it may be moved until trading has begun.
    withdrawn: taken off by command, whatever the script says.
    """

    market: Market
    script: ListingScript
    opens_at_ms: int
    withdrawn: bool = False

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

    def state(self, now_ms: int) -> ListingState:
        """The stage at `now_ms`."""
        script = self.script
        withdraw_at_s = script.withdraw_at_s
        if self.withdrawn or (withdraw_at_s is not None and now_ms >= self.opens_at_ms + withdraw_at_s * 1000):
            return ListingState.WITHDRAWN
        if now_ms >= self.trades_at_ms:
            capped = now_ms < self.trades_at_ms + script.capped_for_s * 1000
            return ListingState.OPEN_CAPPED if capped else ListingState.OPEN
        if now_ms >= self.opens_at_ms - script.pre_open_lead_s * 1000:
            return ListingState.PRE_OPEN
        if now_ms >= self.opens_at_ms - script.listed_lead_s * 1000:
            return ListingState.LISTED_CLOSED_API
        return ListingState.ANNOUNCED

    def refusal(self, state: ListingState) -> Refusal | None:
        """How any order is answered in `state`; None where orders are taken."""
        if state in TRADING:
            return None
        if state is ListingState.PRE_OPEN:
            return Refusal(self.script.pre_open_code, self.script.pre_open_text)
        if state is ListingState.WITHDRAWN:
            return bad_symbol()
        return Refusal(self.script.closed_code, self.script.closed_text)

    def cap_refusal(self) -> Refusal:
        """The answer to a buy above the cap, which names the cap."""
        return above_opening_cap(trimmed(self.cap_price), self.market.rules.quote_asset)
