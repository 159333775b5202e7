"""Every placement and cancellation that reached the venue, refused and lost ones included."""

from collections import deque
from typing import Any

from simulator.rest.calls import Call

KEPT = 50_000  # the oldest ones are forgotten first


class RequestLog:
    """What was asked, when it arrived, and how it was answered."""

    def __init__(self) -> None:
        self._entries: deque[dict[str, Any]] = deque(maxlen=KEPT)

    def open(self, call: Call) -> dict[str, Any]:
        """Note an arrival. The caller completes status, code and fault of the entry it gets back.

        status, code: None while unanswered and for lost requests; code None also for a success.
        """
        parameters = call.parameters
        entry: dict[str, Any] = {
            "method": call.method,
            "path": call.path,
            "symbol": parameters.get("symbol"),
            "client_order_id": parameters.get("newClientOrderId") or parameters.get("origClientOrderId"),
            "order_id": parameters.get("orderId"),
            "side": parameters.get("side"),
            "type": parameters.get("type"),
            "price": parameters.get("price"),
            "quantity": parameters.get("quantity"),
            "quote_quantity": parameters.get("quoteOrderQty"),
            "timestamp": parameters.get("timestamp"),
            "arrival_ms": call.arrival_ms,
            "arrival_us": call.arrival_us,
            "status": None,
            "code": None,
            "msg": None,
            "fault": None,
        }
        self._entries.append(entry)
        return entry

    def entries(self, client_order_id: str | None = None, symbol: str | None = None) -> list[dict[str, Any]]:
        """The entries in order of arrival; None: whatever the id or the symbol."""
        return [
            entry
            for entry in self._entries
            if (client_order_id is None or entry["client_order_id"] == client_order_id)
            and (symbol is None or entry["symbol"] == symbol)
        ]
