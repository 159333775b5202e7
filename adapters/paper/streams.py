"""Live data for an account on paper, behind domain.ports.Streams."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Protocol

from adapters.mailbox import Mailbox
from adapters.paper.account import Booked
from adapters.paper.changes import Changes
from domain.orders import Fill, Order
from domain.ports import StreamGap
from domain.quotes import TopOfBook


class PublicQuotes(Protocol):
    """What is used of the real venue's Streams: no key is needed for it."""

    def quotes(self, symbol: str) -> AbstractAsyncContextManager[AsyncIterator[TopOfBook | StreamGap]]: ...


class PaperStreams:
    """Prices of the real venue; orders and fills of the paper account, whichever process placed or filled them."""

    def __init__(self, public: PublicQuotes, changes: Changes) -> None:
        self._public = public
        self._changes = changes

    def quotes(self, symbol: str) -> AbstractAsyncContextManager[AsyncIterator[TopOfBook | StreamGap]]:
        """The real venue's best prices, without regard to what we took on paper."""
        return self._public.quotes(symbol)

    @asynccontextmanager
    async def account(self) -> AsyncIterator[AsyncIterator[Order | Fill | StreamGap]]:
        """Every order, in its newest state, and every fill of the account."""
        mailbox: Mailbox[Order | Fill | StreamGap] = Mailbox()

        def tell(item: Booked | Fill | StreamGap) -> None:
            mailbox.put(item.order if isinstance(item, Booked) else item)

        async with self._changes.told_to(tell):
            try:
                yield mailbox
            finally:
                mailbox.close()
