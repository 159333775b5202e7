"""The simulator as the demo uses it: sets a listing up, reads the venue's own books. Raises InvalidInput when the
venue is no simulator or does not answer."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from types import TracebackType
from typing import Any, Self

import httpx

from cli.ledger_check import Book, BookedFill, BookedOrder
from domain.errors import InvalidInput

STATUSES = {
    "NEW": "new",
    "PARTIALLY_FILLED": "partially_filled",
    "FILLED": "filled",
    "CANCELED": "cancelled",
    "PARTIALLY_CANCELED": "partially_cancelled",
}
_ANSWER_WITHIN_S = 5.0


@dataclass(frozen=True, slots=True)
class VenueBooks:
    """One account at one moment. balances: free and locked together, by asset."""

    balances: Mapping[str, Decimal]
    book: Book

    def of(self, symbol: str) -> Book:
        """Orders and fills of one pair."""
        return Book(
            tuple(order for order in self.book.orders if order.symbol == symbol),
            tuple(fill for fill in self.book.fills if fill.symbol == symbol),
        )


class DemoVenue:
    """The simulator's control side, as an asynchronous context. transport: None for the network."""

    def __init__(self, rest_url: str, *, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._rest_url = rest_url
        self._client = httpx.AsyncClient(
            base_url=rest_url, timeout=_ANSWER_WITHIN_S, trust_env=False, transport=transport
        )

    async def __aenter__(self) -> Self:
        try:
            await self._call("GET", "/_sim/health")
        except BaseException:
            await self._client.aclose()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.aclose()

    async def symbols(self) -> frozenset[str]:
        """Every symbol that the venue was ever told of."""
        answer = await self._call("GET", "/_sim/listings")
        return frozenset(str(listing["symbol"]) for listing in answer["listings"])

    async def list_pump(self, symbol: str, opens_in_s: int, open_price: Decimal) -> datetime:
        """Let `symbol` open soon, rise and fade; returns the opening instant."""
        answer = await self._call(
            "POST",
            "/_sim/listings",
            {
                "symbol": symbol,
                "opens_at": f"+{opens_in_s}s",
                "script": {"name": "pump", "open_price": str(open_price)},
            },
        )
        return datetime.fromtimestamp(int(answer["opens_at"]) / 1000, UTC)

    async def books(self, account: str) -> VenueBooks:
        """What the venue itself has written down for an account."""
        answer = await self._call("GET", "/_sim/ledger")
        found = answer["accounts"].get(account)
        if found is None:
            known = ", ".join(answer["accounts"]) or "none"
            raise InvalidInput(
                "account", value=account, expected=f"one of the venue's ({known})", remedy="set SNIPER_ACCOUNT"
            )
        return VenueBooks(
            balances={
                asset: Decimal(amounts["free"]) + Decimal(amounts["locked"])
                for asset, amounts in found["balances"].items()
            },
            book=Book(tuple(map(booked_order, found["orders"])), tuple(map(booked_fill, found["fills"]))),
        )

    async def _call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        try:
            answer = await self._client.request(method, path, json=body)
            if answer.is_success:
                return answer.json()
            said = f"it answered {answer.status_code} to {method} {path}: {answer.text[:200]}"
        except (httpx.HTTPError, ValueError) as exc:
            said = f"{method} {path}: {type(exc).__name__} {exc}"
        raise InvalidInput(
            "MEXC_REST_URL",
            value=self._rest_url,
            expected="a simulator that answers",
            remedy=f"unset it, or start `sniper simulator` there ({said})",
        )


def booked_order(told: Mapping[str, Any]) -> BookedOrder:
    """An order of the simulator's ledger."""
    return BookedOrder(
        client_order_id=told["clientOrderId"] or f"without a name, venue's {told['orderId']}",
        symbol=told["symbol"],
        side=told["side"].lower(),
        executed=Decimal(told["executedQty"]),
        executed_quote=Decimal(told["cummulativeQuoteQty"]),
        status=STATUSES.get(told["status"], told["status"]),
    )


def booked_fill(told: Mapping[str, Any]) -> BookedFill:
    """A fill of the simulator's ledger."""
    return BookedFill(
        trade_id=str(told["tradeId"]),
        client_order_id=told["clientOrderId"] or "",
        symbol=told["symbol"],
        side=told["side"].lower(),
        price=Decimal(told["price"]),
        quantity=Decimal(told["qty"]),
        quote=Decimal(told["quoteQty"]),
        fee=Decimal(told["commission"]),
        fee_asset=told["commissionAsset"],
    )
