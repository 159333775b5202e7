"""One request out, one answer in, whatever pieces the network makes of them."""

import contextlib
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.mexc.codes import Reply
from adapters.mexc.http11 import AnswerReader, request_bytes
from adapters.mexc.members import Unreadable

SIZED = b'HTTP/1.1 429 Too Many\r\nContent-Length: 7\r\nRetry-After: 3\r\n\r\n{"a":1}'
CHUNKED = (
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    b'3;x=y\r\n{"a\r\n4\r\n":1}\r\n0\r\nTrailer: t\r\n\r\n'
)


def test_a_request_is_complete_without_a_body() -> None:
    """The venue must not wait for one."""
    request = request_bytes("POST", "/api/v3/order?a=1", "h:80", (("Content-Type", "application/json"),))

    assert request == (
        b"POST /api/v3/order?a=1 HTTP/1.1\r\nHost: h:80\r\nAccept: application/json\r\n"
        b"Content-Type: application/json\r\nContent-Length: 0\r\n\r\n"
    )


@pytest.mark.parametrize(
    ("data", "expected"),
    [(SIZED, Reply(429, b'{"a":1}', "3")), (CHUNKED, Reply(200, b'{"a":1}'))],
)
@given(cuts=st.lists(st.integers(1, 160), max_size=5))
def test_an_answer_is_the_same_in_any_pieces(data: bytes, expected: Reply, cuts: list[int]) -> None:
    """Where the network cuts does not matter."""
    edges = sorted({0, *(cut for cut in cuts if cut < len(data)), len(data)})
    reader = AnswerReader()

    replies = [reader.feed(data[start:end]) for start, end in itertools.pairwise(edges)]

    assert replies[-1] == expected
    assert not any(replies[:-1])
    assert reader.reusable


@pytest.mark.parametrize(
    "data",
    [
        SIZED.replace(b"Retry-After: 3", b"Connection: close"),
        SIZED.replace(b"HTTP/1.1", b"HTTP/1.0"),
        SIZED + b"more",
    ],
)
def test_a_connection_is_not_used_again_when_it_closes_or_is_out_of_step(data: bytes) -> None:
    """Otherwise a later order would read an earlier answer."""
    reader = AnswerReader()

    assert reader.feed(data) is not None
    assert not reader.reusable


def test_an_answer_without_a_length_ends_with_the_connection() -> None:
    """And one with a length is cut off by it."""
    unsized, sized = AnswerReader(), AnswerReader()
    unsized.feed(b"HTTP/1.1 200 OK\r\n\r\n{}")
    sized.feed(SIZED[:-1])

    assert unsized.end() == Reply(200, b"{}")
    assert sized.end() is None


@pytest.mark.parametrize(
    "data",
    [
        b"ICY 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n",
        b"x" * 70_000,
    ],
)
def test_what_is_not_http_is_unreadable(data: bytes) -> None:
    """Instead of a guess."""
    with pytest.raises(Unreadable):
        AnswerReader().feed(data)


@given(st.sampled_from([SIZED, CHUNKED]), st.integers(0, 130), st.binary(max_size=6))
def test_damaged_answers_raise_nothing_but_unreadable(data: bytes, at: int, damage: bytes) -> None:
    """A mutated answer is read, incomplete or unreadable."""
    reader = AnswerReader()
    with contextlib.suppress(Unreadable):
        reader.feed(data[:at] + damage + data[at + len(damage) :])
        reader.end()
