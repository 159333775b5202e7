"""What leaves over httpx, how often, and what is made of what comes back."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime

import httpx
import pytest

from adapters.mexc import build
from adapters.mexc.codes import Purpose
from adapters.mexc.governor import RequestGovernor
from adapters.mexc.limits import Priority
from adapters.mexc.rest import Rest, SignedRest
from adapters.mexc.signing import Credentials
from domain.errors import ClockRefused, OutcomeUnknown, RateLimited, Refused, SniperError, TryAgain
from domain.exchange_time import ClockEstimate, ClockSample


class HastyClock:
    """Notes how long it was asked to sleep, and does not."""

    def __init__(self) -> None:
        self.slept: list[float] = []
        self.seconds = 0.0

    def now(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC)

    def monotonic(self) -> float:
        return self.seconds

    def boottime(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.seconds += seconds
        await asyncio.sleep(0)


class FakeExchangeClock:
    """Reads a fixed instant once it has been synchronised."""

    def __init__(self) -> None:
        self.synchronised = 0

    async def synchronise(self) -> ClockEstimate:
        self.synchronised += 1
        return ClockEstimate(0, 0, 0, 0)

    def estimate(self) -> ClockEstimate | None:
        return ClockEstimate(0, 0, 0, 0) if self.synchronised else None

    def now(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC)

    def learn(self, order: ClockSample) -> None:
        """Nothing is learnt here."""

    def monotonic_at(self, instant: datetime) -> float:
        return 0.0


Handler = Callable[[httpx.Request], httpx.Response]


def rest_of(handler: Handler, clock: HastyClock | None = None) -> Rest:
    clock = clock or HastyClock()
    return Rest("http://venue", clock=clock, governor=RequestGovernor(clock), transport=httpx.MockTransport(handler))


async def write(rest: Rest, query: str = "a=1") -> object:
    return await rest.call(
        build.PLACE_ORDER, lambda: query, build.JSON_HEADERS, Purpose.WRITE, lambda document: document, Priority.ENTRY
    )


async def ask(rest: Rest) -> object:
    return await rest.call(build.TIME, lambda: "", (), Purpose.READ, lambda document: document, Priority.POLL)


async def test_a_read_is_repeated_after_half_one_and_two_seconds() -> None:
    """Four attempts, then the error comes out."""
    clock = HastyClock()
    calls: list[str] = []

    def handler(request: httpx.Request) -> httpx.Response:
        calls.append(request.url.path)
        return httpx.Response(503)

    with pytest.raises(TryAgain):
        await rest_of(handler, clock).read(build.TIME, (), lambda document: document)

    assert calls == ["/api/v3/time"] * 4
    assert clock.slept == [0.5, 1.0, 2.0]


async def test_a_refused_read_is_not_repeated() -> None:
    """A definite no stays one."""
    calls: list[str] = []

    def handler(request: httpx.Request) -> httpx.Response:
        calls.append(request.url.path)
        return httpx.Response(400, json={"code": -1121, "msg": "Invalid symbol."})

    with pytest.raises(Refused):
        await rest_of(handler).read(build.DEPTH, (("symbol", "X"),), lambda document: document)

    assert len(calls) == 1


@pytest.mark.parametrize(
    ("failure", "of_an_order"),
    [
        (httpx.ConnectError, TryAgain),
        (httpx.ConnectTimeout, TryAgain),
        (httpx.PoolTimeout, TryAgain),
        (httpx.ReadTimeout, OutcomeUnknown),
        (httpx.WriteTimeout, OutcomeUnknown),
        (httpx.ReadError, OutcomeUnknown),
        (httpx.WriteError, OutcomeUnknown),
        (httpx.RemoteProtocolError, OutcomeUnknown),
        (TimeoutError, OutcomeUnknown),
    ],
)
async def test_a_failure_after_the_first_byte_leaves_an_order_open(
    failure: type[Exception], of_an_order: type[SniperError]
) -> None:
    """Before it, nothing was changed; and an order is never sent twice."""
    calls: list[str] = []

    def handler(request: httpx.Request) -> httpx.Response:
        calls.append(request.url.path)
        raise failure("broken")

    with pytest.raises(of_an_order):
        await write(rest_of(handler))
    with pytest.raises(TryAgain):
        await ask(rest_of(handler))

    assert len(calls) == 2


async def test_the_signed_text_leaves_byte_for_byte() -> None:
    """Nothing is escaped again, sorted or given a body; the content type is JSON on every signed call."""
    seen: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json={})

    query = "b=a%20b&a=%5B%22x%22%5D&signature=00"
    await write(rest_of(handler), query)

    assert seen[0].url.raw_path == b"/api/v3/order?" + query.encode()
    assert seen[0].headers["content-type"] == "application/json"
    assert seen[0].content == b""


async def test_a_refused_timestamp_is_measured_again_and_tried_once_more() -> None:
    """Twice refused is an error."""
    exchange_clock = FakeExchangeClock()

    def handler(request: httpx.Request) -> httpx.Response:
        return httpx.Response(400, json={"code": 700003, "msg": "Timestamp for this request is outside"})

    signed = SignedRest(rest_of(handler), Credentials("k", "s"), exchange_clock)
    with pytest.raises(ClockRefused):
        await signed.read(build.ACCOUNT, (), lambda document: document)

    assert exchange_clock.synchronised == 2


async def test_a_limit_pauses_everything() -> None:
    """The next order is not even tried."""
    calls: list[str] = []

    def handler(request: httpx.Request) -> httpx.Response:
        calls.append(request.method)
        return httpx.Response(429, headers={"Retry-After": "3"}, json={"code": 429, "msg": ""})

    rest = rest_of(handler)
    with pytest.raises(RateLimited):
        await ask(rest)

    with pytest.raises(RateLimited) as caught:
        await rest.governor.admit(build.PLACE_ORDER.cost, Priority.EXIT, 0.2)
    assert caught.value.retry_after_s == 3.0
    assert calls == ["GET"]


async def test_five_failures_rest_a_part_of_the_venue_but_no_exit() -> None:
    """Market data rest, the account does not, and what a position depends on passes even so."""
    calls: list[str] = []

    def handler(request: httpx.Request) -> httpx.Response:
        calls.append(request.url.path)
        return httpx.Response(503)

    rest = rest_of(handler)
    for _ in range(5):
        with pytest.raises(TryAgain):
            await ask(rest)
    with pytest.raises(TryAgain, match="market data: 5 calls failed in a row"):
        await ask(rest)
    with pytest.raises(OutcomeUnknown):
        await write(rest)
    with pytest.raises(TryAgain, match="503"):
        await rest.call(build.DEPTH, lambda: "", (), Purpose.READ, lambda document: document, Priority.GUARD)

    assert calls == ["/api/v3/time"] * 5 + ["/api/v3/order", "/api/v3/depth"]
