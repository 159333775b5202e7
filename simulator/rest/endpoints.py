"""What an endpoint is: a function over a call, with its weight and what it demands of the caller."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any

from simulator.exchange.accounts import Account, ApiKey, Permission
from simulator.exchange.listen_keys import ListenKeys
from simulator.exchange.settings import Settings
from simulator.exchange.venue import Venue
from simulator.rest.calls import Call
from simulator.rest.faults import Fault


@dataclass(frozen=True, slots=True)
class Context:
    """What an endpoint works on.

    now_ms: the one venue time of this call. fault: what was to go wrong with its order; None: nothing.
    """

    venue: Venue
    listen_keys: ListenKeys
    call: Call
    now_ms: int
    key: ApiKey | None = None
    fault: Fault | None = None

    @property
    def account(self) -> Account:
        """The caller of a signed endpoint."""
        assert self.key is not None
        return self.key.owner


Handler = Callable[[Context], Any]
"""Returns what becomes the JSON body; raises Refusal. It runs without waiting, hence atomically."""


class Quota(Enum):
    """Endpoints with a limit of their own. Values: the window in seconds, and the setting that holds the capacity."""

    BATCHES = (1, "batches_per_s")
    ACCOUNTS = (1, "accounts_per_s")
    ANNOUNCEMENTS = (2, "announcements_per_2_s")

    @property
    def window_s(self) -> int:
        """Over which calls are counted."""
        return self.value[0]

    def capacity(self, settings: Settings) -> int:
        """Calls per window; 0: no limit."""
        capacity: int = getattr(settings, self.value[1])
        return capacity


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One method of one path.

    weight: counted against the address for open endpoints, against the account for signed ones.
    permission: what the key of a signed endpoint must allow; None for open ones.
    uses_order_bucket: also counts once against the account's orders per second.
    """

    handler: Handler
    weight: int = 1
    permission: Permission | None = None
    uses_order_bucket: bool = False
    quota: Quota | None = None
