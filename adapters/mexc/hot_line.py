"""One warm connection that carries orders, behind domain.ports.HotLine: everything but one send call happens before the
instant, and the answer is taken without waiting.

From `lay` until its answer was heard a line belongs to whoever fires it; what that means for budget and breakers is
noted then, and settled on the event loop.
"""

import ssl
from collections import deque
from contextlib import suppress
from dataclasses import dataclass

from adapters.mexc import build, parse
from adapters.mexc.capture import PayloadCapture
from adapters.mexc.codes import Purpose, Reply, accepted_body
from adapters.mexc.connection import BROKEN, Address, Connection
from adapters.mexc.governor import RequestGovernor
from adapters.mexc.http11 import AnswerReader, request_bytes
from adapters.mexc.places import Place
from adapters.mexc.resting import Rest
from adapters.mexc.signing import Credentials
from domain.errors import OutcomeUnknown, RateLimited, Refused, SniperError
from domain.ports import Ack, Clock, SignedOrder

_REFUSAL = (
    b"HTTP/1.1 400 \r\nContent-Type: application/json\r\nContent-Length: 59\r\n\r\n"
    b'{"code":30010,"msg":"Order price cannot exceed 0.0123USDT"}'
)
"""Like what answers an order that offers too much at an opening."""
_SILENT = "the venue takes connections for orders but does not answer on them"


@dataclass(frozen=True, slots=True)
class _Heard:
    """What one order's answer means for others. reply: None without one. failed: why the venue seems not to work,
    empty when it answered. limited: it asked to be left alone. at: local monotonic seconds. took_s: from leaving until
    then."""

    order: SignedOrder
    place: Place
    at: float
    took_s: float
    reply: Reply | None = None
    failed: str = ""
    limited: RateLimited | None = None


class MexcHotLine:
    """At most one order at a time: lay, fire, hear, then lay again. number: counted from 0 within a session.

    rest: what the venue asked of anybody of this process; None: nobody else is there.
    """

    def __init__(
        self,
        number: int,
        address: Address,
        credentials: Credentials,
        clock: Clock,
        trust: ssl.SSLContext | None,
        rest: Rest | None = None,
    ) -> None:
        self.number = number
        self.first_byte: float | None = None
        self._address = address
        self._headers = (("X-MEXC-APIKEY", credentials.api_key), *build.JSON_HEADERS)
        self._clock = clock
        self._trust = trust
        self._rest = rest or Rest()
        self._connection: Connection | None = None  # None: nothing that could carry an order
        self._opened_at = 0.0
        self._used_at = 0.0
        self._fired_at = 0.0
        self._record = b""
        self._loaded: SignedOrder | None = None
        self._awaited: SignedOrder | None = None
        self._kept_back = False  # what is awaited never left
        self._place: Place | None = None
        self._reader = AnswerReader()
        self._heard: deque[_Heard] = deque()

    @property
    def age_s(self) -> float:
        """Since its connection was made."""
        return self._clock.monotonic() - self._opened_at

    @property
    def idle_s(self) -> float:
        """Since the venue answered on it."""
        return self._clock.monotonic() - self._used_at

    @property
    def stands(self) -> bool:
        """Whether there is a connection that could carry something now."""
        return self._connection is not None and self._loaded is None and self._awaited is None

    async def connect(self, ping: bytes) -> None:
        """A new connection that has answered once, in place of the old one. Raises OSError, Unreadable or RateLimited;
        then the old one stays."""
        fresh = await Connection.open(self._address, self._trust)
        try:
            await self._ask(fresh, ping)
        except BaseException:
            fresh.close()
            raise
        self.drop()
        self._connection, self._opened_at = fresh, self._clock.monotonic()

    async def ping(self, ping: bytes) -> None:
        """A cheap question on the connection. Raises OSError or Unreadable when it is of no more use, RateLimited when
        the venue asks for rest."""
        try:
            if self._connection is None or not self._connection.is_quiet():
                raise ConnectionResetError("the connection is gone")
            await self._ask(self._connection, ping)
        except BaseException:
            self.drop()  # its answer would be taken for the next one's
            raise

    def lay(self, order: SignedOrder, place: Place) -> None:
        """Make the order ready to leave, in its place of the budget. RuntimeError: the line does not stand."""
        if self._connection is None or not self.stands:
            raise RuntimeError("an order laid on a line that cannot carry it")
        self._record = self._connection.seal(self._written(order))
        self._reader = AnswerReader()
        self._loaded, self._place, self.first_byte = order, place, None

    def ready(self) -> bool:
        """Whether what is laid ready may leave: the connection holds, and the venue did not ask for rest meanwhile."""
        return not self.rests() and self.holds()

    def rests(self) -> bool:
        """Whether the venue asked for rest; on any thread."""
        return self._rest.left_s(self._clock.monotonic()) > 0

    def holds(self) -> bool:
        """Whether the connection still stands; what is not expected on it counts against it."""
        return self._connection is not None and self._connection.is_quiet()

    def fire(self) -> float:
        """One send call, on the caller's thread; none when the venue has asked for rest since `ready` was asked.
        RuntimeError: nothing is laid ready."""
        if self._connection is None or self._loaded is None or self._place is None:
            raise RuntimeError("fire without an order")
        self._awaited, self._loaded = self._loaded, None
        if self.rests():
            self._kept_back, self._fired_at = True, self._clock.monotonic()
            return self._fired_at
        self._place.grant.sent()
        try:
            sent = self._connection.send_now(self._record)
        except OSError as exc:
            self._fired_at = self._clock.monotonic()
            raise self.give_up(f"the connection broke while sending: {exc}") from exc
        self._fired_at = self._clock.monotonic()
        if sent != len(self._record):
            raise self.give_up(f"only {sent} of {len(self._record)} bytes left")
        return self._fired_at

    def hear(self) -> Ack | None:
        """The venue's word on what was fired. RuntimeError: nothing was."""
        connection, order = self._connection, self._awaited
        if connection is None or order is None:
            raise RuntimeError("nothing was fired that could be answered")
        if self._kept_back:
            raise self._not_sent()
        reply: Reply | None = None
        try:
            while reply is None:  # what TLS has taken in makes the socket readable no more
                data = connection.take_now()
                if data is None:
                    return None
                if data and self.first_byte is None:
                    self.first_byte = self._clock.monotonic()
                reply = self._reader.feed(data) if data else self._reader.end()
                if reply is None and not data:
                    raise ConnectionResetError("the venue closed the connection without an answer")
        except BROKEN as exc:
            raise self.give_up(f"no answer that can be trusted: {exc}") from exc
        return self._understand(order, reply)

    def give_up(self, reason: str) -> OutcomeUnknown:
        """The answer is of no more use: whether the order exists has to be asked."""
        self._note(None, reason)
        self.drop()
        return OutcomeUnknown(reason)

    def fileno(self) -> int:
        """Of the connection. RuntimeError: there is none."""
        if self._connection is None:
            raise RuntimeError("a line without a connection")
        return self._connection.fileno()

    def settle(self, governor: RequestGovernor, capture: PayloadCapture | None) -> None:
        """Tell budget, breaker and capture what was heard. On the event loop."""
        while self._heard:
            heard = self._heard.popleft()
            if heard.limited is not None:
                governor.pause(heard.limited.retry_after_s, heard.at)
            elif heard.failed:
                heard.place.attempt.failed(heard.failed)
            elif heard.reply is not None:
                heard.place.attempt.answered(self._clock.monotonic() - heard.took_s)
            heard.place.give_up()
            if capture is not None and heard.reply is not None:
                target = f"{build.PLACE_ORDER.path}?{heard.order.body.decode('ascii')}"
                capture.answer(build.PLACE_ORDER.method, target, heard.reply.status, (), heard.reply.body)

    def unlay(self) -> Place | None:
        """The place of what is laid ready, which then never leaves: its connection is dropped. None: nothing is."""
        if self._loaded is None:
            return None
        place, self._place = self._place, None
        self.drop()
        return place

    def take_off(self) -> None:
        """What is laid ready never leaves, and what was fired is not listened for: the connection is out of step then,
        and is dropped. On the event loop; idempotent."""
        if self._place is not None:
            self._place.give_up()
            self._place = None
        if self._loaded is not None or self._awaited is not None:
            self.drop()

    def rehearse(self, order: SignedOrder) -> None:
        """Neither the connection nor what lies ready on it is touched."""
        self._written(order)
        reply = AnswerReader().feed(_REFUSAL)
        assert reply is not None
        with suppress(Refused):
            accepted_body(reply, Purpose.WRITE)

    def drop(self) -> None:
        """Let go of the connection; idempotent."""
        if self._connection is not None:
            self._connection.close()
        self._connection = self._loaded = self._awaited = None
        self._kept_back = False
        self._record = b""

    def _not_sent(self) -> RateLimited:
        """What was to be fired while the venue rests is over; its connection is dropped, since TLS counts records."""
        left_s = self._rest.left_s(self._fired_at)
        self._note(None)
        self.drop()
        return RateLimited("the venue asked for rest; nothing was sent", retry_after_s=left_s)

    def _written(self, order: SignedOrder) -> bytes:
        target = f"{build.PLACE_ORDER.path}?{order.body.decode('ascii')}"
        return request_bytes(build.PLACE_ORDER.method, target, self._address.host_header, self._headers)

    def _understand(self, order: SignedOrder, reply: Reply) -> Ack:
        received = self._used_at = self._clock.monotonic()
        failed, limited = "", None
        try:
            document = accepted_body(reply, Purpose.WRITE)
            order_id = parse.acknowledged_id(document, order.client_order_id)
        except RateLimited as exc:
            limited = exc
            self._rest.asked(received, exc.retry_after_s)  # the event loop hears of it when other orders have left
            raise
        except Refused:
            raise
        except BROKEN as exc:
            failed = f"no answer that can be trusted: {exc}"
            raise OutcomeUnknown(failed) from exc
        except SniperError as exc:
            failed = str(exc)
            raise
        finally:
            self._note(reply, failed, limited)
            if not self._reader.reusable:
                self.drop()
        return Ack(order.client_order_id, order_id, received, parse.taken_at(document))

    def _note(self, reply: Reply | None, failed: str = "", limited: RateLimited | None = None) -> None:
        order, place = self._awaited, self._place
        self._awaited = self._place = None
        if order is not None and place is not None:
            now = self._clock.monotonic()
            self._heard.append(_Heard(order, place, now, now - self._fired_at, reply, failed, limited))

    async def _ask(self, connection: Connection, ping: bytes) -> None:
        reply, reusable = await connection.ask(ping)
        if reply.status != 200:
            try:
                accepted_body(reply, Purpose.READ)
            except RateLimited:  # a rest is everybody's, whatever it answers
                raise
            except SniperError as exc:
                raise ConnectionResetError(f"{_SILENT} ({exc})") from exc
        if not reusable:
            raise ConnectionResetError(_SILENT)
        self._used_at = self._clock.monotonic()
