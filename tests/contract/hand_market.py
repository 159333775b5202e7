"""A symbol of the simulator whose book is made by hand: nobody trades there of their own accord."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import httpx

from domain.orders import Side
from simulator.engine import orders as engine
from simulator.exchange.accounts import Account
from simulator.server import SimulatorServer

API_KEY, SECRET = "test-key", "test-secret"
STILL: Mapping[str, Any] = {
    "name": "flat",
    "open_price": "0.05",
    "depth_quote": 1e-9,  # less than the smallest order: the makers offer nothing
    "takers_per_s": 0,
    "volatility": 0,
    "spread": 0.49,  # the last price may be that far off before anybody prints a trade
    "levels": 1,
    "capped_for_s": 0,
}


class HandMarket:
    """Everything in the book of `symbol` was put there by these calls, or by the account under test."""

    def __init__(self, server: SimulatorServer, symbol: str = "NEWUSDT") -> None:
        self.server = server
        self.symbol = symbol
        self._maker = self._rich("maker")
        self._taker = self._rich("taker")

    async def open(self, opens_at: str = "-120s", **script: object) -> None:
        """List the symbol; by default it is open."""
        await self.control("listings", symbol=self.symbol, opens_at=opens_at, script={**STILL, **script})

    async def account(self, balances: Mapping[str, str]) -> None:
        """The account under test, with the key and the secret of these tests."""
        await self.control("accounts", name="main", api_key=API_KEY, secret=SECRET, balances=dict(balances))

    async def control(self, path: str, **body: object) -> None:
        async with httpx.AsyncClient(base_url=self.server.rest_url, trust_env=False) as client:
            answer = await client.post(f"/_sim/{path}", json=body)
            assert answer.status_code == 200, answer.text

    def offer(self, side: Side, price: str, quantity: str) -> engine.Order:
        """Somebody's order, which rests as far as it meets nobody."""
        return self._place(self._maker, side, engine.OrderType.LIMIT, price, quantity)

    def take(self, side: Side, price: str, quantity: str) -> engine.Order:
        """Somebody trades at once, up to a price."""
        return self._place(self._taker, side, engine.OrderType.IMMEDIATE_OR_CANCEL, price, quantity)

    def withdraw(self, order: engine.Order) -> None:
        """Somebody's order goes."""
        self.server.venue.cancel(order, self.server.clock.now_ms())

    def _place(self, who: Account, side: Side, kind: engine.OrderType, price: str, quantity: str) -> engine.Order:
        theirs = engine.Side.BUY if side is Side.BUY else engine.Side.SELL
        ticket = engine.Ticket(self.symbol, theirs, kind, Decimal(price), Decimal(quantity))
        return self.server.venue.listings[self.symbol].market.place(who, ticket, self.server.clock.now_ms())

    def _rich(self, name: str) -> Account:
        account = self.server.venue.account(name)
        for asset in ("USDT", self.symbol.removesuffix("USDT")):
            account.credit(asset, Decimal(10**9))
        return account
