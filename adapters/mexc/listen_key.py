"""The key that opens an account's private stream: valid for an hour, extended while in use, deleted afterwards."""

import asyncio
import contextlib

import structlog

from adapters.mexc import build, parse
from adapters.mexc.rest import SignedRest
from domain.errors import SniperError

EXTEND_EVERY_S = 25 * 60.0
"""Well inside the hour, with room for a second try."""
_EXTEND_AGAIN_S = 60.0
_DELETE_WITHIN_S = 2.0

log = structlog.get_logger(__name__)


class ListenKey:
    """One key at a time, made when first needed."""

    def __init__(self, signed: SignedRest) -> None:
        self._signed = signed
        self._key: str | None = None

    async def current(self) -> str:
        """The key in use, or a new one. Raises as every call of the account does."""
        if self._key is None:
            self._key = await self._signed.once(build.CREATE_LISTEN_KEY, (), parse.listen_key)
        return self._key

    def forget(self) -> None:
        """The venue does not take it any more."""
        self._key = None

    async def keep_alive(self) -> None:
        """Extends the key until cancelled. A failure is tried again soon; if that is too late, the stream tells."""
        clock = self._signed.rest.clock
        pause_s = EXTEND_EVERY_S
        while True:
            await clock.sleep(pause_s)
            pause_s = EXTEND_EVERY_S
            if self._key is None:
                continue
            try:
                await self._signed.once(build.EXTEND_LISTEN_KEY, (("listenKey", self._key),), lambda document: None)
            except SniperError as exc:
                log.warning("stream.listen_key_not_extended", reason=str(exc))
                pause_s = _EXTEND_AGAIN_S

    async def delete(self) -> None:
        """Give the key back: an account may hold 60. Best effort, never raises but for cancellation."""
        key, self._key = self._key, None
        if key is None:
            return
        with contextlib.suppress(SniperError, TimeoutError):
            async with asyncio.timeout(_DELETE_WITHIN_S):
                await self._signed.once(build.DELETE_LISTEN_KEY, (("listenKey", key),), lambda document: None)
