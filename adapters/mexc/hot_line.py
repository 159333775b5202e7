"""Orders on warm connections, behind domain.ports.HotLine: everything but one send call happens before the instant."""

import asyncio
import ssl

from adapters.mexc import build, parse
from adapters.mexc.breakers import Attempt, Breakers
from adapters.mexc.capture import PayloadCapture
from adapters.mexc.codes import Purpose, Reply, accepted_body
from adapters.mexc.connection import BROKEN, CONNECT_TIMEOUT_S, Address, Connection
from adapters.mexc.governor import ORDERS_WAIT_S, Grant, RequestGovernor
from adapters.mexc.http11 import request_bytes
from adapters.mexc.limits import Priority
from adapters.mexc.signing import Credentials
from domain.errors import OutcomeUnknown, RateLimited, Refused, SniperError, TryAgain
from domain.ports import Ack, Clock, SignedOrder

LEAVES_WITHIN_S = 5.0
"""How long before its instant an order may be laid ready and still be counted as one that is about to leave."""
WARM_FOR_S = 2.0
"""A connection that was idle for longer is tried with a ping before an order is laid on it."""


class MexcHotLine:
    """One connection and at most one order on it: load, fire, answer, then load again."""

    def __init__(
        self,
        address: Address,
        credentials: Credentials,
        *,
        clock: Clock,
        governor: RequestGovernor,
        breakers: Breakers,
        trust: ssl.SSLContext | None,
        capture: PayloadCapture | None,
    ) -> None:
        self._address = address
        self._headers = (("X-MEXC-APIKEY", credentials.api_key), *build.JSON_HEADERS)
        self._ping = request_bytes(build.PING.method, build.PING.path, address.host_header)
        self._clock = clock
        self._governor = governor
        self._breakers = breakers
        self._trust = trust
        self._capture = capture
        self._grant: Grant | None = None
        self._attempt: Attempt | None = None
        self._connection: Connection | None = None  # None: nothing that could carry an order
        self._used_at = 0.0
        self._loaded: SignedOrder | None = None
        self._record = b""
        self._awaited: SignedOrder | None = None

    async def load(self, order: SignedOrder) -> None:
        """Lay the order ready; one that was laid before and never fired is dropped. Makes a new connection when the old
        one is gone. Waits for its turn, and for that of a ping, for ORDERS_WAIT_S each.

        Raises TryAgain when the venue cannot be reached, RateLimited when the budget allows no order now.
        """
        priority = build.priority_of(order.request)
        if self._loaded is not None or self._awaited is not None:
            self._drop()  # a sealed record or an answer still to come: the connection is out of step
        connection = await self._warm(priority)
        await self._take_place(priority)
        target = f"{build.PLACE_ORDER.path}?{order.body.decode('ascii')}"
        request = request_bytes(build.PLACE_ORDER.method, target, self._address.host_header, self._headers)
        self._record = connection.seal(request)
        self._loaded = order

    def fire(self) -> float:
        """One send call, on the caller's thread. RuntimeError: nothing is loaded."""
        if self._connection is None or self._loaded is None or self._grant is None:
            raise RuntimeError("fire without load")
        self._grant.sent()
        self._awaited, self._loaded = self._loaded, None
        try:
            sent = self._connection.send_now(self._record)
        except OSError as exc:
            raise OutcomeUnknown(f"the connection broke while sending ({exc})") from exc
        fired_at = self._clock.monotonic()
        self._used_at = fired_at
        if sent != len(self._record):
            raise OutcomeUnknown(f"only {sent} of {len(self._record)} bytes left")
        return fired_at

    async def answer(self, timeout_s: float) -> Ack:
        """The venue's word on what was fired. RuntimeError: nothing was."""
        connection, order, attempt = self._connection, self._awaited, self._attempt
        if connection is None or order is None or attempt is None:
            raise RuntimeError("answer without fire")
        reusable = False
        try:
            async with asyncio.timeout(timeout_s):
                reply, reusable = await connection.answer()
            received = self._clock.monotonic()
            self._keep(order, reply)
            order_id = parse.acknowledged_id(accepted_body(reply, Purpose.WRITE), order.client_order_id)
        except RateLimited as exc:
            self._governor.pause(exc.retry_after_s)
            raise
        except Refused:
            attempt.answered(self._used_at)
            raise
        except TimeoutError as exc:
            attempt.failed(f"no answer within {timeout_s} s")
            raise OutcomeUnknown(f"no answer within {timeout_s} s") from exc
        except BROKEN as exc:
            attempt.failed(str(exc))
            raise OutcomeUnknown(f"no answer that can be trusted ({exc})") from exc
        except SniperError as exc:
            attempt.failed(str(exc))
            raise
        else:
            attempt.answered(self._used_at)
        finally:
            self._awaited = None
            self._settle()
            if not reusable:
                self._drop()
        self._used_at = received
        return Ack(order.client_order_id, order_id, received)

    async def close(self) -> None:
        """Let go at once; idempotent."""
        self._drop()

    async def warm_up(self) -> None:
        """Connect and speak once, so that the first order meets no cold path. Raises TryAgain."""
        await self._warm(Priority.ENTRY)

    async def _warm(self, priority: Priority) -> Connection:
        """A connection that answered lately: the one there is, else a new one."""
        if self._connection is not None:
            idle_s = self._clock.monotonic() - self._used_at
            if self._connection.is_quiet() and (idle_s < WARM_FOR_S or await self._answers(self._connection, priority)):
                return self._connection
            self._drop()
        try:
            self._connection = await Connection.open(self._address, self._trust)
        except OSError as exc:
            raise TryAgain(f"the venue cannot be reached for orders ({exc or type(exc).__name__})") from exc
        if not await self._answers(self._connection, priority):
            self._drop()
            raise TryAgain("the venue takes connections for orders but does not answer on them")
        return self._connection

    async def _answers(self, connection: Connection, priority: Priority) -> bool:
        try:
            async with (
                self._governor.admitted(build.PING.cost, priority, ORDERS_WAIT_S),
                asyncio.timeout(CONNECT_TIMEOUT_S),
            ):
                reply, reusable = await connection.ask(self._ping)
        except BROKEN:
            return False
        except asyncio.CancelledError:
            self._drop()  # its answer would be taken for the order's
            raise
        self._used_at = self._clock.monotonic()
        return reusable and reply.status == 200

    async def _take_place(self, priority: Priority) -> None:
        self._settle()
        self._attempt = self._breakers.begin(build.PLACE_ORDER.part, priority)
        try:
            self._grant = await self._governor.admit(build.PLACE_ORDER.cost, priority, ORDERS_WAIT_S, LEAVES_WITHIN_S)
        except BaseException:
            self._settle()
            raise

    def _keep(self, order: SignedOrder, reply: Reply) -> None:
        if self._capture is not None:
            target = f"{build.PLACE_ORDER.path}?{order.body.decode('ascii')}"
            self._capture.answer(build.PLACE_ORDER.method, target, reply.status, (), reply.body)

    def _settle(self) -> None:
        if self._grant is not None:
            self._grant.settle()
            self._grant = None
        if self._attempt is not None:
            self._attempt.end()
            self._attempt = None

    def _drop(self) -> None:
        self._settle()
        if self._connection is not None:
            self._connection.close()
        self._connection = self._loaded = self._awaited = None
        self._record = b""


class MexcHotLines:
    """Makes warm connections for the orders of one account."""

    def __init__(
        self,
        rest_url: str,
        credentials: Credentials,
        *,
        clock: Clock,
        governor: RequestGovernor,
        breakers: Breakers | None = None,
        trust: ssl.SSLContext | None = None,
        capture: PayloadCapture | None = None,
    ) -> None:
        self._address = Address.parse(rest_url)
        self._credentials = credentials
        self._clock = clock
        self._governor = governor
        self._breakers = breakers or Breakers(clock)
        self._trust = trust
        self._capture = capture

    async def open(self) -> MexcHotLine:
        """A line whose connection has answered once. Raises TryAgain when the venue cannot be reached."""
        line = MexcHotLine(
            self._address,
            self._credentials,
            clock=self._clock,
            governor=self._governor,
            breakers=self._breakers,
            trust=self._trust,
            capture=self._capture,
        )
        try:
            await line.warm_up()
        except BaseException:
            await line.close()
            raise
        return line
