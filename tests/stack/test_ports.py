"""Which port a child gets."""

import socket
from collections.abc import Iterator

import pytest

from adapters.local.ports import choose_port, free_port, on_a_port
from adapters.local.supervisor import ChildFailed
from domain.errors import InvalidInput


@pytest.fixture
def taken() -> Iterator[int]:
    """A port somebody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_taken_default_gives_way(taken: int) -> None:
    """Nobody asked for the usual port, so any free one will do."""
    assert choose_port("panel", asked=None, default=taken) != taken


def test_a_free_default_is_kept() -> None:
    """The usual address stays the usual address."""
    port = free_port()

    assert choose_port("panel", asked=None, default=port) == port


def test_a_taken_choice_is_refused(taken: int) -> None:
    """An operator's own choice is not replaced in silence."""
    with pytest.raises(InvalidInput, match=f"port of panel: got {taken}"):
        choose_port("panel", asked=taken, default=8501)


@pytest.mark.parametrize("port", [0, -1, 65536])
def test_a_number_that_is_no_port_is_refused(port: int) -> None:
    """The range is part of the message."""
    with pytest.raises(InvalidInput, match="1 to 65535"):
        choose_port("panel", asked=port, default=8501)


async def test_a_lost_race_for_a_port_is_run_again() -> None:
    """Where another process takes the port between the choice and the bind, the child gets another one."""
    tried: list[int] = []
    rivals: list[socket.socket] = []

    async def start(port: int) -> int:
        tried.append(port)
        if not rivals:
            rivals.append(socket.create_server(("127.0.0.1", port)))
            raise ChildFailed("address in use")
        return port

    port = await on_a_port("panel", None, free_port(), start)
    rivals[0].close()

    assert tried[0] != port
    assert tried[-1] == port


async def test_a_child_that_fails_on_a_free_port_is_not_tried_again() -> None:
    """Its trouble is another one, and the operator wants to see it at once."""
    tried: list[int] = []

    async def start(port: int) -> int:
        tried.append(port)
        raise ChildFailed("syntax error")

    with pytest.raises(ChildFailed, match="syntax error"):
        await on_a_port("panel", None, free_port(), start)

    assert len(tried) == 1
