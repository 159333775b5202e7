"""Gives the shipped simulator the account the workers trade with: a one-shot of docker-compose.yml, before any worker.

A simulator that does not know the account has just begun: the sessions of the one before it cannot be ended by anybody
and are closed as failed first, as stack.py does. At one that knows it only the key is set; its money is left alone.
Not here: any other venue.
"""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Mapping
from urllib.parse import urlsplit

from adapters.local.loopback_http import call
from adapters.local.venue import ACCOUNT, STARTING_BALANCES, VenueAccount
from adapters.postgres.retirement import retire_unclosed
from adapters.settings import Settings, read_settings
from domain.errors import SniperError


async def open_account(account: VenueAccount, port: int, retire: Callable[[], Awaitable[tuple[str, ...]]]) -> str:
    """Make the simulator on `port` know `account`, and say what was done in one line. May be repeated.

    retire: called when the simulator is a new one, before the account is made; returns the keys of closed sessions.
    Raises SniperError when the simulator refuses, OSError when it does not answer.
    """
    wanted = {"name": ACCOUNT, "api_key": account.api_key, "secret": account.secret}
    known = json.loads(await _ask("GET", port, "/_sim/ledger"))["accounts"]
    if ACCOUNT in known:
        await _ask("POST", port, "/_sim/accounts", wanted)
        return "the simulator knows the account"
    retired = await retire()
    await _ask("POST", port, "/_sim/accounts", {**wanted, "balances": STARTING_BALANCES})
    return f"account made at a new simulator; {len(retired)} sessions of an earlier one closed"


async def run(settings: Settings) -> str:
    """Open the account that `settings` name. Raises SniperError, OSError."""
    venue = settings.venue()
    port = urlsplit(venue.rest_url).port
    assert port is not None  # docker-compose.yml names it
    account = VenueAccount(venue.api_key.get_secret_value(), venue.api_secret.get_secret_value())
    reason = "the simulator that held it was stopped"
    return await open_account(account, port, lambda: retire_unclosed(settings.database(), reason))


async def _ask(method: str, port: int, path: str, body: Mapping[str, object] | None = None) -> str:
    status, text = await call(method, port, path, body)
    if not 200 <= status < 300:
        raise SniperError(f"the simulator answered {status} to {method} {path}: {text[:200]}")
    return text


def main() -> int:
    """`python -m ops.container.open_account`: 0 done, 1 with one line of what is wrong."""
    try:
        done = asyncio.run(run(read_settings()))
    except (SniperError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"{done}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
