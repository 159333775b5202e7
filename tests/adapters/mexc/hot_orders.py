"""What tests of hot lines and batteries share: orders that are signed enough, and a clock that can leap."""

import asyncio
from datetime import UTC, datetime
from decimal import Decimal

from adapters.clock import SystemClock
from domain.money import Base, Price
from domain.orders import OrderKind, OrderRequest, Side
from domain.ports import SignedOrder

ACK = b'{"symbol":"NEWUSDT","orderId":"C02__7","orderListId":-1,"transactTime":1767225600001}'
REFUSAL = b'{"code":30001,"msg":"direction not allowed"}'


def signed(client_order_id: str = "order1") -> SignedOrder:
    request = OrderRequest(
        client_order_id, "NEWUSDT", Side.BUY, OrderKind.IMMEDIATE, Price(Decimal(1)), Base(Decimal(1))
    )
    body = f"newClientOrderId={client_order_id}&signature=0"
    return SignedOrder(client_order_id, request, datetime.now(UTC), body.encode())


class LeapingClock(SystemClock):
    """Real time and what a test adds to it; a sleep takes a tenth of what it should."""

    def __init__(self) -> None:
        self.ahead_s = 0.0

    def monotonic(self) -> float:
        return super().monotonic() + self.ahead_s

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(0.0, seconds) / 10)
