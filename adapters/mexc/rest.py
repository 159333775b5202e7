"""The venue's REST interface over httpx: budget, breakers, timeouts, repeated reads. It knows paths and errors, but no
order."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from typing import TypeVar

import httpx
import structlog

from adapters.mexc.breakers import Breakers
from adapters.mexc.build import JSON_HEADERS, Endpoint, stamp
from adapters.mexc.capture import PayloadCapture
from adapters.mexc.codes import Purpose, Reply, accepted_body, unclear
from adapters.mexc.governor import ORDERS_WAIT_S, READS_WAIT_S, RequestGovernor
from adapters.mexc.limits import Priority
from adapters.mexc.members import Unreadable
from adapters.mexc.signing import Credentials, Params, encode, signed_query
from domain.errors import ClockRefused, RateLimited, TryAgain
from domain.ports import Clock, ExchangeClock

T = TypeVar("T")

CONNECT_TIMEOUT_S = 5.0
POOL_TIMEOUT_S = 0.5
"""Together with connecting less than `ledger.UNANSWERED_S`: nothing leaves after it has ceased to count."""
TOTAL_TIMEOUT_S = 10.0
REPEAT_AFTER_S = (0.5, 1.0, 2.0)
"""Pauses between the attempts of a read. Nothing else is ever repeated here."""

_NOTHING_LEFT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
"""Failures before the first byte of the request."""

log = structlog.get_logger(__name__)


class Rest:
    """Calls without a signature. Raises the families of domain.errors and nothing else. Open until `close`.

    base_url: http(s)://host[:port]. trust: certificates for https, None: the system's. transport: for tests.
    capture: where raw requests and answers are kept; None: nowhere.
    """

    def __init__(
        self,
        base_url: str,
        *,
        clock: Clock,
        governor: RequestGovernor,
        breakers: Breakers | None = None,
        trust: ssl.SSLContext | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        capture: PayloadCapture | None = None,
    ) -> None:
        self.clock = clock
        self.governor = governor
        self.breakers = breakers or Breakers(clock)
        self._capture = capture
        self._client = httpx.AsyncClient(
            base_url=base_url,
            timeout=httpx.Timeout(TOTAL_TIMEOUT_S, connect=CONNECT_TIMEOUT_S, pool=POOL_TIMEOUT_S),
            limits=httpx.Limits(max_connections=40, max_keepalive_connections=20, keepalive_expiry=30.0),
            trust_env=False,  # a proxy from the environment would carry some of our orders, but not the hot ones
            verify=trust or ssl.create_default_context(),
            transport=transport,
        )

    async def close(self) -> None:
        """Close all connections; idempotent."""
        await self._client.aclose()

    async def read(
        self, endpoint: Endpoint, params: Params, parse: Callable[[object], T], priority: Priority = Priority.POLL
    ) -> T:
        """The parsed answer to a public question; asked up to four times while it can simply be asked again."""

        async def ask() -> T:
            return await self.call(endpoint, lambda: encode(params), (), Purpose.READ, parse, priority)

        return await self.repeat(ask)

    async def repeat(self, attempt: Callable[[], Awaitable[T]]) -> T:
        """The first result of `attempt`; for calls that change nothing."""
        for pause_s in REPEAT_AFTER_S:
            try:
                return await attempt()
            except TryAgain as exc:
                log.debug("venue.read_repeated", reason=str(exc), pause_s=pause_s)
            await self.clock.sleep(pause_s)
        return await attempt()

    async def call(
        self,
        endpoint: Endpoint,
        query: Callable[[], str],
        headers: Params,
        purpose: Purpose,
        parse: Callable[[object], T],
        priority: Priority,
        within_s: float = READS_WAIT_S,
    ) -> T:
        """One request, once, as soon as breaker and budget let it leave. query: the exact text, asked for just before.

        Raises RateLimited when that would take longer than `within_s`; then nothing was sent.
        """
        attempt = self.breakers.begin(endpoint.part, priority)
        try:
            grant = await self.governor.admit(endpoint.cost, priority, within_s)
            try:
                text = query()
                grant.sent()
                with attempt.judging():
                    reply = await self._exchange(endpoint, text, headers, purpose)
                    return self._read(endpoint, reply, purpose, parse)
            finally:
                grant.settle()
        finally:
            attempt.end()

    def _read(self, endpoint: Endpoint, reply: Reply, purpose: Purpose, parse: Callable[[object], T]) -> T:
        try:
            return parse(accepted_body(reply, purpose))
        except RateLimited as exc:
            self.governor.pause(exc.retry_after_s)
            raise
        except Unreadable as exc:
            raise unclear(f"{endpoint.method} {endpoint.path}: unreadable answer: {exc}", purpose) from exc

    async def _exchange(self, endpoint: Endpoint, query: str, headers: Params, purpose: Purpose) -> Reply:
        what = f"{endpoint.method} {endpoint.path}"
        target = f"{endpoint.path}?{query}" if query else endpoint.path
        try:
            async with asyncio.timeout(TOTAL_TIMEOUT_S):
                answer = await self._client.request(endpoint.method, target, headers=list(headers))
        except _NOTHING_LEFT as exc:
            raise TryAgain(f"{what}: the venue cannot be reached ({_told(exc)})") from exc
        except (httpx.HTTPError, TimeoutError) as exc:
            raise unclear(f"{what}: no answer ({_told(exc)})", purpose) from exc
        if self._capture is not None:
            self._capture.answer(endpoint.method, target, answer.status_code, answer.headers.items(), answer.content)
        return Reply(answer.status_code, answer.content, answer.headers.get("retry-after"))


class SignedRest:
    """Calls in the name of one account. Every attempt is signed anew, at the exchange's time of that moment."""

    def __init__(self, rest: Rest, credentials: Credentials, exchange_clock: ExchangeClock) -> None:
        self.rest = rest
        self.credentials = credentials
        self.exchange_clock = exchange_clock

    @property
    def headers(self) -> Params:
        """What every call of the account carries."""
        return (("X-MEXC-APIKEY", self.credentials.api_key), *JSON_HEADERS)

    async def read(
        self, endpoint: Endpoint, params: Params, parse: Callable[[object], T], priority: Priority = Priority.GUARD
    ) -> T:
        """The parsed answer to a question; asked up to four times while it can simply be asked again."""

        async def ask() -> T:
            return await self.once(endpoint, params, parse, priority)

        return await self.rest.repeat(ask)

    async def once(
        self, endpoint: Endpoint, params: Params, parse: Callable[[object], T], priority: Priority = Priority.GUARD
    ) -> T:
        """One call that can be repeated without harm, but is not repeated here."""
        return await self._call(endpoint, params, parse, Purpose.READ, priority)

    async def cancel(self, endpoint: Endpoint, params: Params, parse: Callable[[object], T]) -> T:
        """A cancellation: it takes of the orders' budget, and its outcome may stay unknown."""
        return await self._call(endpoint, params, parse, Purpose.WRITE, Priority.EXIT)

    async def order(self, endpoint: Endpoint, query: str, parse: Callable[[object], T], priority: Priority) -> T:
        """An order that is signed already. RateLimited, and nothing sent, when it would wait beyond ORDERS_WAIT_S."""
        return await self.rest.call(
            endpoint, lambda: query, self.headers, Purpose.WRITE, parse, priority, ORDERS_WAIT_S
        )

    async def _call(
        self,
        endpoint: Endpoint,
        params: Params,
        parse: Callable[[object], T],
        purpose: Purpose,
        priority: Priority,
    ) -> T:
        async def ask() -> T:
            if self.exchange_clock.estimate() is None:
                await self.exchange_clock.synchronise()
            return await self.rest.call(endpoint, lambda: self._signed(params), self.headers, purpose, parse, priority)

        return await self._despite_clock(ask)

    def _signed(self, params: Params) -> str:
        """At the instant of leaving: a question may have waited for its turn."""
        return signed_query((*params, *stamp(self.exchange_clock.now())), self.credentials.api_secret)

    async def _despite_clock(self, attempt: Callable[[], Awaitable[T]]) -> T:
        """A refused timestamp is a definite no: measure the time again and ask once more."""
        try:
            return await attempt()
        except ClockRefused as exc:
            log.warning("venue.clock_refused", reason=str(exc))
        await self.exchange_clock.synchronise()
        return await attempt()


def _told(exc: BaseException) -> str:
    """Many of these exceptions have no text of their own."""
    return f"{type(exc).__name__}: {exc}" if str(exc) else type(exc).__name__
