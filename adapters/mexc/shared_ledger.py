"""The request budget of several processes, kept in Redis: the books of `ledger`, in one script per act.

Time is Redis's own, so that processes need not agree on theirs. What a process that died had asked for counts until
it can no longer arrive, as in `ledger`.
"""

import asyncio
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.commands.core import AsyncScript
from redis.exceptions import RedisError

from adapters.mexc.ledger import IN_TURN, MARGIN_S, UNANSWERED_S, YIELD_S, Counted
from adapters.mexc.limits import SPANS_S, Cost, Limits, Priority, Resource

ANSWER_WITHIN_S = 0.1
"""Redis is on this machine or beside it. An exit must not wait for one that hangs."""

_TIME = """
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
"""

_ASK = (
    _TIME
    + """
-- KEYS: the pause, then per resource its calls (sorted by when they stop counting) and claims (a hash: priority to
-- claimant and end). ARGV: grant, priority, the lowest priority to yield to, microseconds a claim lasts, then per
-- resource: amount, cap, microseconds it counts for
local grant, priority, least, yield_us = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local function claimed(claims, by)
  local claimant, until_us = string.match(redis.call('HGET', claims, by) or '', '^(%S+) (%d+)$')
  if not claimant or claimant == grant then return 0 end
  return math.max(0, tonumber(until_us) - now)
end
local paused = tonumber(redis.call('GET', KEYS[1]) or '0') - now
if paused > 0 then return {1, paused} end
local resources = (#KEYS - 1) / 2
local wait = 0
for i = 1, resources do
  local calls, claims = KEYS[2 * i], KEYS[2 * i + 1]
  local amount, cap = tonumber(ARGV[3 * i + 2]), tonumber(ARGV[3 * i + 3])
  redis.call('ZREMRANGEBYSCORE', calls, '-inf', now)
  local listed = redis.call('ZRANGE', calls, 0, -1, 'WITHSCORES')
  local used = 0
  for j = 1, #listed, 2 do used = used + tonumber(string.match(listed[j], '%d+$')) end
  local excess = used + math.min(amount, cap) - cap
  if excess > 0 then
    for j = 1, #listed, 2 do
      excess = excess - tonumber(string.match(listed[j], '%d+$'))
      if excess <= 0 then
        wait = math.max(wait, tonumber(listed[j + 1]) - now)
        if claimed(claims, priority) == 0 then
          redis.call('HSET', claims, priority, string.format('%s %.0f', grant, now + yield_us))
          redis.call('PEXPIRE', claims, 1000)
        end
        break
      end
    end
  end
  for above = 0, least do wait = math.max(wait, claimed(claims, above)) end
end
if wait > 0 then return {0, wait} end
for i = 1, resources do
  local lasts = tonumber(ARGV[3 * i + 4])
  redis.call('ZADD', KEYS[2 * i], now + lasts, grant .. ':' .. ARGV[3 * i + 2])
  redis.call('PEXPIRE', KEYS[2 * i], math.ceil(lasts / 1000) + 15000)
end
return {0, 0}
"""
)

_COUNT = (
    _TIME
    + """
-- KEYS: calls of a resource, once per entry. ARGV: per entry its name and the microseconds it counts for, 0: none
for i = 1, #KEYS do
  local lasts = tonumber(ARGV[2 * i])
  if lasts == 0 then
    redis.call('ZREM', KEYS[i], ARGV[2 * i - 1])
  else
    redis.call('ZADD', KEYS[i], now + lasts, ARGV[2 * i - 1])
    redis.call('PEXPIRE', KEYS[i], math.ceil(lasts / 1000) + 15000)
  end
end
"""
)

_LOOK = (
    _TIME
    + """
-- KEYS: what names this memory of Redis, the pause, then per resource its calls. ARGV: its name if it has none yet
redis.call('SET', KEYS[1], ARGV[1], 'NX')
local paused = tonumber(redis.call('GET', KEYS[2]) or '0') - now
local seen = {redis.call('GET', KEYS[1]), math.max(0, paused)}
for i = 3, #KEYS do
  redis.call('ZREMRANGEBYSCORE', KEYS[i], '-inf', now)
  local used = 0
  for _, call in ipairs(redis.call('ZRANGE', KEYS[i], 0, -1)) do used = used + tonumber(string.match(call, '%d+$')) end
  seen[i] = used
end
return seen
"""
)

_PAUSE = (
    _TIME
    + """
local until_us = now + tonumber(ARGV[1])
if until_us > tonumber(redis.call('GET', KEYS[1]) or '0') then
  redis.call('SET', KEYS[1], string.format('%.0f', until_us), 'PX', math.ceil(tonumber(ARGV[1]) / 1000))
end
"""
)


class SharedAway(Exception):
    """Redis does not answer, or not in time. Its text is the reason."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What all processes share now. memory: what names Redis' memory. paused_s: left of the rest the venue asked one of
    them for. used: of each resource by all of them."""

    memory: str
    paused_s: float
    used: Mapping[Resource, int]


class SharedLedger:
    """The calls of all processes that name the same Redis, venue and API key. Raises SharedAway and nothing else.

    redis_url: redis://host:port/number. venue_url: calls at one venue say nothing about another one.
    api_key: names the account; only a digest of it is stored.
    """

    def __init__(
        self,
        redis_url: str,
        venue_url: str,
        api_key: str,
        limits: Limits,
    ) -> None:
        self.limits = limits
        self._redis = Redis.from_url(
            redis_url,
            socket_timeout=ANSWER_WITHIN_S,
            socket_connect_timeout=ANSWER_WITHIN_S,
            retry=Retry(NoBackoff(), 0),  # a Redis that was started anew has forgotten everything: that must be noticed
        )
        place = f"sniper:budget:{{{urlsplit(venue_url).netloc}}}"
        account = hashlib.sha256(api_key.encode()).hexdigest()[:16]
        self._pause_key = f"{place}:pause"
        self._keys = {
            resource: f"{place}:{account}:{resource}" if resource in _OF_ACCOUNT else f"{place}:{resource}"
            for resource in Resource
        }
        self._memory_key = f"{place}:memory"
        self._ask = self._redis.register_script(_ASK)
        self._count = self._redis.register_script(_COUNT)
        self._pause = self._redis.register_script(_PAUSE)
        self._look = self._redis.register_script(_LOOK)

    async def ask(self, grant: str, cost: Cost, priority: Priority, leaves_in_s: float = 0.0) -> tuple[float, bool]:
        """Seconds to wait, and whether the venue's own wish for rest is why; zero: the call is counted."""
        keys = [self._pause_key]
        least = priority if priority in IN_TURN else priority - 1
        values: list[str | int] = [grant, int(priority), int(least), _microseconds(YIELD_S)]
        for resource, amount in cost.items():
            lasts_s = leaves_in_s + UNANSWERED_S + SPANS_S[resource] + MARGIN_S
            keys += [self._keys[resource], f"{self._keys[resource]}:claims"]
            values += [amount, self.limits.cap(resource, priority), _microseconds(lasts_s)]
        paused, wait_us = await self._run(self._ask, keys, values)
        return wait_us / 1e6, bool(paused)

    async def answered(self, grant: str, cost: Cost) -> None:
        """As Ledger.answered."""
        await self._write((grant, resource, amount, SPANS_S[resource] + MARGIN_S) for resource, amount in cost.items())

    async def unused(self, grant: str, cost: Cost) -> None:
        """As Ledger.unused."""
        await self._write((grant, resource, amount, 0.0) for resource, amount in cost.items())

    async def restore(self, grants: Iterable[tuple[str, Counted]]) -> None:
        """Count calls that were made while Redis was away or before it lost its memory."""
        await self._write(
            (grant, call.resource, call.amount, call.lasts_s) for grant, call in grants if call.lasts_s > 0
        )

    async def pause(self, seconds: float) -> None:
        """Nobody's calls are admitted for so long."""
        await self._run(self._pause, [self._pause_key], [_microseconds(seconds)])

    async def look(self, name: str) -> Seen:
        """Its memory is named `name` if it is a new one."""
        keys = [self._memory_key, self._pause_key, *self._keys.values()]
        memory, paused_us, *used = await self._run(self._look, keys, [name])
        return Seen(memory.decode(), paused_us / 1e6, dict(zip(self._keys, used, strict=True)))

    async def close(self) -> None:
        """Close its connections; idempotent."""
        await self._redis.aclose()

    async def _write(self, entries: Iterable[tuple[str, Resource, int, float]]) -> None:
        keys: list[str] = []
        values: list[str | int] = []
        for grant, resource, amount, lasts_s in entries:
            keys.append(self._keys[resource])
            values += [f"{grant}:{amount}", _microseconds(lasts_s)]
        if keys:
            await self._run(self._count, keys, values)

    async def _run(self, script: AsyncScript, keys: Sequence[str], values: Sequence[str | int]) -> Any:
        """With one limit for everything it takes: a connection is made in several steps."""
        try:
            async with asyncio.timeout(ANSWER_WITHIN_S):
                return await script(keys, values)
        except (RedisError, OSError) as exc:  # TimeoutError is an OSError
            raise SharedAway(str(exc) or type(exc).__name__) from exc


_OF_ACCOUNT = frozenset({Resource.ORDERS, Resource.ACCOUNT_WEIGHT})
"""What the venue counts per account; the rest it counts per address, which all who share a Redis are taken to share."""


def _microseconds(seconds: float) -> int:
    return round(seconds * 1e6)
