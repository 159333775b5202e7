"""An order on a warm connection: one send call at the instant, and an honest word about its outcome afterwards."""

import itertools
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.mexc import hot_line
from adapters.mexc.breakers import Breakers, Part
from adapters.mexc.build import PLACE_ORDER
from adapters.mexc.codes import Purpose, accepted_body
from adapters.mexc.connection import Address, Connection
from adapters.mexc.governor import Grant, RequestGovernor
from adapters.mexc.hot_line import MexcHotLine
from adapters.mexc.http11 import AnswerReader
from adapters.mexc.limits import Priority, Resource
from adapters.mexc.places import Place
from adapters.mexc.resting import Rest
from adapters.mexc.signing import Credentials
from domain.errors import AccessDenied, NotTradable, OutcomeUnknown, PriceRefused, RateLimited, SniperError, TryAgain
from domain.ports import Ack
from tests.adapters.mexc.conftest import answer_bytes
from tests.adapters.mexc.hot_orders import ACK, REFUSAL, LeapingClock, signed

TAKEN = answer_bytes(200, ACK)
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\n%s\r\n%x\r\n%s\r\n0\r\n\r\n" % (
    ACK[:9],
    len(ACK) - 9,
    ACK[9:],
)
UNTIL_THE_END = b"HTTP/1.1 200 OK\r\n\r\n" + ACK
REFUSED = answer_bytes(400, REFUSAL)


@dataclass
class Bench:
    """A line whose other end is `venue`."""

    line: MexcHotLine
    venue: socket.socket
    connection: Connection
    clock: LeapingClock = field(default_factory=LeapingClock)

    def __post_init__(self) -> None:
        self.governor = RequestGovernor(self.clock)
        self.breakers = Breakers(self.clock)
        self.grants = 0

    def place(self) -> Place:
        self.grants += 1
        now = self.clock.monotonic()
        self.governor._own.take(now, self.grants, PLACE_ORDER.cost)
        attempt = self.breakers.begin(Part.ORDERS, Priority.ENTRY)
        return Place(Grant(self.governor, self.grants, PLACE_ORDER.cost), attempt, now)

    def lay(self, name: str = "order1") -> None:
        self.line.lay(signed(name), self.place())

    def fire(self, name: str = "order1") -> bytes:
        """Lay and fire; what came out at the venue."""
        self.lay(name)
        self.line.fire()
        return self.venue.recv(4096)

    @property
    def counted(self) -> int:
        """Orders in the budget."""
        return self.governor.status().used[Resource.ORDERS]

    @property
    def failures(self) -> int:
        return self.breakers.status()[Part.ORDERS].failures

    def close(self) -> None:
        self.line.drop()
        self.venue.close()


def a_bench() -> Bench:
    ours, venue = socket.socketpair()
    ours.setblocking(False)
    venue.setblocking(False)
    address, clock = Address.parse("http://venue:9000"), LeapingClock()
    line = MexcHotLine(0, address, Credentials("key", "secret"), clock, None)
    line._connection = connection = Connection(ours, address)
    return Bench(line, venue, connection, clock)


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = a_bench()
    yield bench
    bench.close()


def cut_up(data: bytes, cuts: Sequence[int]) -> list[bytes]:
    edges = sorted({0, *(cut % len(data) for cut in cuts), len(data)})
    return [data[start:end] for start, end in itertools.pairwise(edges)]


def test_firing_is_exactly_one_send_call(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """On the caller's thread; what it sends is the whole request, with the signed text as query."""
    bench.lay()
    sent: list[tuple[int, bytes]] = []
    send = socket.socket.send

    def counting(self: socket.socket, data: bytes) -> int:
        sent.append((threading.get_ident(), data))
        return send(self, data)

    monkeypatch.setattr(socket.socket, "send", counting)
    before = bench.clock.monotonic()
    at = bench.line.fire()
    after = bench.clock.monotonic()
    monkeypatch.undo()

    request = bench.venue.recv(4096)
    assert sent == [(threading.get_ident(), request)]
    assert request.startswith(b"POST /api/v3/order?newClientOrderId=order1&signature=0 HTTP/1.1\r\n")
    assert b"\r\nHost: venue:9000\r\n" in request
    assert b"\r\nX-MEXC-APIKEY: key\r\n" in request
    assert b"\r\nContent-Type: application/json\r\n" in request
    assert request.endswith(b"\r\nContent-Length: 0\r\n\r\n")
    assert before <= at <= after


def test_nothing_leaves_before_it_is_fired_and_nothing_twice(bench: Bench) -> None:
    """Laying ready is not sending; without an order there is nothing to fire or to hear."""
    with pytest.raises(RuntimeError):
        bench.line.fire()
    bench.lay()
    with pytest.raises(BlockingIOError):
        bench.venue.recv(1)
    with pytest.raises(RuntimeError):
        bench.line.hear()
    with pytest.raises(RuntimeError):
        bench.lay("order2")
    bench.line.fire()
    with pytest.raises(RuntimeError):
        bench.line.fire()
    with pytest.raises(RuntimeError):
        bench.lay("order2")

    assert bench.venue.recv(4096).count(b"POST ") == 1


def test_a_rehearsal_touches_nothing(bench: Bench) -> None:
    """What lies ready leaves as it was laid, and nothing else does; neither budget nor breaker hear of it."""
    bench.lay()

    bench.line.rehearse(signed("order2"))
    bench.line.rehearse(signed("order2"))

    assert (bench.counted, bench.failures) == (1, 0)
    with pytest.raises(BlockingIOError):
        bench.venue.recv(1)
    bench.line.fire()
    assert b"newClientOrderId=order1&" in bench.venue.recv(4096)


def test_what_a_rehearsal_reads_is_a_whole_refusal_by_price() -> None:
    """It goes the way that is to be quick."""
    reply = AnswerReader().feed(hot_line._REFUSAL)

    assert reply is not None
    with pytest.raises(PriceRefused) as refused:
        accepted_body(reply, Purpose.WRITE)
    assert refused.value.cap is not None


def test_hearing_never_waits(bench: Bench) -> None:
    """Nothing yet is None, as often as it is asked; the first byte is stamped when it is here."""
    bench.fire()
    heard = [bench.line.hear(), bench.line.hear()]
    none_yet = bench.line.first_byte
    bench.venue.sendall(TAKEN[:1])
    before = bench.clock.monotonic()
    heard.append(bench.line.hear())
    first = bench.line.first_byte
    bench.venue.sendall(TAKEN[1:])
    ack = bench.line.hear()

    assert heard == [None, None, None]
    assert none_yet is None
    assert first is not None
    assert before <= first <= bench.clock.monotonic()
    assert bench.line.first_byte == first
    assert ack is not None
    assert (ack.client_order_id, ack.order_id) == ("order1", "C02__7")
    assert ack.taken_at == datetime.fromtimestamp(1767225600.001, UTC)
    assert ack.received >= first


@pytest.mark.parametrize("at", [0, -1, 1767225600001000, 1767225600001000000, -(10**18), 10**30])
def test_an_accepted_order_stays_accepted_whatever_time_it_was_taken_at(bench: Bench, at: int) -> None:
    """A time that is none is not known, and the line goes on."""
    bench.fire()
    bench.venue.sendall(answer_bytes(200, ACK.replace(b"1767225600001", b"%d" % at)))
    ack = bench.line.hear()

    assert ack is not None
    assert (ack.order_id, ack.taken_at) == ("C02__7", None)
    assert bench.line.stands


@pytest.mark.parametrize("answer", [TAKEN, CHUNKED, UNTIL_THE_END, REFUSED])
@given(cuts=st.lists(st.integers(0, 300), max_size=8))
def test_an_answer_means_the_same_in_any_pieces(answer: bytes, cuts: list[int]) -> None:
    """Heard after each of them: nothing until the last, then all."""
    bench = a_bench()
    try:
        bench.fire()
        *before, last = cut_up(answer, cuts)
        early = []
        for piece in before:
            bench.venue.sendall(piece)
            early.append(bench.line.hear())
        bench.venue.sendall(last)
        if answer is UNTIL_THE_END:
            early.append(bench.line.hear())
            bench.venue.shutdown(socket.SHUT_WR)

        assert not any(early)
        if answer is REFUSED:
            with pytest.raises(NotTradable, match="direction not allowed"):
                bench.line.hear()
        else:
            ack = bench.line.hear()
            assert ack is not None
            assert ack.order_id == "C02__7"
        assert bench.line.stands == (answer is not UNTIL_THE_END)
    finally:
        bench.close()


@given(data=st.data(), answer=st.sampled_from([TAKEN, CHUNKED, REFUSED]))
def test_records_of_tls_may_be_cut_and_joined_as_well(
    data: st.DataObject, answer: bytes, certified: tuple[ssl.SSLContext, ssl.SSLContext]
) -> None:
    """The first look after the last byte arrived has the whole answer: the socket will not call for a second one."""
    bench = a_bench()
    try:
        say = shake_hands(bench.connection, bench.venue, *certified)
        bench.fire()
        cuts = st.lists(st.integers(0, 300), max_size=4)
        raw = b"".join(say(record) for record in cut_up(answer, data.draw(cuts, "records")))
        *before, last = cut_up(raw, data.draw(cuts, "pieces"))
        for piece in before:
            bench.venue.sendall(piece)
            assert bench.line.hear() is None
        bench.venue.sendall(last)

        if answer is REFUSED:
            with pytest.raises(NotTradable):
                bench.line.hear()
        else:
            assert isinstance(bench.line.hear(), Ack)
        assert bench.line.stands
        assert bench.line.ready()
    finally:
        bench.close()


def shake_hands(
    connection: Connection, venue: socket.socket, served: ssl.SSLContext, trust: ssl.SSLContext
) -> Callable[[bytes], bytes]:
    """Between two buffers in this thread; returns what makes a record of the venue's words."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    there = served.wrap_bio(incoming, outgoing, server_side=True)
    connection._tls = here = trust.wrap_bio(connection._incoming, connection._outgoing, server_hostname="localhost")
    for _ in range(4):
        for side in (here, there):
            with suppress(ssl.SSLWantReadError):
                side.do_handshake()
            incoming.write(connection._outgoing.read())
            connection._incoming.write(outgoing.read())

    def say(words: bytes) -> bytes:
        there.write(words)
        return outgoing.read()

    return say


@pytest.mark.parametrize(
    ("answer", "family"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{", OutcomeUnknown),
        (b"HTTP/1.1 500 X\r\nContent-Length: 0\r\n\r\n", OutcomeUnknown),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", OutcomeUnknown),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n<ht>", OutcomeUnknown),
        (b"nonsense\r\n\r\n", OutcomeUnknown),
        (b"", OutcomeUnknown),
        (b"HTTP/1.1 429 X\r\nRetry-After: 2\r\nContent-Length: 0\r\n\r\n", RateLimited),
        (answer_bytes(400, b'{"code":30010,"msg":"Order price cannot exceed 1.5"}'), PriceRefused),
        (answer_bytes(400, b'{"code":30025,"msg":"no opponent order"}'), NotTradable),
        (answer_bytes(400, b'{"code":700002,"msg":"signature"}'), AccessDenied),
        (answer_bytes(400, b'{"code":604,"msg":"maintenance"}'), TryAgain),
    ],
)
def test_only_a_clear_answer_decides(bench: Bench, answer: bytes, family: type[SniperError]) -> None:
    """Everything else leaves the outcome unknown: also the answer to something else, and a connection that ends."""
    bench.fire()
    bench.venue.sendall(answer)
    bench.venue.shutdown(socket.SHUT_WR)

    with pytest.raises(family):
        bench.line.hear()
    with pytest.raises(RuntimeError):
        bench.line.hear()


def test_a_line_carries_one_order_after_another(bench: Bench) -> None:
    """Sized or chunked, refused or taken: the connection stays, and each answer is its order's."""
    bench.fire("a")
    bench.venue.sendall(CHUNKED)
    first = bench.line.hear()
    bench.fire("b")
    bench.venue.sendall(REFUSED)
    with pytest.raises(NotTradable):
        bench.line.hear()
    asked = bench.fire("c")
    bench.venue.sendall(TAKEN)
    third = bench.line.hear()

    assert first is not None
    assert third is not None
    assert (first.client_order_id, third.client_order_id) == ("a", "c")
    assert b"newClientOrderId=c&" in asked
    assert bench.line.stands


@pytest.mark.parametrize("more", [b"HTTP/1.1 200 OK\r\n", REFUSED])
def test_a_line_out_of_step_carries_nothing_more(bench: Bench, more: bytes) -> None:
    """Bytes behind an answer would be taken for the next order's."""
    bench.fire()
    bench.venue.sendall(TAKEN + more)
    ack = bench.line.hear()

    assert ack is not None
    assert not bench.line.stands
    with pytest.raises(RuntimeError):
        bench.lay("order2")


def test_a_venue_that_says_it_closes_is_believed(bench: Bench) -> None:
    """Before it has."""
    bench.fire()
    bench.venue.sendall(answer_bytes(200, ACK, b"Connection: close"))
    ack = bench.line.hear()

    assert ack is not None
    assert not bench.line.stands


@pytest.mark.parametrize("spoilt_by", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"])
def test_a_laid_order_knows_whether_its_connection_still_stands(bench: Bench, spoilt_by: bytes) -> None:
    """One that the venue closed does not, and neither does one on which something came that nobody asked for."""
    bench.lay()
    stood = bench.line.ready()
    bench.venue.sendall(spoilt_by)
    if not spoilt_by:
        bench.venue.close()

    assert stood
    assert not bench.line.ready()


@pytest.mark.parametrize(
    "sending", [ConnectionResetError("reset"), BrokenPipeError("pipe"), BlockingIOError("full"), 10, 0]
)
def test_a_send_that_broke_is_unknown(bench: Bench, monkeypatch: pytest.MonkeyPatch, sending: Any) -> None:
    """None, some or all of it may have left: nobody listens on that connection any more, and the venue counts as one
    that failed."""
    bench.lay()

    def broken(self: socket.socket, data: bytes) -> int:
        if isinstance(sending, int):
            return sending
        raise sending

    monkeypatch.setattr(socket.socket, "send", broken)
    with pytest.raises(OutcomeUnknown):
        bench.line.fire()
    monkeypatch.undo()
    unsettled = (bench.failures, bench.counted)
    bench.line.settle(bench.governor, None)

    assert bench.venue.recv(1) == b""
    assert not bench.line.stands
    with pytest.raises(RuntimeError):
        bench.line.hear()
    with pytest.raises(RuntimeError):
        bench.line.fileno()
    assert unsettled == (0, 1)
    assert bench.failures == 1
    assert bench.counted == 1, "it may have been at the venue"


def test_giving_up_is_unknown_and_spends_the_connection(bench: Bench) -> None:
    """A late answer must not be taken for the next order's."""
    bench.fire()
    unknown = bench.line.give_up("no answer within 5 s")
    bench.line.settle(bench.governor, None)

    assert isinstance(unknown, OutcomeUnknown)
    assert str(unknown) == "no answer within 5 s"
    assert bench.venue.recv(1) == b""
    assert not bench.line.stands
    assert bench.failures == 1


def test_what_is_heard_is_settled_on_the_event_loop(bench: Bench) -> None:
    """Hearing changes neither budget nor breaker; settling does, once."""
    bench.breakers._breakers[Part.ORDERS].failed(0.0)
    bench.fire()
    bench.venue.sendall(REFUSED)
    with pytest.raises(NotTradable):
        bench.line.hear()
    bench.clock.ahead_s = 2.0
    before = (bench.failures, bench.counted)
    bench.line.settle(bench.governor, None)
    bench.line.settle(bench.governor, None)
    after = (bench.failures, bench.counted)
    bench.clock.ahead_s = 4.0

    assert before == (1, 1)
    assert after == (0, 1), "the answer came now, as far as the budget can tell"
    assert bench.counted == 0


def test_an_answer_that_took_long_counts_against_the_venue(bench: Bench) -> None:
    """From firing to hearing; how much later it is settled does not matter."""
    bench.fire("slow")
    bench.clock.ahead_s = 4.0
    bench.venue.sendall(REFUSED)
    with pytest.raises(NotTradable):
        bench.line.hear()
    bench.line.settle(bench.governor, None)
    slow = bench.failures
    bench.fire("quick")
    bench.venue.sendall(REFUSED)
    with pytest.raises(NotTradable):
        bench.line.hear()
    bench.clock.ahead_s = 8.0
    bench.line.settle(bench.governor, None)

    assert slow == 1
    assert bench.failures == 0


def test_what_is_taken_off_never_leaves(bench: Bench) -> None:
    """Nor does it count in the budget; its connection is dropped, whose records are numbered."""
    bench.lay()
    bench.line.take_off()
    bench.line.take_off()

    assert bench.venue.recv(4096) == b""
    assert bench.counted == 0
    assert not bench.line.stands
    with pytest.raises(RuntimeError):
        bench.line.fire()


def test_what_was_fired_and_taken_off_counts(bench: Bench) -> None:
    """It may be at the venue; nobody listens for its answer."""
    bench.fire()
    bench.line.take_off()

    assert bench.venue.recv(4096) == b""
    assert bench.counted == 1
    assert not bench.line.stands
    assert bench.failures == 0


def test_what_the_venue_closed_without_a_byte_has_no_first_byte(bench: Bench) -> None:
    """The end of a connection is no answer."""
    bench.fire()
    bench.venue.shutdown(socket.SHUT_WR)
    with pytest.raises(OutcomeUnknown):
        bench.line.hear()

    assert bench.line.first_byte is None


def test_an_order_does_not_leave_when_rest_was_asked_for_since_the_last_look(bench: Bench) -> None:
    """It is heard instead of an answer, with what is left of the rest; the place is given back, and nothing that came
    to the venue's end of the connection is taken for an order."""
    bench.lay()
    ready = bench.line.ready()
    bench.line._rest.asked(bench.clock.monotonic(), 2.0)
    bench.line.fire()
    with pytest.raises(RateLimited, match="nothing was sent") as rest:
        bench.line.hear()
    bench.line.settle(bench.governor, None)

    assert ready
    assert rest.value.retry_after_s == pytest.approx(2.0, abs=0.1)
    assert bench.venue.recv(4096) == b""
    assert not bench.line.stands
    assert (bench.counted, bench.failures) == (0, 0)


def test_a_rest_is_known_to_all_lines_as_soon_as_it_was_heard(bench: Bench) -> None:
    """Before the event loop is told; when it is, nothing is added to it."""
    bench.line._rest = bench.governor.rest
    bench.fire()
    bench.venue.sendall(answer_bytes(429, b"", b"Retry-After: 7"))
    with pytest.raises(RateLimited):
        bench.line.hear()
    heard = bench.governor.rest.until
    bench.clock.ahead_s += 1.0
    bench.line.settle(bench.governor, None)

    assert 5.5 < bench.governor.status().paused_s <= 6.0
    assert bench.governor.rest.until == pytest.approx(heard, abs=0.1)


def test_a_shorter_rest_does_not_end_a_longer_one() -> None:
    """Whoever is told of it last; one that has no length lasts a second."""
    rest = Rest()
    ends = [rest.asked(100.0, 30.0), rest.asked(101.0, None)]

    assert ends == [130.0, 102.0]
    assert rest.until == 130.0
