"""The exchange's time, measured over a connection of its own, behind domain.ports.ExchangeClock."""

import asyncio
import ssl
from collections import deque
from datetime import UTC, datetime

from adapters.mexc import build, parse
from adapters.mexc.budget import RequestBudget
from adapters.mexc.codes import Purpose, accepted_body
from adapters.mexc.connection import BROKEN, CONNECT_TIMEOUT_S, Address, Connection
from adapters.mexc.http11 import request_bytes
from domain import exchange_time
from domain.errors import RateLimited, TryAgain
from domain.exchange_time import ClockEstimate, ClockSample
from domain.ports import Clock

SAMPLES = 8
SPACING_S = 0.0037
"""No divisor of a millisecond: samples then fall on different parts of the server's millisecond, which sharpens the
intersection below it."""
KEPT_S = 60.0
"""How long a sample still helps; later, drift has made it blunt."""


class MexcExchangeClock:
    """Measures when asked. Open until `close`; the connection is made at the first measurement."""

    def __init__(
        self, rest_url: str, *, clock: Clock, budget: RequestBudget, trust: ssl.SSLContext | None = None
    ) -> None:
        self._address = Address.parse(rest_url)
        self._request = request_bytes(build.TIME.method, build.TIME.path, self._address.host_header)
        self._clock = clock
        self._budget = budget
        self._trust = trust
        self._connection: Connection | None = None
        self._samples: deque[ClockSample] = deque()
        self._estimate: ClockEstimate | None = None
        self._measuring = asyncio.Lock()

    async def synchronise(self) -> ClockEstimate:
        """A few samples and the estimate all fresh samples allow. Whoever asks meanwhile gets the same result.

        Raises TryAgain without an answer.
        """
        asked_at = self._clock.monotonic()
        async with self._measuring:
            if self._estimate is not None and self._estimate.measured >= asked_at:
                return self._estimate
            await self._budget.admit_read(SAMPLES)
            for number in range(SAMPLES):
                if number:
                    await self._clock.sleep(SPACING_S)
                self._samples.append(await self._sample())
            while self._samples[0].received < self._samples[-1].received - KEPT_S:
                self._samples.popleft()
            self._estimate = exchange_time.estimate(self._samples)
            return self._estimate

    def estimate(self) -> ClockEstimate | None:
        """The latest one; None before the first synchronisation."""
        return self._estimate

    def now(self) -> datetime:
        """Exchange time, aware UTC. Raises TryAgain before the first synchronisation."""
        return datetime.fromtimestamp(self._known().offset + self._clock.monotonic(), UTC)

    def monotonic_at(self, instant: datetime) -> float:
        """Local monotonic seconds at which the exchange reads `instant`. Raises TryAgain as `now` does."""
        return instant.timestamp() - self._known().offset

    async def close(self) -> None:
        """Let go of the connection; idempotent. A later measurement makes a new one."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _known(self) -> ClockEstimate:
        if self._estimate is None:
            raise TryAgain("the exchange's time has not been measured yet")
        return self._estimate

    async def _sample(self) -> ClockSample:
        """One question; on a connection that has died meanwhile, one more on a new one."""
        reused = self._connection is not None
        try:
            return await self._ask()
        except BROKEN as exc:
            if not reused:
                raise TryAgain(f"the venue does not tell its time ({exc or type(exc).__name__})") from exc
        try:
            return await self._ask()
        except BROKEN as exc:
            raise TryAgain(f"the venue does not tell its time ({exc or type(exc).__name__})") from exc

    async def _ask(self) -> ClockSample:
        connection = self._connection or await Connection.open(self._address, self._trust)
        self._connection = None  # whatever happens now, only a complete answer makes it usable again
        reusable = False
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                sent = self._clock.monotonic()
                reply, reusable = await connection.ask(self._request)
                received = self._clock.monotonic()
            server_ms = parse.server_time_ms(accepted_body(reply, Purpose.READ))
        except RateLimited as exc:
            self._budget.pause(exc.retry_after_s)
            raise
        finally:
            if reusable:
                self._connection = connection
            else:
                connection.close()
        return ClockSample(sent, received, server_ms / 1000)
