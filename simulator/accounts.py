"""The venue's clients: a wallet with a key and a history."""

from dataclasses import dataclass, field

from simulator.orders import Fill, Order
from simulator.wallet import Wallet


@dataclass(slots=True, eq=False)
class Account(Wallet):
    """A client of the venue.

    api_key: unique. uid: the number limits are kept by.
    orders, fills: the whole history, oldest first. by_client_id: the newest order of each client id.
    open_orders: by order id.
    """

    api_key: str = ""
    secret: bytes = field(default=b"", repr=False)
    uid: int = 0
    orders: dict[str, Order] = field(default_factory=dict)
    by_client_id: dict[str, Order] = field(default_factory=dict)
    open_orders: dict[str, Order] = field(default_factory=dict)
    fills: list[Fill] = field(default_factory=list)
