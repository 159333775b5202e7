"""What is said on one stream connection: subscribing, staying alive, noticing silence. No sockets, no clock."""

from collections.abc import Sequence
from dataclasses import dataclass

import orjson

PING_EVERY_S = 10.0
"""The venue closes connections without data for a minute; protocol-level pings it may not answer."""
SILENCE_S = 30.0
"""Without a sign of life for this long, pongs included, the connection counts as dead."""
ANSWER_WITHIN_S = 5.0
"""How long the venue may take to confirm a subscription."""
LIFETIME_S = 23 * 3600.0
"""The venue ends connections after 24 hours, at a moment of its choosing. Ours ends them before."""
PING = '{"method":"PING"}'


class Over(Exception):
    """The connection is of no use any more; its text is the reason. bad_key: the listen key has ended."""

    def __init__(self, reason: str, *, bad_key: bool = False) -> None:
        self.bad_key = bad_key
        super().__init__(reason)


@dataclass(frozen=True, slots=True)
class Subscribed:
    """Every topic has been confirmed: from now on nothing is missed."""


class Conversation:
    """The client's side of one connection that wants `topics`. now: local monotonic seconds, when it was opened."""

    def __init__(self, topics: Sequence[str], now: float) -> None:
        self._missing = set(topics)
        self._opened_at = now
        self._heard_at = now
        self._ping_at = now + PING_EVERY_S
        self.opening = orjson.dumps({"method": "SUBSCRIPTION", "params": list(topics), "id": 1}).decode()
        """The first message to send."""

    def hear(self, message: str | bytes, now: float) -> bytes | Subscribed | None:
        """A data frame to be read, the news that everything is subscribed, or nothing. Raises Over."""
        self._heard_at = now
        if isinstance(message, bytes):
            return message
        text = _text_of(message)
        if "invalid listen key" in text.lower():
            raise Over("the listen key has ended", bad_key=True)
        if text.startswith("Not Subscribed"):
            raise Over(f"the venue refuses a subscription: {text.strip()[:200]!r}")
        if "msg format invalid" in text:
            raise Over("the venue cannot read our messages")
        if not self._missing:
            return None
        self._missing -= set(text.split(","))  # the confirmation is the topics themselves; the code is always 0
        return None if self._missing else Subscribed()

    def due(self, now: float) -> str | None:
        """What has to be said by now. Raises Over when the other side has been silent for too long."""
        if now - self._heard_at >= SILENCE_S:
            raise Over(f"silent for {SILENCE_S:.0f} s")
        if now - self._opened_at >= LIFETIME_S:
            raise Over("old enough to be replaced before the venue does it")
        if self._missing and now - self._opened_at >= ANSWER_WITHIN_S:
            raise Over(f"no confirmation of {', '.join(sorted(self._missing))} within {ANSWER_WITHIN_S:.0f} s")
        if now < self._ping_at:
            return None
        self._ping_at = now + PING_EVERY_S
        return PING

    def next_due(self) -> float:
        """When `due` has to be asked at the latest, in local monotonic seconds."""
        soonest = min(self._ping_at, self._heard_at + SILENCE_S, self._opened_at + LIFETIME_S)
        return min(soonest, self._opened_at + ANSWER_WITHIN_S) if self._missing else soonest


def _text_of(message: str) -> str:
    """The member `msg` of a control message; the whole text of the few that are no JSON."""
    try:
        document = orjson.loads(message)
    except orjson.JSONDecodeError:
        return message
    text = document.get("msg") if isinstance(document, dict) else None
    return text if isinstance(text, str) else ""
