"""The doctor's questions to the venue: is it there, do key and secret work, how well is its clock known."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from adapters.clock import SystemClock
from adapters.doctor import judging_venue
from adapters.doctor.findings import Verdict, error, not_asked
from adapters.doctor.installation import Installation
from adapters.doctor.latency import fastest_ms
from adapters.doctor.running import Check, said
from adapters.mexc import build
from adapters.mexc.codes import Purpose
from adapters.mexc.conversation import PING
from adapters.mexc.exchange_clock import MexcExchangeClock
from adapters.mexc.governor import RequestGovernor
from adapters.mexc.limits import Priority
from adapters.mexc.members import Unreadable
from adapters.mexc.rest import Rest, SignedRest
from adapters.mexc.signing import Credentials
from adapters.venue_kind import VenueKind
from domain.errors import AccessDenied, SniperError
from domain.money import Price
from domain.policy import EntryPolicy

CLOCK_WITHIN_S = 8.0
"""Eight questions one after the other: a slow venue must still be measured, to say how slow."""
LIMIT_MS = EntryPolicy(max_price=Price(Decimal(1))).clock_bound_ms
_ANSWER_WITHIN_S = 3.0
_CLOSE_WITHIN_S = 0.5

_REMEDIES: Mapping[str, str] = {
    "602 700002": "MEXC_API_SECRET does not belong to this key: copy both again",
    "402 10072 700001": "MEXC_API_KEY is not known there, or has expired: correct it, or make a new key at the venue",
    "406 700006": "allow this machine's address for the key at the venue",
    "701 702 703 704 700007": "allow reading the spot account and spot trading for the key at the venue",
}
_REMEDY_OF = {int(code): remedy for codes, remedy in _REMEDIES.items() for code in codes.split()}


@asynccontextmanager
async def venue_checks(installation: Installation) -> AsyncIterator[tuple[Check, ...]]:
    """The checks, usable inside the body. Nothing connects before they are run."""
    settings = installation.settings
    url = settings.mexc_rest_url
    if url is None or installation.unusable("MEXC_REST_URL"):
        yield _unnamed(installation.unnamed("MEXC_REST_URL"))
        return
    clock = SystemClock()
    governor = RequestGovernor(clock)
    rest = Rest(url, clock=clock, governor=governor)
    exchange_clock = MexcExchangeClock(url, clock=clock, governor=governor)
    probes = _Venue(url, rest, exchange_clock, cure=installation.cure("simulator", "MEXC_REST_URL"))
    try:
        yield (
            Check("venue", probes.ping),
            _stream(installation),
            _credentials(installation, probes),
            Check("clock", probes.clock, ("venue",), within_s=CLOCK_WITHIN_S),
            Check("wall-clock", probes.wall_clock, ("clock",)),
        )
    finally:
        await exchange_clock.close()
        await rest.close()


@dataclass(frozen=True, slots=True)
class _Venue:
    url: str
    rest: Rest
    exchange_clock: MexcExchangeClock
    cure: str

    async def ping(self) -> Verdict:
        """Not asked again where there is no answer: that is what a doctor wants to hear of."""

        async def ask() -> None:
            await self.rest.call(build.PING, lambda: "", (), Purpose.READ, lambda document: None, Priority.POLL)

        try:
            async with asyncio.timeout(_ANSWER_WITHIN_S):
                return judging_venue.reached(self.url, await fastest_ms(ask))
        except SniperError as exc:
            return judging_venue.unreached(self.url, str(exc), cure=self.cure)
        except TimeoutError:
            return judging_venue.unreached(self.url, f"nothing within {_ANSWER_WITHIN_S:g} s", cure=self.cure)

    async def clock(self) -> Verdict:
        """Measured as a session does before it arms."""
        try:
            estimate = await self.exchange_clock.synchronise()
        except SniperError as exc:
            return error(
                str(exc),
                expected="an answer to GET /api/v3/time",
                remedy=f"no session arms without it; {self.cure}",
                gone="the exchange's time is not known",
            )
        return judging_venue.clock(estimate.bound * 1000, LIMIT_MS)

    async def wall_clock(self) -> Verdict:
        """By the measurement before."""
        offset: timedelta = self.exchange_clock.now() - self.rest.clock.now()
        return judging_venue.wall_clock(offset)

    async def account(self, credentials: Credentials) -> Verdict:
        """A signed read, which changes nothing."""
        signed = SignedRest(self.rest, credentials, self.exchange_clock)
        try:
            return judging_venue.credentials(may_trade=await signed.once(build.ACCOUNT, (), _may_trade))
        except AccessDenied as exc:
            return error(
                str(exc),
                expected="a key and a secret that the venue accepts",
                remedy=_REMEDY_OF.get(exc.code or 0, "look at the key and the account at the venue"),
            )
        except SniperError as exc:
            return error(str(exc), expected="an answer about the account", remedy=f"try again later; {self.cure}")


def _unnamed(why: Verdict) -> tuple[Check, ...]:
    return (
        Check("venue", said(why)),
        *(Check(name, said(why), ("venue",)) for name in ("venue-stream", "credentials", "clock", "wall-clock")),
    )


def _stream(installation: Installation) -> Check:
    url = installation.settings.mexc_ws_url
    if installation.unusable("MEXC_WS_URL"):
        return Check("venue-stream", said(installation.unnamed("MEXC_WS_URL")))
    if url is None:
        return Check("venue-stream", said(_missing(["MEXC_WS_URL"], "an address of the venue's streams")))

    async def probe() -> Verdict:
        try:
            async with connect(
                url, open_timeout=_ANSWER_WITHIN_S, close_timeout=_CLOSE_WITHIN_S, ping_interval=None, proxy=None
            ) as socket:

                async def ask() -> None:
                    await socket.send(PING)
                    await socket.recv()

                return judging_venue.reached(url, await fastest_ms(ask))
        except (WebSocketException, OSError) as exc:
            cure = installation.cure("simulator", "MEXC_WS_URL")
            return judging_venue.unreached(url, str(exc) or type(exc).__name__, cure=cure)

    return Check("venue-stream", probe)


def _credentials(installation: Installation, probes: _Venue) -> Check:
    settings = installation.settings
    if settings.sniper_venue is VenueKind.PAPER:
        return Check("credentials", said(not_asked("orders stay on paper (SNIPER_VENUE), no key is used")))
    key, secret = settings.mexc_api_key, settings.mexc_api_secret
    if key is not None and secret is not None:
        credentials = Credentials(key.get_secret_value(), secret.get_secret_value())
        return Check("credentials", lambda: probes.account(credentials), ("venue",), within_s=CLOCK_WITHIN_S)
    if key is None and secret is None and installation.stack is not None:  # its workers have theirs, we cannot look
        return Check("credentials", said(not_asked("MEXC_API_KEY and MEXC_API_SECRET are not set here")))
    missing = [name for name, value in (("MEXC_API_KEY", key), ("MEXC_API_SECRET", secret)) if value is None]
    return Check("credentials", said(_missing(missing, "key and secret of one account")))


def _missing(variables: Sequence[str], expected: str) -> Verdict:
    names = " and ".join(variables)
    return error(
        f"{names}: not given",
        expected=expected,
        remedy=f"set {names}; or leave every MEXC_ variable out to use the stack's own venue",
    )


def _may_trade(document: object) -> bool:
    allowed = document.get("canTrade") if isinstance(document, Mapping) else None
    if not isinstance(allowed, bool):
        raise Unreadable(f"canTrade is {allowed!r}")
    return allowed
