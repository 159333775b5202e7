"""The whole state of the venue: accounts, listings, what they did. No I/O; the time is passed in.

Everything here runs in one thread and without waiting, so each call is atomic.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Protocol

from simulator import errors
from simulator.engine.identifiers import OrderIds
from simulator.engine.matching import Market
from simulator.engine.orders import Fill, Order, OrderType, PublicTrade, Ticket
from simulator.engine.wallet import Wallet
from simulator.exchange.accounts import Account, ApiKey
from simulator.exchange.agenda import Agenda
from simulator.exchange.lifecycle import Lifecycle
from simulator.exchange.listings import VISIBLE, Listing, ListingState
from simulator.exchange.placement import check_ticket, read_ticket
from simulator.exchange.scripts import ListingScript
from simulator.exchange.settings import Settings

FIRST_VERSION = 1_000_000
MAX_KEYS = 30  # per account
VERSION_STRIDE = 1_000_000_000  # keeps the versions of different symbols apart, and all below 1e12


class Feed(Protocol):
    """Receives what the streams publish. Called synchronously; the objects change afterwards."""

    def order_changed(self, account: Account, order: Order) -> None:
        """Called when an account's order became visible, traded or ended."""

    def order_filled(self, account: Account, fill: Fill) -> None:
        """Called for each fill of an account, before order_changed."""

    def balance_moved(self, account: Account, asset: str, free: Decimal, locked: Decimal, reason: str) -> None:
        """Called with the changes of one balance of an account."""

    def traded(self, symbol: str, trade: PublicTrade) -> None:
        """Called for every trade of anybody."""


class Venue:
    """One exchange.

    seed: fixes everything the background traders do and the first order id.
    """

    def __init__(self, seed: int, settings: Settings, feed: Feed, now_ms: int) -> None:
        self.settings = settings
        self.accounts: dict[str, Account] = {}
        self.by_key: dict[str, ApiKey] = {}
        self.agenda = Agenda()
        self.lifecycle = Lifecycle(seed, self.agenda, self._new_market, self._cancel_open)
        self.fees = Wallet("fees")
        self._feed = feed
        self._ids = OrderIds(now_ms * 1000 + seed)

    @property
    def listings(self) -> dict[str, Listing]:
        """By symbol, in the order they were added."""
        return self.lifecycle.listings

    def account(self, name: str) -> Account:
        """The client of that name, new and poor when unknown."""
        found = self.accounts.get(name)
        if found is None:
            found = self.accounts[name] = Account(name, uid=len(self.accounts) + 1)
        return found

    def set_key(self, key: ApiKey) -> None:
        """Give a key to its owner, or change it. Raises ValueError when it is somebody else's, or one too many."""
        self._check_owner(key)
        if key.key not in key.owner.keys and len(key.owner.keys) >= MAX_KEYS:
            raise ValueError(f"an account has {MAX_KEYS} keys at most")
        key.owner.keys[key.key] = self.by_key[key.key] = key

    def set_only_key(self, key: ApiKey) -> None:
        """Give a key to its owner in place of all others. Raises ValueError when it is somebody else's."""
        self._check_owner(key)
        for other in key.owner.keys:
            del self.by_key[other]
        key.owner.keys.clear()
        self.set_key(key)

    def change_settings(self, settings: Settings) -> None:
        """Effective at once; orders placed before keep the fee asset they were placed under."""
        self.settings = settings
        for listing in self.listings.values():
            listing.market.fee_in_base = settings.buy_fee_asset == "base"

    def advance(self, now_ms: int) -> None:
        """Let everything happen that happens by itself up to now. Called before anything else at that instant."""
        self.agenda.advance(now_ms)

    def visible(self, symbol: str, now_ms: int) -> Listing | None:
        """The listing as market data knows it; None when the API does not know the symbol now."""
        listing = self.listings.get(symbol)
        return listing if listing is not None and listing.state(now_ms) in VISIBLE else None

    def all_visible(self, now_ms: int) -> list[Listing]:
        """Every listing that market data knows now, in the order they were added."""
        return [listing for listing in self.listings.values() if listing.state(now_ms) in VISIBLE]

    def find_order(
        self, account: Account, symbol: str, order_id: str | None, client_order_id: str | None
    ) -> Order | None:
        """The account's order by venue id, else the newest one by client id; None when there is none."""
        order = account.orders.get(order_id) if order_id else account.by_client_id.get(client_order_id or "")
        return order if order is not None and order.symbol == symbol else None

    def check(self, account: Account, parameters: Mapping[str, str], now_ms: int) -> tuple[Listing, Ticket]:
        """Everything that can be said about an order before it meets the book. Raises Refusal."""
        ticket = read_ticket(parameters)
        listing = self.listings.get(ticket.symbol)
        if listing is None:
            raise errors.bad_symbol(self.settings.unknown_symbol_code)
        if account.frozen:
            raise errors.account_abnormal()
        if ticket.symbol in account.banned_symbols:
            raise errors.pair_banned()
        check_ticket(ticket, listing, self.settings, now_ms)
        if (
            ticket.client_order_id is not None
            and ticket.client_order_id in account.by_client_id
            and not self.settings.accept_repeated_ids
        ):
            raise errors.duplicate_client_order_id()
        if len(account.open_orders) >= self.settings.open_orders:
            raise errors.too_many_open_orders()
        return listing, ticket

    def place(
        self,
        account: Account,
        parameters: Mapping[str, str],
        now_ms: int,
        arrival_us: int,
        *,
        blocked: bool = False,
    ) -> Order:
        """Check and place one order. Raises Refusal; then nothing changed.

        blocked: accept it, but trade nothing and cancel it at once, as MARKET orders fare in the capped stage.
        """
        listing, ticket = self.check(account, parameters, now_ms)
        capped = listing.state(now_ms) is ListingState.OPEN_CAPPED
        blocked = blocked or (capped and ticket.type is OrderType.MARKET)
        return listing.market.place(account, ticket, now_ms, arrival_us, blocked=blocked)

    def cancel(self, order: Order, now_ms: int, reason: str = "") -> None:
        """Cancel an open order. Raises Refusal when it is not open."""
        if not order.is_open:
            raise errors.unknown_order_sent()
        self.listings[order.symbol].market.cancel(order, now_ms, reason)

    def cancel_later(self, order: Order, at_ms: int) -> None:
        """Cancel what is left of the order at that instant, without anybody having asked for it."""

        def cancel(now_ms: int) -> None:
            if order.is_open:
                self.cancel(order, now_ms)

        self.agenda.add(at_ms, cancel)

    def mx_price(self, quote_asset: str) -> Decimal | None:
        """Quote units per MX; None where commissions cannot be paid in MX."""
        if quote_asset != "USDT":
            return None
        listing = self.listings.get("MXUSDT")
        last = None if listing is None else listing.market.last_price
        return last or self.settings.mx_price

    def _check_owner(self, key: ApiKey) -> None:
        holder = self.by_key.get(key.key)
        if holder is not None and holder.owner is not key.owner:
            raise ValueError(f"the key belongs to account {holder.owner.name!r} already")

    def _new_market(self, script: ListingScript, symbol: str) -> Market:
        version = FIRST_VERSION + len(self.listings) * VERSION_STRIDE
        market = Market(script.rules(symbol), self, self._ids, self.fees, first_version=version)
        market.fee_in_base = self.settings.buy_fee_asset == "base"
        market.mx_price = lambda: self.mx_price(script.quote_asset)
        return market

    def _cancel_open(self, symbol: str, now_ms: int, reason: str) -> None:
        market = self.listings[symbol].market
        for account in self.accounts.values():
            for order in [order for order in account.open_orders.values() if order.symbol == symbol]:
                market.cancel(order, now_ms, reason)

    def order_accepted(self, order: Order) -> None:
        """Part of listener.Listener: the order enters its account's history."""
        account = order.owner
        if isinstance(account, Account):
            account.orders[order.id] = order
            account.open_orders[order.id] = order
            if order.client_order_id is not None:
                account.by_client_id[order.client_order_id] = order

    def order_changed(self, order: Order) -> None:
        """Part of listener.Listener."""
        account = order.owner
        if isinstance(account, Account):
            if not order.is_open and account.open_orders.pop(order.id, None) is not None:
                account.closed.append(order.id)
                account.forget_down_to(self.settings.kept_orders)
            self._feed.order_changed(account, order)

    def order_filled(self, fill: Fill) -> None:
        """Part of listener.Listener."""
        account = fill.order.owner
        if isinstance(account, Account):
            account.fills.append(fill)
            self._feed.order_filled(account, fill)

    def balance_moved(self, owner: Wallet, asset: str, free: Decimal, locked: Decimal, reason: str) -> None:
        """Part of listener.Listener."""
        if isinstance(owner, Account):
            self._feed.balance_moved(owner, asset, free, locked, reason)

    def traded(self, symbol: str, trade: PublicTrade) -> None:
        """Part of listener.Listener."""
        self._feed.traded(symbol, trade)
