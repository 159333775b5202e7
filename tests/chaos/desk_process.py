"""A desk in a process of its own, to be killed.

`python -m tests.chaos.desk_process SCALE NAME ROLE REST_URL WS_URL DATABASE_URL LOCKS KEY`

Says "bought", "nothing", "flat" and "broke ..." on standard output. On standard input "rest" means that nobody asks it
any more, "ask" that somebody does again; it leaves when that is closed.
"""

import asyncio
import logging
import sys
from pathlib import Path

import structlog

from desk.desk import Desk
from domain.errors import TryAgain
from domain.ids import SessionKey
from tests.chaos.open_desk import Post, ask, open_desk
from tests.chaos.scaled_time import ScaledClock, ScaledLoop, TimeScale, scaled_thread_waits

_ATTACH_AGAIN_S = 0.2


async def work(post: Post, clock: ScaledClock) -> None:
    """Until standard input is closed."""
    async with open_desk(post, clock) as opened:
        working = asyncio.create_task(_attach(opened.desk, post, clock))
        while line := await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline):
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)
            if line == "ask\n":
                working = asyncio.create_task(_attach(opened.desk, post, clock))
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)
        await opened.desk.close()


async def _attach(desk: Desk, post: Post, clock: ScaledClock) -> None:
    while True:
        try:
            _say(await ask(desk, post))
            return
        except TryAgain:
            await clock.sleep(_ATTACH_AGAIN_S)
        except Exception as error:  # whoever started this judges it
            _say(f"broke {error!r}")
            raise


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> int:
    scale, name, role, rest_url, ws_url, database_url, locks, key = sys.argv[1:]
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    times = TimeScale.heard(scale)
    clock = ScaledClock(times)
    post = Post(name, role == "fire", rest_url, ws_url, database_url, Path(locks), SessionKey.parse(key))
    with scaled_thread_waits(times), asyncio.Runner(loop_factory=lambda: ScaledLoop(clock, times)) as runner:
        runner.run(work(post, clock))
    return 0


if __name__ == "__main__":
    sys.exit(main())
