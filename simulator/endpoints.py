"""What an endpoint is: a function over a call, with its weight and what it demands of the caller."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from simulator.accounts import Account
from simulator.calls import Call
from simulator.listen_keys import ListenKeys
from simulator.venue import Venue


class Security(StrEnum):
    """What a caller has to show."""

    NONE = "NONE"
    SIGNED = "SIGNED"


@dataclass(frozen=True, slots=True)
class Context:
    """What an endpoint works on. now_ms: the one venue time of this call."""

    venue: Venue
    listen_keys: ListenKeys
    call: Call
    now_ms: int
    caller: Account | None = None

    @property
    def account(self) -> Account:
        """The caller of a signed endpoint."""
        assert self.caller is not None
        return self.caller


Handler = Callable[[Context], Any]
"""Returns what becomes the JSON body; raises Refusal. It runs without waiting, hence atomically."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One method of one path.

    weight: counted against the address for open endpoints, against the account for signed ones.
    uses_order_bucket: also counts once against the account's orders per second.
    """

    handler: Handler
    weight: int = 1
    security: Security = Security.NONE
    uses_order_bucket: bool = False
