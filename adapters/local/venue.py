"""The simulator as a child, and the account the stack trades with there."""

import json
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from adapters.local.child import Run
from adapters.local.loopback_http import call
from adapters.local.ports import LOOPBACK
from domain.errors import SniperError

ACCOUNT = "main"
STARTING_BALANCES = {"USDT": "10000"}  # enough for every example, small enough to read a loss in it


@dataclass(frozen=True, slots=True)
class VenueAccount:
    """Key and secret of one account at the simulator; worth nothing anywhere else."""

    api_key: str
    secret: str = field(repr=False)


def new_account() -> VenueAccount:
    """A key and a secret nobody else knows."""
    return VenueAccount(f"mx0v{secrets.token_hex(12)}", secrets.token_hex(16))


def rest_url(port: int) -> str:
    """Base of the simulator's REST addresses."""
    return f"http://{LOOPBACK}:{port}"


def ws_url(port: int) -> str:
    """Address of the simulator's streams."""
    return f"ws://{LOOPBACK}:{port}/ws"


def ready_with(account: VenueAccount, port: int) -> Callable[[Run], Awaitable[bool]]:
    """A readiness question: does the simulator answer, and does it know `account`?

    The simulator keeps its state in memory: after each of its starts the account is made anew.
    """

    async def ready(run: Run) -> bool:
        if not run.has_printed(f"ready {rest_url(port)}"):
            return False
        status, text = await call(
            "POST",
            port,
            "/_sim/accounts",
            {"name": ACCOUNT, "api_key": account.api_key, "secret": account.secret, "balances": STARTING_BALANCES},
        )
        if not 200 <= status < 300 and not await _knows_account(port):  # an earlier answer may have come too late
            raise SniperError(f"the simulator answered {status} to a new account: {text[:200]}")
        return True

    return ready


async def _knows_account(port: int) -> bool:
    status, text = await call("GET", port, "/_sim/ledger")
    return status == 200 and ACCOUNT in json.loads(text)["accounts"]
