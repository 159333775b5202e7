"""Keeps channels subscribed over as many connections as it takes: reconnecting after an interruption, and replacing a
connection that has grown old by a successor that is complete before it goes."""

import asyncio
import random
import ssl
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog

from adapters.mexc import frames
from adapters.mexc.capture import PayloadCapture
from adapters.mexc.conversation import Confirmed, Declined, Over
from adapters.mexc.members import Unreadable
from adapters.mexc.stream_channel import Channel
from adapters.mexc.stream_link import ENDED, Heard, Link
from adapters.mexc.stream_pauses import pause_s
from domain.ports import Clock

ROTATE_AFTER_S = 23 * 3600.0
"""The venue ends connections after 24 hours, at a moment of its choosing. Ours are replaced before, up to a twentieth
sooner, so that many opened together are not replaced together."""
LONGEST_ROTATION_PAUSE_S = 60.0
"""Between attempts at a successor: there is almost an hour for them."""
DOUBT_KEY_AFTER = 3
"""After so many failures in a row the listen key may be what is wrong, though nobody says so. Doubted once per
interruption: an account may hold 60 keys, and each lives for an hour."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Dial:
    """How connections are made. trust: certificates for wss, None: the system's. rotate_after_s: their age when a
    successor is wanted. capture: where raw messages are kept; None: nowhere."""

    clock: Clock
    trust: ssl.SSLContext | None = None
    rotate_after_s: float = ROTATE_AFTER_S
    capture: PayloadCapture | None = None


class Line:
    """One connection at a time for some channels, two during a rotation.

    url: asked before each connection; may raise SniperError. forget_key: called when its listen key is in doubt; None:
    it has none. Channels of a line with a key are of use together only: a refused topic ends the connection.
    """

    def __init__(
        self, url: Callable[[], Awaitable[str]], dial: Dial, forget_key: Callable[[], None] | None = None
    ) -> None:
        self.channels: list[Channel[Any]] = []
        self._url = url
        self._dial = dial
        self._clock = dial.clock
        self._forget_key = forget_key
        self._links: dict[Link, asyncio.Task[None]] = {}
        self._current: Link | None = None  # whose news count
        self._successor: Link | None = None  # whose frames wait
        self._waiting: list[tuple[bytes, datetime]] = []
        self._failures = 0
        self._unreadable = 0
        self._strange: set[str] = set()
        self._beside: dict[Channel[Any], asyncio.Task[None]] = {}
        self._task: asyncio.Task[None] | None = None

    @property
    def broken(self) -> bool:
        """Whether a bug has ended it: its listeners have been told, and nobody else should join them."""
        return self._task is not None and self._task.done()

    def add(self, channel: Channel[Any]) -> None:
        """Subscribe it, on the living connection if there is one; the first one opens the line."""
        self.channels.append(channel)
        for link in self._links:
            link.want(channel.topics)
        self._beside[channel] = self._start(channel.beside(), lambda: [channel])
        if self._task is None:
            self._task = self._start(self._run(), lambda: self.channels)

    async def remove(self, channel: Channel[Any]) -> None:
        """Leave its topics; the line stays open."""
        self.channels.remove(channel)
        for link in self._links:
            link.unwant(channel.topics)
        await _ended(self._beside.pop(channel))

    async def close(self) -> None:
        """End everything; idempotent."""
        beside, self._beside = list(self._beside.values()), {}
        await _ended(*beside, *([self._task] if self._task is not None else []))

    def _start(
        self, work: Coroutine[None, None, None], affected: Callable[[], list[Channel[Any]]]
    ) -> asyncio.Task[None]:
        def done(task: asyncio.Task[None]) -> None:
            if not task.cancelled() and (bug := task.exception()) is not None:
                for channel in affected():
                    channel.failed(bug)

        task = asyncio.create_task(work)
        task.add_done_callback(done)
        return task

    async def _run(self) -> None:
        """Connect, subscribe, deliver, and begin again; until cancelled."""
        while True:
            try:
                await self._live()
            except ENDED as exc:
                self._interrupted(exc)
            await self._clock.sleep(_pause_s(self._failures))

    def _interrupted(self, exc: Exception) -> None:
        self._failures += 1
        reason = _reason(exc)
        if _is_bad_key(exc) or self._failures == DOUBT_KEY_AFTER:
            self._doubt_key()
        for channel in self.channels:
            channel.interrupted(reason)
        log.warning("stream.interrupted", stream=self._name(), reason=reason, failures=self._failures)

    async def _live(self) -> None:
        """One connection and its successors, without an interruption; ends by raising how the last one ended."""
        try:
            link = self._current = await self._connect()
            while True:
                await self._until(link.settled, link)
                await self._grow_old(link)
                await self._find_successor(link)
                old, link = link, self._take_over()
                await self._hang_up(old)
                log.info("stream.rotated", stream=self._name())
        finally:
            self._current = self._successor = None
            await self._hang_up(*self._links)

    async def _connect(self) -> Link:
        url = await self._url()
        topics = [topic for channel in self.channels for topic in channel.topics]
        link = Link(url, topics, self._clock, self._dial.trust, self._hear, self._dial.capture)
        self._links[link] = asyncio.create_task(link.run())
        return link

    async def _hang_up(self, *links: Link) -> None:
        await _ended(*(self._links.pop(link) for link in links))

    async def _until(self, event: asyncio.Event, *links: Link) -> None:
        """Raises how the first of the links ended, if one does before."""
        tasks = [self._links[link] for link in links]
        waiting = asyncio.create_task(event.wait())
        try:
            await asyncio.wait((waiting, *tasks), return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()
        for task in tasks:
            if task.done():
                task.result()

    async def _grow_old(self, link: Link) -> None:
        share = random.random() / 20  # noqa: S311  only spreads reconnects
        await self._pass(self._dial.rotate_after_s * (1 - share), link)

    async def _pass(self, seconds: float, link: Link) -> None:
        """Let time pass while the connection lives; raises how it ended."""
        sleeping = asyncio.create_task(self._clock.sleep(seconds))
        try:
            await asyncio.wait((sleeping, self._links[link]), return_when=asyncio.FIRST_COMPLETED)
        finally:
            sleeping.cancel()
        if self._links[link].done():
            self._links[link].result()

    async def _find_successor(self, old: Link) -> None:
        """Until there is a connection that has everything `old` has, and `old` was heard to its end. Raises how `old`
        ended if it did: then something may have been missed."""
        failures = 0
        while True:
            try:
                link = self._successor = await self._connect()
                self._waiting.clear()
                await self._until(link.settled, link, old)
                _has_everything(link, old)
                old.take_leave()  # its silence may be a dead connection's; an answer proves that nothing was lost
                await self._until(old.read_out, link, old)
                _has_everything(link, old)  # also what was added meanwhile
            except ENDED as exc:
                if self._links[old].done():
                    raise
                failures += 1
                if _is_bad_key(exc):
                    self._doubt_key()
                log.warning("stream.not_rotated", stream=self._name(), reason=_reason(exc), failures=failures)
            else:
                return
            self._successor = None
            await self._hang_up(*(link for link in self._links if link is not old))
            await self._pass(_pause_s(failures, LONGEST_ROTATION_PAUSE_S), old)

    def _take_over(self) -> Link:
        """The successor's frames come after the old one's, some of which they repeat: the last of all is the newest,
        however much faster one connection was than the other."""
        successor, self._successor = self._successor, None
        assert successor is not None
        self._current = successor
        self._count_confirmed(successor)
        waiting, self._waiting = self._waiting, []
        for frame, at in waiting:
            self._read(frame, at)
        return successor

    def _hear(self, link: Link, heard: Heard) -> None:
        if link is self._successor and isinstance(heard, bytes):
            self._waiting.append((heard, self._clock.now()))
        elif link is not self._current:
            return
        elif isinstance(heard, bytes):
            self._read(heard, self._clock.now())
        elif isinstance(heard, Confirmed):
            self._count_confirmed(link)
        else:
            self._refuse(heard)

    def _count_confirmed(self, link: Link) -> None:
        for channel in self.channels:
            if not channel.whole and link.confirmed.issuperset(channel.topics):
                self._failures = 0
                channel.subscribed()
                log.info("stream.subscribed", stream=channel.name)

    def _refuse(self, heard: Declined) -> None:
        if self._forget_key is not None:
            raise Over(heard.reason)
        for channel in self.channels:
            if not heard.topics.isdisjoint(channel.topics):
                channel.refused(heard.reason)
        log.warning("stream.refused", stream=self._name(), reason=heard.reason)

    def _read(self, frame: bytes, at: datetime) -> None:
        try:
            pushed = frames.read(frame, at)
        except Unreadable as exc:
            self._unread(exc)
            return
        for channel in self.channels:
            if pushed.topic in channel.topics:
                if pushed.item is not None:
                    channel.take(pushed.item)
                return
        if pushed.topic not in self._strange:  # a few come of every topic that has just been left
            self._strange.add(pushed.topic)
            log.info("stream.strange_frame", stream=self._name(), topic=pushed.topic[:100])

    def _unread(self, exc: Unreadable) -> None:
        """It may have been any channel's, unless it says whose it was."""
        self._unreadable += 1
        log.warning("stream.unreadable_frame", stream=self._name(), reason=str(exc), count=self._unreadable)
        topic = exc.topic if isinstance(exc, frames.UnreadableFrame) else None
        named = [channel for channel in self.channels if topic in channel.topics]
        for channel in named or self.channels:
            channel.unreadable(str(exc))

    def _doubt_key(self) -> None:
        if self._forget_key is not None:
            self._forget_key()

    def _name(self) -> str:
        first = self.channels[0].name if self.channels else "nothing"
        return first if len(self.channels) < 2 else f"{first} and {len(self.channels) - 1} more"


async def _ended(*tasks: asyncio.Task[None]) -> None:
    """Stop them and wait until they have; whatever they raise has been reported already."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _has_everything(link: Link, old: Link) -> None:
    if missing := old.confirmed - link.confirmed:
        raise Over(f"the successor has no {', '.join(sorted(missing))}")


def _pause_s(failures: int, longest_s: float | None = None) -> float:
    share = random.random()  # noqa: S311  only spreads reconnects
    return pause_s(failures, share) if longest_s is None else pause_s(failures, share, longest_s)


def _reason(exc: Exception) -> str:
    return str(exc) or type(exc).__name__


def _is_bad_key(exc: Exception) -> bool:
    return isinstance(exc, Over) and exc.bad_key
