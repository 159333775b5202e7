"""Admission in one process: who waits, who is told no, and what happens while Redis is away."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable, Iterator

import pytest

from adapters.clock import SystemClock
from adapters.mexc.governor import RequestGovernor
from adapters.mexc.limits import Limits, Priority, Resource
from adapters.mexc.shared_ledger import SharedLedger
from domain.errors import RateLimited
from tests.redis_server import RedisServer

ORDER = {Resource.ORDERS: 1, Resource.REQUESTS: 1}
READ = {Resource.REQUESTS: 1, Resource.WEIGHT: 1}


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    with RedisServer() as server:
        yield server


async def eventually(true: Callable[[], bool], within_s: float = 5.0) -> None:
    async with asyncio.timeout(within_s):
        while not true():
            await asyncio.sleep(0.005)


async def at_once(asking: Awaitable[object]) -> bool:
    """Whether it is admitted without a wait."""
    try:
        await asking
    except RateLimited:
        return False
    return True


def sharing(redis: RedisServer, limits: Limits, own: Limits | None = None) -> RequestGovernor:
    shared = SharedLedger(redis.url, "http://venue", "key", limits)
    return RequestGovernor(SystemClock(), own or limits, shared=shared)


async def take(governor: RequestGovernor, priority: Priority = Priority.EXIT) -> bool:
    """One order that leaves and is answered at once, if it is admitted at once."""
    try:
        async with governor.admitted(ORDER, priority, 0.0):
            return True
    except RateLimited:
        return False


async def test_an_order_that_does_not_fit_is_refused_and_a_read_waits() -> None:
    """The refusal says when to come back; nothing is counted for it."""
    governor = RequestGovernor(SystemClock(), Limits(orders=2))
    assert [await take(governor) for _ in range(3)] == [True, True, False]

    with pytest.raises(RateLimited) as caught:
        await governor.admit(ORDER, Priority.EXIT, 0.0)
    async with governor.admitted(READ, Priority.POLL):
        pass

    assert caught.value.retry_after_s is not None
    assert 0 < caught.value.retry_after_s <= 1.01
    assert governor.status().used[Resource.ORDERS] == 2


async def test_a_question_that_waits_for_weight_holds_up_no_sale() -> None:
    """Both are exits; they lack different things."""
    governor = RequestGovernor(SystemClock(), Limits(weight=1))
    async with governor.admitted(READ, Priority.EXIT):
        waiting = asyncio.create_task(governor.admit(READ, Priority.EXIT, 5.0))
        await asyncio.sleep(0)

        assert await take(governor)
        waiting.cancel()


async def test_the_venues_wish_for_rest_is_honoured_by_all() -> None:
    """Exits too: who goes on asking is banned. A short rest is waited for, a long one is told."""
    governor = RequestGovernor(SystemClock())
    governor.pause(0.05)
    assert not await take(governor)

    async with governor.admitted(READ, Priority.POLL):
        pass

    governor.pause(120.0)
    with pytest.raises(RateLimited) as caught:
        await governor.admit(READ, Priority.EXIT, 5.0)
    assert caught.value.retry_after_s is not None
    assert caught.value.retry_after_s > 100


async def test_two_processes_share_one_budget(redis: RedisServer) -> None:
    """What one has used the other lacks; another account has orders of its own."""
    limits = Limits(orders=3, requests=1000)
    one, two = sharing(redis, limits), sharing(redis, limits)
    other = RequestGovernor(SystemClock(), limits, shared=SharedLedger(redis.url, "http://venue", "else", limits))

    assert [await take(one), await take(two), await take(one), await take(two), await take(one)] == [True] * 3 + [
        False
    ] * 2
    assert await take(other)
    for governor in (one, two, other):
        await governor.close()


async def test_an_entry_leaves_the_reserve_of_all_processes_alone(redis: RedisServer) -> None:
    """One process' exits find what the other's entries had to leave."""
    limits = Limits(orders=5, requests=1000)
    fire, guard = sharing(redis, limits), sharing(redis, limits)

    assert [await take(fire, Priority.ENTRY) for _ in range(5)] == [True] * 4 + [False]
    assert [await take(guard, Priority.EXIT) for _ in range(2)] == [True, False]
    await fire.close()
    await guard.close()


async def test_an_exit_that_waits_elsewhere_keeps_entries_off(redis: RedisServer) -> None:
    """Order of priority holds between processes too."""
    limits = Limits(orders=1, requests=1000)
    fire, guard = sharing(redis, limits), sharing(redis, limits)
    held = await fire.admit(ORDER, Priority.ENTRY, 0.0)
    exit_waits = asyncio.create_task(guard.admit(ORDER, Priority.EXIT, 5.0))
    await eventually(lambda: guard.status().mode == "shared")
    entry_waits = asyncio.create_task(fire.admit(ORDER, Priority.ENTRY, 5.0))

    held.settle()  # never sent: its place is free at once
    await exit_waits

    assert not entry_waits.done()
    entry_waits.cancel()
    await asyncio.gather(entry_waits, return_exceptions=True)
    await fire.close()
    await guard.close()


async def test_a_rest_is_told_to_every_process(redis: RedisServer) -> None:
    """Only one was answered 429."""
    one, two = sharing(redis, Limits()), sharing(redis, Limits())
    assert await take(two)

    one.pause(30.0)
    await one.close()

    with pytest.raises(RateLimited, match="asked for rest"):
        await two.admit(READ, Priority.POLL, 1.0)
    await two.close()


async def test_a_rest_asked_of_another_process_is_known_to_one_that_asks_nothing(redis: RedisServer) -> None:
    """An order that lies ready has its place already: before it leaves only this process' memory is looked at."""
    fire, guard = sharing(redis, Limits()), sharing(redis, Limits())
    fire.open()
    guard.pause(30.0)
    await eventually(lambda: fire.status().paused_s > 0)

    assert 25 < fire.status().paused_s <= 30
    await fire.close()
    await guard.close()


async def test_without_redis_a_process_keeps_to_its_own_part_and_says_so(redis: RedisServer) -> None:
    """It goes on at once, and shares again when Redis is back."""
    governor = sharing(redis, Limits(orders=10, requests=1000), own=Limits(orders=2, requests=1000))
    assert [await take(governor) for _ in range(3)] == [True] * 3

    redis.stop()
    assert not await take(governor)  # three within the second are more than its own two
    cut_off = governor.status()
    redis.start()
    await eventually(lambda: governor.status().mode == "shared")

    assert cut_off.mode == "cut off"
    assert cut_off.limits.orders == 2
    assert cut_off.reason
    await governor.close()


async def test_a_redis_that_lost_its_memory_is_told_what_was_used(redis: RedisServer) -> None:
    """By each process, also by one that asks nothing meanwhile; and a rest that the venue asked for is told as well."""
    limits = Limits(orders=3, requests=1000, weight=1000)
    one, two = sharing(redis, limits), sharing(redis, limits)
    heavy = {Resource.REQUESTS: 1, Resource.WEIGHT: 900}
    async with one.admitted(heavy, Priority.EXIT, 0.0):
        pass
    redis.stop()
    redis.start()
    await eventually(lambda: one.status().mode == "cut off")
    await eventually(lambda: one.status().mode == "shared")

    assert not await at_once(two.admit({Resource.WEIGHT: 200}, Priority.EXIT, 0.0))
    await one.close()
    await two.close()


async def test_what_others_used_of_a_part_is_not_free_when_redis_goes(redis: RedisServer) -> None:
    """Together they never exceed the whole."""
    limits, part = Limits(requests=1000, weight=300), Limits(requests=1000, weight=100)
    one, two = sharing(redis, limits, own=part), sharing(redis, limits, own=part)
    async with two.admitted({Resource.WEIGHT: 1}, Priority.EXIT, 0.0):
        pass
    async with one.admitted({Resource.WEIGHT: 290}, Priority.EXIT, 0.0):
        pass
    await asyncio.sleep(1.2)  # the other one looks at Redis every second
    redis.stop()

    assert not await at_once(two.admit({Resource.WEIGHT: 50}, Priority.EXIT, 0.0))
    assert two.status().mode == "cut off"
    await one.close()
    await two.close()


async def test_a_redis_that_hangs_costs_an_exit_a_moment_and_the_next_none(redis: RedisServer) -> None:
    """It is not asked again for a second."""
    governor = sharing(redis, Limits(requests=1000))
    assert await take(governor)
    os.kill(redis.pid, signal.SIGSTOP)
    try:
        async with governor.admitted(ORDER, Priority.EXIT, 2.0):
            pass
        assert governor.status().mode == "cut off"
        assert await take(governor)
    finally:
        os.kill(redis.pid, signal.SIGCONT)
    await governor.close()
