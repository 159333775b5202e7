"""What is subscribed as one, who listens to it, and which gaps they are told. No sockets, no tasks."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Generic, TypeVar

from adapters.mailbox import Mailbox
from adapters.mexc.frames import Item
from domain.order_book import PublicTrade
from domain.orders import Fill, Order
from domain.ports import StreamGap

T = TypeVar("T")

FIRST_WITHIN_S = 3.0
"""How long entering a stream waits for its first subscription; later it goes on without, and says so by a gap."""


class Listener(Generic[T]):
    """One consumer of a channel."""

    def __init__(self, mailbox: Mailbox[T | StreamGap], name: str) -> None:
        self.mailbox = mailbox
        self._name = name
        self._begun = asyncio.Event()
        self._missed: str | None = None  # why something may have been missed; None: nothing was

    async def begin(self) -> None:
        """Wait for the subscription; when that takes too long, whatever happens until then may be missed."""
        try:
            async with asyncio.timeout(FIRST_WITHIN_S):
                await self._begun.wait()
        except TimeoutError:
            self.goes_without("not connected yet")

    def goes_without(self, reason: str) -> None:
        """It is told at once, and again when it is subscribed."""
        self._missed = reason
        self._begun.set()
        self.gap(reason)

    def interrupted(self, reason: str) -> None:
        """It is told when it is subscribed again."""
        if self._begun.is_set():
            self._missed = reason

    def subscribed(self) -> None:
        self._begun.set()
        if self._missed is not None:
            self.gap(self._missed)
            self._missed = None

    def failed(self, bug: BaseException) -> None:
        """The iteration ends by raising it."""
        self._begun.set()
        self.mailbox.close(bug)

    def gap(self, reason: str) -> None:
        self.mailbox.put_for_certain(StreamGap(self._name, reason))


class Channel(Generic[T]):
    """Topics that are of use together only, and everybody who hears them.

    A connection tells it of items and of its own state; subclasses say what becomes of an item. name: in gaps and logs.
    """

    def __init__(self, name: str, topics: Sequence[str]) -> None:
        self.name = name
        self.topics = tuple(topics)
        self.whole = False
        """Whether nothing is missed now."""
        self._refused: str | None = None
        self._bug: BaseException | None = None
        self._listeners: list[Listener[T]] = []

    @property
    def deserted(self) -> bool:
        """Whether nobody listens."""
        return not self._listeners

    def join(self, mailbox: Mailbox[T | StreamGap]) -> Listener[T]:
        """Called for each consumer; they share everything."""
        listener = Listener[T](mailbox, self.name)
        self._listeners.append(listener)
        if self._bug is not None:
            listener.failed(self._bug)
        elif self.whole:
            listener.subscribed()
        elif self._refused is not None:
            listener.goes_without(self._refused)
        return listener

    def leave(self, listener: Listener[T]) -> None:
        self._listeners.remove(listener)

    def tell(self, item: T) -> None:
        """To everybody."""
        for listener in self._listeners:
            listener.mailbox.put(item)

    def tell_gap(self, reason: str) -> None:
        """To everybody, at once."""
        for listener in self._listeners:
            listener.gap(reason)

    def take(self, item: Item) -> None:
        """Called with every item of its topics; during a rotation with some of them twice."""
        raise NotImplementedError

    async def beside(self) -> None:
        """Runs for as long as the channel lives, beside its connection."""

    def subscribed(self) -> None:
        """Called when all its topics have been confirmed: now a gap is told if there was one."""
        self.whole = True
        self._refused = None
        for listener in self._listeners:
            listener.subscribed()

    def interrupted(self, reason: str) -> None:
        """Called when the connection is over, and at each failure to have another."""
        self.whole = False
        for listener in self._listeners:
            listener.interrupted(reason)

    def refused(self, reason: str) -> None:
        """Called when the venue does not take one of its topics; told once until it does."""
        self.whole = False
        if self._refused is None:
            for listener in self._listeners:
                listener.goes_without(reason)
        self._refused = reason

    def unreadable(self, reason: str) -> None:
        """Called when a frame that may have been one of its own cannot be read."""
        self.tell_gap(f"unreadable frame: {reason}")

    def failed(self, bug: BaseException) -> None:
        """Called when a bug has ended what fed it; it is made anew when all its listeners have left."""
        self._bug = bug
        for listener in self._listeners:
            listener.failed(bug)


class TradeChannel(Channel[PublicTrade]):
    """Executions of one symbol."""

    def take(self, item: Item) -> None:
        if isinstance(item, tuple):
            for trade in item:
                self.tell(trade)

    def tell(self, item: PublicTrade) -> None:
        """Trades that go unread are not lost in silence."""
        for listener in self._listeners:
            if listener.mailbox.full:
                listener.mailbox.lose_all()
                listener.gap("too many unread trades")
            listener.mailbox.put(item)


class AccountChannel(Channel[Order | Fill]):
    """Orders and fills of one account. keep_key: keeps its listen key alive until cancelled."""

    def __init__(self, name: str, topics: Sequence[str], keep_key: Callable[[], Coroutine[None, None, None]]) -> None:
        super().__init__(name, topics)
        self._keep_key = keep_key

    async def beside(self) -> None:
        await self._keep_key()

    def take(self, item: Item) -> None:
        if isinstance(item, Order | Fill):
            self.tell(item)
