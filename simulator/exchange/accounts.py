"""The venue's clients: a wallet with keys and a history."""

from collections import deque
from dataclasses import dataclass, field
from enum import StrEnum

from simulator.engine.orders import Fill, Order
from simulator.engine.wallet import Wallet

KEPT_FILLS = 40_000


class Permission(StrEnum):
    """What a key may do."""

    ACCOUNT_READ = "SPOT_ACCOUNT_R"
    ACCOUNT_WRITE = "SPOT_ACCOUNT_W"
    DEAL_READ = "SPOT_DEAL_R"
    DEAL_WRITE = "SPOT_DEAL_W"


@dataclass(slots=True, eq=False)
class ApiKey:
    """One key of an account.

    ips: addresses it may be used from; empty: any. expires_ms: venue time from which it is refused; None: never.
    """

    key: str
    secret: bytes = field(repr=False)
    owner: "Account"
    created_ms: int = 0
    permissions: frozenset[Permission] = frozenset(Permission)
    ips: frozenset[str] = frozenset()
    expires_ms: int | None = None
    note: str = ""


@dataclass(slots=True, eq=False)
class Account(Wallet):
    """A client of the venue.

    uid: the number limits are kept by. frozen: it may look but not trade. banned_symbols: pairs it may not trade.
    orders, fills: the history, oldest first; the oldest are forgotten when there are too many.
    by_client_id: the newest order of each client id. open_orders: by order id. closed: ids of ended orders, in the
    sequence in which they ended.
    """

    uid: int = 0
    keys: dict[str, ApiKey] = field(default_factory=dict)
    frozen: bool = False
    banned_symbols: frozenset[str] = frozenset()
    kyc: int = 2
    orders: dict[str, Order] = field(default_factory=dict)
    by_client_id: dict[str, Order] = field(default_factory=dict)
    open_orders: dict[str, Order] = field(default_factory=dict)
    closed: deque[str] = field(default_factory=deque)
    fills: deque[Fill] = field(default_factory=lambda: deque(maxlen=KEPT_FILLS))

    def forget_down_to(self, orders: int) -> None:
        """Forget ended orders, the earliest ended first, until no more than `orders` of them are left."""
        while len(self.closed) > orders:
            order = self.orders.pop(self.closed.popleft())
            if order.client_order_id is not None and self.by_client_id.get(order.client_order_id) is order:
                del self.by_client_id[order.client_order_id]
