"""The names of the stream channels. Pure."""

import re
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What a channel carries; the value is the channel's name without symbol and speed."""

    DEALS = "spot@public.aggre.deals.v3.api.pb"
    BOOK_TICKER = "spot@public.aggre.bookTicker.v3.api.pb"
    DEPTH = "spot@public.aggre.depth.v3.api.pb"
    LIMIT_DEPTH = "spot@public.limit.depth.v3.api.pb"
    PRIVATE_ORDERS = "spot@private.orders.v3.api.pb"
    PRIVATE_DEALS = "spot@private.deals.v3.api.pb"
    PRIVATE_ACCOUNT = "spot@private.account.v3.api.pb"


PRIVATE = frozenset({Kind.PRIVATE_ORDERS, Kind.PRIVATE_DEALS, Kind.PRIVATE_ACCOUNT})
LIMIT_DEPTH_INTERVAL_MS = 100
_AGGREGATED = re.compile(r"^(spot@public\.aggre\.\w+\.v3\.api\.pb)@(100|10)ms@([A-Z0-9]+)$")
_LIMITED = re.compile(r"^(spot@public\.limit\.depth\.v3\.api\.pb)@([A-Z0-9]+)@(5|10|20)$")
_AGGREGATED_KINDS = {kind.value: kind for kind in (Kind.DEALS, Kind.BOOK_TICKER, Kind.DEPTH)}


@dataclass(frozen=True, slots=True)
class Topic:
    """One channel with its choices.

    name: as subscribed. event_type: the name without symbol and level. symbol: "" for private channels.
    interval_ms: how often it may be pushed; 0: at once. levels: for limit depth; 0 otherwise.
    """

    name: str
    kind: Kind
    event_type: str
    symbol: str = ""
    interval_ms: int = 0
    levels: int = 0


def parse_topic(name: str) -> Topic | None:
    """The topic a subscription names; None when the venue serves none of that name."""
    if name in {kind.value for kind in PRIVATE}:
        return Topic(name, Kind(name), name)
    found = _AGGREGATED.match(name)
    if found is not None and found[1] in _AGGREGATED_KINDS:
        event_type = f"{found[1]}@{found[2]}ms"
        return Topic(name, _AGGREGATED_KINDS[found[1]], event_type, found[3], int(found[2]))
    found = _LIMITED.match(name)
    if found is not None:
        return Topic(name, Kind.LIMIT_DEPTH, found[1], found[2], LIMIT_DEPTH_INTERVAL_MS, int(found[3]))
    return None
