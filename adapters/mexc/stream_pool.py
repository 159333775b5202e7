"""Shares connections among public topics, and topics among consumers."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, NamedTuple, TypeVar

from adapters.mailbox import Mailbox
from adapters.mexc.stream_channel import Channel
from adapters.mexc.stream_line import Dial, Line
from domain.ports import StreamGap

T = TypeVar("T")

MOST_TOPICS = 30
"""The venue accepts no more subscriptions on one connection; those beyond are refused while the first stay."""


class _Place(NamedTuple):
    channel: Channel[Any]
    line: Line


class Pool:
    """Connections are opened when a topic needs them and closed with their last one. url: of the public streams."""

    def __init__(self, url: str, dial: Dial) -> None:
        self._url = url
        self._dial = dial
        self._places: dict[str, _Place] = {}  # by topic
        self._lines: list[Line] = []

    @asynccontextmanager
    async def listen(
        self, topic: str, mailbox: Mailbox[T | StreamGap], make: Callable[[str], Channel[T]]
    ) -> AsyncIterator[None]:
        """The topic's items go to `mailbox` during the body, which begins when it is subscribed, or says by a gap that
        it does not wait longer. make: the channel of the topic, if nobody listens to it yet."""
        place = self._places.get(topic)
        if place is None:
            place = self._places[topic] = self._place(make(topic))
        listener = place.channel.join(mailbox)
        try:
            await listener.begin()
            yield
        finally:
            mailbox.close()
            place.channel.leave(listener)
            if place.channel.deserted:
                await self._leave(topic, place)

    def _place(self, channel: Channel[Any]) -> _Place:
        free = (line for line in self._lines if len(line.channels) < MOST_TOPICS and not line.broken)
        line = next(free, None)
        if line is None:
            line = Line(self._public_url, self._dial)
            self._lines.append(line)
        line.add(channel)
        return _Place(channel, line)

    async def _leave(self, topic: str, place: _Place) -> None:
        """Nobody may find any of it again while it is being closed."""
        if self._places.get(topic) is place:
            del self._places[topic]
        if place.line.channels == [place.channel]:
            self._lines.remove(place.line)
            await place.line.close()
        else:
            await place.line.remove(place.channel)

    async def _public_url(self) -> str:
        return self._url
