"""How soon a listing that is open already is entered. `python -m benchmarks.late_entry`.

A whole stack on this machine: Postgres, Temporal, the simulator and three workers. A target waits for a pair with late
entry allowed; the pair opens at the venue before the listing watch has seen it. Measured from the sighting's row, which
is written when the watch first sees the pair, to the first order's leaving, by the journal: admission, Temporal's
workflow, risk, lease, clock, rules, balance, connections, committed intents and the shot lie between. The watch itself
looks every five seconds, which comes on top.
"""

import asyncio
import logging
import sys
import tempfile
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import psycopg
import structlog

from adapters.local.options import StackOptions
from adapters.postgres.database import Database
from adapters.postgres.reader import Reader
from adapters.temporal import connect
from benchmarks.figures import Bar, begin, figure, percentile
from stack import Stack
from ui.actions import Actions
from ui.arm_request import ArmRequest

LISTINGS = 7
WITHIN_S = 40.0
QUIET_S = 10.0
"""Between two listings: the request budget counts ten seconds back, and the exits of one are not part of the next."""
_LOOK_EVERY_S = 0.2
_TIMES = """
    SELECT (SELECT min(at) FROM sightings WHERE symbol = %(symbol)s),
           (SELECT min((j.payload->>'sent_at')::timestamptz) FROM events j JOIN sessions s ON s.id = j.session_id
            WHERE s.symbol = %(symbol)s AND j.kind = 'shot_sent'),
           (SELECT min(j.at) FROM events j JOIN sessions s ON s.id = j.session_id
            WHERE s.symbol = %(symbol)s AND j.kind = 'books_closed'),
           (SELECT min((j.payload->>'after_us')::bigint) FROM events j JOIN sessions s ON s.id = j.session_id
            WHERE s.symbol = %(symbol)s AND j.kind = 'shot_settled')
"""


async def measure(home: Path) -> list[tuple[float, float]]:
    """Of each listing, in milliseconds: from its sighting to the first order, and from that one's answer until what it
    bought was known for certain."""
    found: list[tuple[float, float]] = []
    async with Stack(replace(StackOptions(home=home), with_panel=False)) as stack:
        state = stack.state
        assert state.rest_url is not None
        with Reader(state.database_url, name="bench", connections=1) as reader:
            async with (
                Database(state.database_url, name="bench", connections=2) as database,
                httpx.AsyncClient(base_url=state.rest_url) as venue,
            ):
                actions = Actions(
                    database,
                    reader,
                    lambda: connect(state.temporal_address, state.temporal_namespace),
                    account="main",
                )
                with psycopg.connect(state.database_url, autocommit=True) as books:
                    for number in range(LISTINGS):
                        found.append(await _one(f"LATE{number}USDT", actions, venue, books))
    return found


async def _one(
    symbol: str, actions: Actions, venue: httpx.AsyncClient, books: "psycopg.Connection[tuple[Any, ...]]"
) -> tuple[float, float]:
    wish = ArmRequest(
        symbol=symbol, budget=Decimal(20), max_price=Decimal("0.06"), late_entry_s=120, time_stop_s=2, unlisted=True
    )
    await actions.arm(wish)
    answer = await venue.post("/_sim/listings", json={"symbol": symbol, "opens_at": "+10ms", "script": "flat"})
    answer.raise_for_status()
    async with asyncio.timeout(WITHIN_S):
        while (row := books.execute(_TIMES, {"symbol": symbol}).fetchone()) is None or row[2] is None:
            await asyncio.sleep(_LOOK_EVERY_S)
    await asyncio.sleep(QUIET_S)
    return (row[1] - row[0]).total_seconds() * 1000, row[3] / 1000


def main() -> int:
    """0 when run to the end, whatever the figures."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    begin(__doc__)
    with tempfile.TemporaryDirectory() as folder:
        found = asyncio.run(measure(Path(folder) / "home"))
    entered, known = [one for one, _ in found], [one for _, one in found]
    figure("late_entry.detection_to_order.p50", percentile(entered, 0.5), "ms", Bar("<", 1000))
    figure("late_entry.detection_to_order.max", max(entered), "ms")
    figure("late_entry.acknowledged_to_known.p50", percentile(known, 0.5), "ms")
    return 0


if __name__ == "__main__":
    sys.exit(main())
