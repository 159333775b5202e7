"""The order book of one symbol: the loop around `depth` that feeds it changes and snapshots."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Self

import structlog

from adapters.mailbox import Mailbox
from adapters.mexc.depth import Depth, DepthChange, DepthSnapshot, Heard
from adapters.mexc.frames import Item
from adapters.mexc.stream_channel import Channel, Listener
from adapters.mexc.stream_pauses import pause_s
from domain.errors import SniperError
from domain.order_book import OrderBook
from domain.ports import Clock, StreamGap

SNAPSHOT_LEVELS = 1_000
"""A side. Changes beyond the worst of them are passed over."""
ASK_EVERY_S = 0.5
"""Between two snapshots of a symbol at least, also when the stream loses one frame after another."""
COMPARE_AFTER_S = 30.0
"""Without a new change for this long the venue is asked whether there was one."""
CATCH_UP_S = 1.0
"""How much later than over REST a change may come on the stream."""
START_OVER_AFTER = 5
"""After so many snapshots in a row that were too old, the changes waiting are what is wrong, and are let go."""

log = structlog.get_logger(__name__)


class BookChannel(Channel[Depth]):
    """Tells its listeners that there is a newer book; each builds it when it reads. One follower serves all of them.

    snapshot: asks the venue for the whole book; raises SniperError.
    """

    def __init__(self, symbol: str, topic: str, snapshot: Callable[[], Awaitable[DepthSnapshot]], clock: Clock) -> None:
        super().__init__(f"book {symbol}", (topic,))
        self._symbol = symbol
        self._snapshot = snapshot
        self._clock = clock
        self._depth = Depth(symbol)
        self._wanted = asyncio.Event()  # a snapshot is
        self._heard_at = clock.monotonic()
        self._asked_at = self._heard_at - ASK_EVERY_S
        self._losses = 0  # counts what makes a snapshot under way useless

    def join(self, mailbox: Mailbox[Depth | StreamGap]) -> Listener[Depth]:
        """The book as it stands is there at once."""
        listener = super().join(mailbox)
        if self._depth.version is not None:
            mailbox.put(self._depth)
        return listener

    def take(self, item: Item) -> None:
        if not isinstance(item, DepthChange) or item.symbol != self._symbol:
            return
        heard = self._depth.hear(item)
        if heard is Heard.APPLIED:
            self._heard_at = self._clock.monotonic()
            self.tell(self._depth)
        elif heard is Heard.BROKEN:
            self._lost()
            self.tell_gap(f"version {item.first} does not follow the one before")
        elif heard is Heard.SPENT:
            self._lost()
            self.tell_gap(f"few of the {SNAPSHOT_LEVELS} levels known are left")

    def subscribed(self) -> None:
        """What has been heard on the new connection already is good; an older snapshot under way is not."""
        super().subscribed()
        self._lost()

    def interrupted(self, reason: str) -> None:
        super().interrupted(reason)
        self._forget()

    def refused(self, reason: str) -> None:
        super().refused(reason)
        self._forget()

    def unreadable(self, reason: str) -> None:
        super().unreadable(reason)
        self._depth.forget()
        self._lost()

    async def beside(self) -> None:
        """Gets snapshots while they are needed. Runs until cancelled."""
        failures = 0
        while True:
            needed = await self._needed()
            await self._clock.sleep(self._asked_at + ASK_EVERY_S - self._clock.monotonic())
            if needed and not self._wanted.is_set():
                continue
            if (problem := await self._ask(needed)) is None:
                failures = 0
                continue
            failures += 1
            if needed and failures % START_OVER_AFTER == 0:
                self._depth.forget()
            log.info("stream.no_snapshot", stream=self.name, reason=problem, failures=failures)
            await self._clock.sleep(pause_s(failures, random.random()))  # noqa: S311  only spreads questions

    async def _ask(self, needed: bool) -> str | None:
        """Why the snapshot was of no use; None: it was."""
        losses = self._losses
        self._asked_at = self._clock.monotonic()
        try:
            snapshot = await self._snapshot()
        except SniperError as exc:
            return str(exc)
        if losses != self._losses:
            return "something was missed while it was on its way"
        if not needed:
            await self._compare(snapshot)
            return None
        if not self._depth.begin(snapshot):
            return f"version {snapshot.version} is older than the changes heard"
        self._heard_at = self._clock.monotonic()
        self._wanted.clear()
        self.tell(self._depth)
        return None

    async def _needed(self) -> bool:
        """Wait until a snapshot is needed. False: it is not, but the stream has been silent for long."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(COMPARE_AFTER_S):
                    await self._wanted.wait()
            if self._wanted.is_set():
                return True
            if self._depth.version is not None and self._clock.monotonic() - self._heard_at >= COMPARE_AFTER_S:
                return False

    async def _compare(self, snapshot: DepthSnapshot) -> None:
        """A quiet market, a stream that has died, and a venue that counts anew from a lower version look alike until
        now."""
        version, losses = self._depth.version, self._losses
        if version == snapshot.version:
            return
        await self._clock.sleep(CATCH_UP_S)
        if losses == self._losses and version == self._depth.version:
            self._depth.forget()
            self._lost()
            self.tell_gap(f"silent after version {version}, while the venue is at {snapshot.version}")

    def _lost(self) -> None:
        self._losses += 1
        self._wanted.set()

    def _forget(self) -> None:
        """There is nothing to ask for until it is subscribed again."""
        self._depth.forget()
        self._losses += 1
        self._wanted.clear()


class Books(AsyncIterator[OrderBook | StreamGap]):
    """What a consumer of books iterates over: every gap, and of the books the newest."""

    def __init__(self, mailbox: Mailbox[Depth | StreamGap]) -> None:
        self._mailbox = mailbox

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> OrderBook | StreamGap:
        while True:
            item = await anext(self._mailbox)
            if isinstance(item, StreamGap):
                return item
            if (book := item.book()) is not None:  # forgotten since: the gap comes next
                return book
