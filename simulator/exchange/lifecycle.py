"""Listings come, move, pause and go: by command and by their scripts, each at its instant."""

import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from simulator.engine.matching import Market
from simulator.engine.wallet import Wallet
from simulator.exchange.agenda import Agenda
from simulator.exchange.listings import TRADING, Listing, ListingState
from simulator.exchange.scripts import ListingScript
from simulator.exchange.traders import BackgroundTraders

BACKGROUND_FUNDS = Decimal(10) ** 15  # of every asset, for each kind of background trader: they never run dry
LONGEST_CATCH_UP_MS = 600_000
"""What background traders do in a jump of the clock: all of it up to here, else only the last minute."""
LAST_MINUTE_MS = 60_000
KEPT_NEWS = 1000
FIRST_ARTICLE = 17_827_791_000_000


@dataclass(frozen=True, slots=True)
class News:
    """One announcement of the venue."""

    posted_ms: int
    title: str
    number: int

    @property
    def url(self) -> str:
        """Where a real venue would have the article."""
        return f"https://www.mexc.com/announcements/article/{self.number}"


class ListingRefused(ValueError):
    """The control side asked for a listing that cannot be: its text says why."""


class Lifecycle:
    """Keeps the venue's listings, in the order they were added, and the background traders of each.

    new_market: makes the engine of a symbol. cancel_open: ends every open order of clients in a symbol.
    """

    def __init__(
        self,
        seed: int,
        agenda: Agenda,
        new_market: Callable[[ListingScript, str], Market],
        cancel_open: Callable[[str, int, str], None],
    ) -> None:
        self.listings: dict[str, Listing] = {}
        self.news: deque[News] = deque(maxlen=KEPT_NEWS)
        self.makers = Wallet("background makers")
        self.takers = Wallet("background takers")
        self._seed = seed
        self._agenda = agenda
        self._new_market = new_market
        self._cancel_open = cancel_open
        self._traders: dict[str, BackgroundTraders] = {}
        self._funded: set[str] = set()
        self._articles = 0

    def traders(self, symbol: str) -> BackgroundTraders | None:
        """Who keeps the symbol's book alive; None for an unknown symbol."""
        return self._traders.get(symbol)

    def set_listing(self, symbol: str, opens_at_ms: int, script: ListingScript | None, now_ms: int) -> Listing:
        """A new listing, or one that has not opened yet with a moved instant and, if given, another script.

        Raises ListingRefused when it trades already, or the symbol does not end with the quote asset.
        """
        known = self.listings.get(symbol)
        if known is not None and known.state(now_ms) is not ListingState.WITHDRAWN:
            if known.state(now_ms) in TRADING | {ListingState.HALTED, ListingState.WEB_ONLY, ListingState.DELISTED}:
                raise ListingRefused(f"{symbol} has opened already and cannot be moved")
            if script is None:
                self._move(known, opens_at_ms, now_ms)
                return known
        if symbol in self._traders:
            self._traders.pop(symbol).retire(now_ms)
        script = script or ListingScript()
        if not symbol.endswith(script.quote_asset) or symbol == script.quote_asset:
            raise ListingRefused(f"{symbol} does not end with its quote asset {script.quote_asset}")
        market = self._new_market(script, symbol)
        listing = self.listings[symbol] = Listing(market, script, opens_at_ms, moves=[(now_ms, opens_at_ms)])
        self._fund(market.rules.base_asset, market.rules.quote_asset)
        traders = BackgroundTraders(
            listing, self.makers, self.takers, random.Random(f"{self._seed} {symbol} {script.name}")
        )
        self._traders[symbol] = traders
        self._agenda.add(traders.first_ms(now_ms), traders.turn)
        if opens_at_ms > now_ms:
            self._announce(listing, now_ms, "will be listed in the Innovation Zone")
        self._plan(listing)
        for at_s, by_s in script.moves:
            self._plan_move(listing, at_s, by_s)
        return listing

    def withdraw(self, symbol: str, now_ms: int) -> None:
        """Take a listing off: the API forgets the symbol, and every open order in it is cancelled."""
        self.listings[symbol].withdrawn_ms = now_ms
        self._end(symbol, now_ms, "withdrawn")

    def halt(self, symbol: str, now_ms: int, *, cancel_orders: bool) -> None:
        """Pause it until `resume`. Idempotent."""
        listing = self.listings[symbol]
        if listing.state(now_ms) is not ListingState.HALTED:
            listing.halts.append((now_ms, None))
        if cancel_orders:
            self._cancel_open(symbol, now_ms, "trading_halted")

    def resume(self, symbol: str, now_ms: int) -> None:
        """End every pause of now. Idempotent."""
        listing = self.listings[symbol]
        listing.halts = [
            (since, now_ms) if until is None or until > now_ms else (since, until) for since, until in listing.halts
        ]

    def delist(self, symbol: str, now_ms: int) -> None:
        """Offline for good: open orders are cancelled, the row stays. Idempotent."""
        listing = self.listings[symbol]
        if listing.delisted_ms is None or listing.delisted_ms > now_ms:
            listing.delisted_ms = now_ms
        self._end(symbol, now_ms, "delisted")

    def jumped(self, from_ms: int, to_ms: int) -> None:
        """The clock was set: after a long way forward traders live through the last minute only, and after one
        backward they go on at once."""
        if to_ms - from_ms > LONGEST_CATCH_UP_MS:
            for traders in self._traders.values():
                traders.skip_until_ms = to_ms - LAST_MINUTE_MS
        elif to_ms < from_ms:
            for symbol, old in self._traders.items():
                self._traders[symbol] = traders = old.successor()
                self._agenda.add(traders.first_ms(to_ms), traders.turn)

    def _move(self, listing: Listing, opens_at_ms: int, now_ms: int) -> None:
        sooner = opens_at_ms < listing.opens_at_ms
        listing.move(opens_at_ms, now_ms)
        self._announce(listing, now_ms, "opens earlier than announced" if sooner else "is postponed")
        self._plan(listing)

    def _announce(self, listing: Listing, now_ms: int, what: str) -> None:
        rules = listing.market.rules
        title = f"{rules.full_name} ({rules.base_asset}) {what}"
        self._articles += 1
        self.news.append(News(now_ms, title, FIRST_ARTICLE + self._articles))

    def _fund(self, *assets: str) -> None:
        for asset in assets:
            if asset not in self._funded:
                self._funded.add(asset)
                self.makers.credit(asset, BACKGROUND_FUNDS)
                self.takers.credit(asset, BACKGROUND_FUNDS)

    def _end(self, symbol: str, now_ms: int, reason: str) -> None:
        self._announce(self.listings[symbol], now_ms, f"is {reason}")
        self._traders[symbol].withdraw(now_ms)
        self._cancel_open(symbol, now_ms, reason)

    def _plan(self, listing: Listing) -> None:
        """Put down what the script does later, as the opening stands now; an act of an earlier plan finds that the
        opening has moved and does nothing."""
        script, opens_at_ms = listing.script, listing.opens_at_ms

        def planned(act: Callable[[int], None]) -> Callable[[int], None]:
            def unless_moved(at_ms: int) -> None:
                if listing.opens_at_ms == opens_at_ms and self.listings.get(listing.symbol) is listing:
                    act(at_ms)

            return unless_moved

        if script.withdraw_at_s is not None:
            self._agenda.add(
                listing.after_opening_ms(script.withdraw_at_s),
                planned(lambda at_ms: self._end(listing.symbol, at_ms, "withdrawn")),
            )
        if script.delist_at_s is not None:
            self._agenda.add(
                listing.after_opening_ms(script.delist_at_s), planned(lambda at_ms: self.delist(listing.symbol, at_ms))
            )
        for pause in script.halts:
            halt = self._halting(listing, pause.for_s, pause.cancel_orders)
            self._agenda.add(listing.after_opening_ms(pause.at_s), planned(halt))

    def _halting(self, listing: Listing, for_s: float | None, cancel_orders: bool) -> Callable[[int], None]:
        def halt(at_ms: int) -> None:
            listing.halts.append((at_ms, None if for_s is None else at_ms + round(for_s * 1000)))
            if cancel_orders:
                self._cancel_open(listing.symbol, at_ms, "trading_halted")

        return halt

    def _plan_move(self, listing: Listing, at_s: float, by_s: float) -> None:
        def move(at_ms: int) -> None:
            if self.listings.get(listing.symbol) is listing and at_ms < listing.trades_at_ms:
                self._move(listing, listing.opens_at_ms + round(by_s * 1000), at_ms)

        self._agenda.add(listing.after_opening_ms(at_s), move)
