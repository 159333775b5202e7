"""What leases promise: one holder, rising tokens, and a death that is noticed at once only when it is proven."""

import asyncio
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic

import pytest

from adapters.clock import SystemClock
from adapters.postgres.lease_locks import LeaseLock
from adapters.postgres.leases import PostgresLeases
from domain.errors import InvalidInput
from tests.adapters.postgres import holder as holder_module
from tests.adapters.postgres.conftest import Stores
from tests.adapters.postgres.lease_makers import LONG_S, SHORT_S, take_over, taken
from tests.adapters.postgres.makers import a_key, a_new_session, of_another_pair
from tests.adapters.postgres.server import environment, lock_folder_of
from tests.builders import KEY

pytestmark = pytest.mark.postgres

Started = Callable[[str, Path, float], "subprocess.Popen[str]"]


@pytest.fixture
def start_holder() -> Iterator[Started]:
    """Starts a process that holds the lease."""
    started: list[subprocess.Popen[str]] = []

    def start(url: str, folder: Path, ttl_s: float) -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            [sys.executable, holder_module.__file__, url, str(folder), str(ttl_s)],
            env=environment(),
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


async def test_of_many_acquirers_one_wins(first: PostgresLeases, second: PostgresLeases) -> None:
    """Twenty ask at once: one has the lease, the others are told nothing."""
    answers = await asyncio.gather(
        *(leases.acquire(KEY, f"holder {n}", LONG_S) for n in range(10) for leases in (first, second))
    )

    assert len([answer for answer in answers if answer is not None]) == 1


async def test_the_first_lease_is_clean_and_counts_from_before_the_request(first: PostgresLeases) -> None:
    """Nobody was there before; the holder's end is earlier than the store's."""
    before = SystemClock().boottime()
    grant = await first.acquire(KEY, "first", LONG_S)
    after = SystemClock().boottime()

    assert grant is not None
    assert (grant.token, grant.ttl_s, grant.clean) == (1, LONG_S, True)
    assert before <= grant.asked_at < after


async def test_a_released_lease_is_handed_over_cleanly_under_a_higher_token(
    first: PostgresLeases, second: PostgresLeases
) -> None:
    """The next one need not wait for anything in flight; letting go twice is as once."""
    grant = await taken(first)
    await first.release(KEY, grant.token)
    await first.release(KEY, grant.token)
    following = await second.acquire(KEY, "second", LONG_S)

    assert following is not None
    assert following.token == grant.token + 1
    assert following.clean


async def test_a_wish_to_take_over_reaches_the_holder_and_is_forgotten_when_given_up(
    first: PostgresLeases, second: PostgresLeases, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The holder hears of somebody who asks, not of somebody who asked long ago."""
    grant = await taken(first)
    alone = await first.renew(KEY, grant.token, LONG_S)
    await second.acquire(KEY, "second", LONG_S)
    wanted = await first.renew(KEY, grant.token, LONG_S)
    monkeypatch.setattr("adapters.postgres.leases.WISH_LASTS_S", 0.0)
    forgotten = await first.renew(KEY, grant.token, LONG_S)

    assert (alone, wanted, forgotten) == (False, True, False)


async def test_the_same_process_proves_nothing_about_itself(first: PostgresLeases) -> None:
    """A second desk in one process waits for the end like anybody else, though the process holds the file."""
    grant = await taken(first)
    again = await first.acquire(KEY, "first", LONG_S)

    assert again is None
    assert await first.renew(KEY, grant.token, LONG_S) is True


async def test_a_killed_holder_is_followed_at_once(
    first: PostgresLeases, database_url: str, tmp_path: Path, start_holder: Started
) -> None:
    """The kernel frees the file of a dead process, so its long lease ends now."""
    process = start_holder(database_url, lock_folder_of(tmp_path), LONG_S)
    assert await line_of(process) == "token 1"
    refused = await first.acquire(KEY, "next", LONG_S)
    process.kill()
    process.wait()
    following = await first.acquire(KEY, "next", LONG_S)

    assert refused is None
    assert following is not None
    assert following.token == 2
    assert not following.clean


async def test_a_killed_holder_of_another_machine_is_waited_for(
    elsewhere: PostgresLeases, first: PostgresLeases, database_url: str, tmp_path: Path, start_holder: Started
) -> None:
    """A free file proves nothing when it is not the very file that the holder locked."""
    process = start_holder(database_url, lock_folder_of(tmp_path), LONG_S)
    assert await line_of(process) == "token 1"
    process.kill()
    process.wait()

    assert await elsewhere.acquire(KEY, "next", LONG_S) is None


async def test_a_stopped_holder_is_followed_only_after_its_end_and_stands_down_when_it_wakes(
    first: PostgresLeases, database_url: str, tmp_path: Path, start_holder: Started
) -> None:
    """A paused process keeps its file: its lease is respected to the end, and lost when it comes back."""
    ttl_s = 1.5
    process = start_holder(database_url, lock_folder_of(tmp_path), ttl_s)
    assert await line_of(process) == "token 1"
    await asyncio.sleep(ttl_s / 2)  # at least one renewal, so that the end lies ahead
    process.send_signal(signal.SIGSTOP)
    stopped_at = monotonic()
    following, waited_s = await take_over(first, stopped_at, ttl_s)
    process.send_signal(signal.SIGCONT)

    assert await line_of(process) == "lost"
    assert waited_s > ttl_s / 2
    assert following.token == 2
    assert not following.clean


async def test_a_holder_that_took_over_without_the_file_gets_it_later(
    first: PostgresLeases,
    second: PostgresLeases,
    database_url: str,
    tmp_path: Path,
    start_holder: Started,
) -> None:
    """Until then its death is not proven by a free file; afterwards it is."""
    process = start_holder(database_url, lock_folder_of(tmp_path), SHORT_S)
    assert await line_of(process) == "token 1"
    process.send_signal(signal.SIGSTOP)
    grant, _ = await take_over(first, monotonic(), SHORT_S)
    process.kill()
    process.wait()
    too_early = await second.acquire(KEY, "third", LONG_S)
    await first.renew(KEY, grant.token, LONG_S)
    has_the_file = LeaseLock.try_take(lock_folder_of(tmp_path), KEY) is None

    assert too_early is None
    assert has_the_file


async def test_leases_of_sessions_are_independent(stores: Stores, first: PostgresLeases) -> None:
    """Two sessions have two holders; a session nobody admitted has none."""
    await stores.sessions.admit(a_new_session(of_another_pair()))
    await taken(first)

    assert await first.acquire(of_another_pair(), "other", LONG_S) is not None
    with pytest.raises(InvalidInput):
        await first.acquire(a_key(3), "nobody", LONG_S)


async def test_without_a_lock_folder_only_the_end_counts(stores: Stores, tmp_path: Path) -> None:
    """A folder that cannot be used costs the quick take-over and nothing else."""
    await stores.sessions.admit(a_new_session())
    (tmp_path / "file").write_text("")
    leases = PostgresLeases(stores.database, SystemClock(), tmp_path / "file" / "leases")
    grant = await taken(leases)

    assert await leases.renew(KEY, grant.token, LONG_S) is False
    assert await leases.acquire(KEY, "second", LONG_S) is None


async def line_of(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return (await asyncio.to_thread(process.stdout.readline)).strip()
