"""What is said on one stream connection: subscribing and leaving, staying alive, noticing silence.

No sockets, no clock: times are local monotonic seconds.
"""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import orjson

PING_EVERY_S = 10.0
"""The venue closes connections without data for a minute; protocol-level pings it may not answer."""
SILENCE_S = 30.0
"""Without a sign of life for this long, pongs included, the connection counts as dead."""
ANSWER_WITHIN_S = 5.0
"""How long the venue may take to confirm a subscription, or to answer the last ping."""
LONGEST_MESSAGE = 1_000
"""In bytes. A well-used client keeps each message below 1,024 and splits what is longer."""
ASK_EVERY_S = 0.05
"""Between two messages about topics: at most 20 a second, where the venue cuts off who sends more than 100."""
FIRST_REPEAT_S = 0.5
LONGEST_REPEAT_S = 5.0
"""A refused topic is asked for again after pauses that double from the first to the longest: that of a symbol which is
about to be listed is served from one moment to the next."""
PING = '{"method":"PING"}'

_REFUSED_TOPICS = re.compile(r"\[(.*?)\]")


class Over(Exception):
    """The connection is of no use any more; its text is the reason. bad_key: the listen key has ended."""

    def __init__(self, reason: str, *, bad_key: bool = False) -> None:
        self.bad_key = bad_key
        super().__init__(reason)


@dataclass(frozen=True, slots=True)
class Confirmed:
    """From now on nothing of these topics is missed."""

    topics: frozenset[str]


@dataclass(frozen=True, slots=True)
class Declined:
    """The venue does not serve these topics; they are asked for again, the others go on."""

    topics: frozenset[str]
    reason: str


class Conversation:
    """The client's side of one connection that wants `topics`, which may change. now: when it was opened."""

    def __init__(self, topics: Iterable[str], now: float) -> None:
        self.confirmed: set[str] = set()
        self._wanted = dict.fromkeys(topics)  # not asked for yet
        self._unwanted: dict[str, None] = {}  # to be left
        self._asked: dict[str, float] = {}  # and when the answer is overdue
        self._declined: dict[str, float] = {}  # and when to ask again
        self._refusals: Counter[str] = Counter()
        self._leavings: set[int] = set()  # their confirmations look like those of subscriptions
        self._number = 0
        self._heard_at = now
        self._ping_at = now + PING_EVERY_S
        self._ask_at = now
        self._unanswered = 0  # pings
        self._parting = False  # the next ping is the one of `take_leave`
        self._parted_by: float | None = None  # when its answer is overdue
        self.read_out = False
        """Whether everything the venue sent before the last `take_leave` has been heard."""

    @property
    def settled(self) -> bool:
        """Whether every topic has been answered."""
        return not self._wanted and not self._asked

    def want(self, topics: Iterable[str]) -> None:
        """Ask for more topics at the next opportunity."""
        self._wanted.update(dict.fromkeys(topics))

    def unwant(self, topics: Iterable[str]) -> None:
        """Leave topics at the next opportunity; what still comes of them is of no interest."""
        for topic in topics:
            if topic in self.confirmed or topic in self._asked:
                self._unwanted[topic] = None
            self.confirmed.discard(topic)
            for kept in (self._wanted, self._asked, self._declined, self._refusals):
                kept.pop(topic, None)

    def take_leave(self, now: float) -> None:
        """Ping at once: with the answer everything sent before is read, see `read_out`."""
        self._parting, self._parted_by, self.read_out = True, None, False
        self._ping_at = now

    def hear(self, message: str | bytes, now: float) -> bytes | Confirmed | Declined | None:
        """A data frame to be read, news of topics, or nothing of interest. Raises Over."""
        self._heard_at = now
        if isinstance(message, bytes):
            return message
        number, text = _answer_of(message)
        if text.upper() == "PONG":
            self._unanswered = max(0, self._unanswered - 1)
            if self._parted_by is not None and not self._unanswered:
                self._parted_by, self.read_out = None, True
            return None
        if "invalid listen key" in text.lower():
            raise Over("the listen key has ended", bad_key=True)
        if "msg format invalid" in text:
            raise Over("the venue cannot read our messages")
        if text.startswith("Not Subscribed"):
            return self._refused(text, now)
        if number in self._leavings:
            self._leavings.discard(number)
            return None
        return self._accepted(text)

    def overdue(self, now: float) -> Declined | None:
        """Topics the venue has not answered in time: as good as refused. Raises Over when it has confirmed none."""
        late = [topic for topic, by in self._asked.items() if now >= by]
        if not late:
            return None
        reason = f"no confirmation of {', '.join(sorted(late))} within {ANSWER_WITHIN_S:.0f} s"
        if not self.confirmed:
            raise Over(reason)
        return self._decline(late, reason, now)

    def due(self, now: float) -> str | None:
        """The next message to send by now. Raises Over when the other side has been silent for too long."""
        if now - self._heard_at >= SILENCE_S:
            raise Over(f"silent for {SILENCE_S:.0f} s")
        if self._parted_by is not None and now >= self._parted_by:
            raise Over(f"the last ping was not answered within {ANSWER_WITHIN_S:.0f} s")
        if now >= self._ping_at:
            return self._ping(now)
        if now < self._ask_at:
            return None
        for topic in [topic for topic, again_at in self._declined.items() if now >= again_at]:
            del self._declined[topic]
            self._wanted[topic] = None
        if self._unwanted:  # first, since the venue counts topics
            return self._ask("UNSUBSCRIPTION", self._unwanted, now)
        return self._ask("SUBSCRIPTION", self._wanted, now) if self._wanted else None

    def next_due(self) -> float:
        """When `due` and `overdue` have to be asked at the latest."""
        times = [self._ping_at, self._heard_at + SILENCE_S, *self._asked.values()]
        if self._wanted or self._unwanted:
            times.append(self._ask_at)
        if self._declined:
            times.append(max(self._ask_at, min(self._declined.values())))
        if self._parted_by is not None:
            times.append(self._parted_by)
        return min(times)

    def _ping(self, now: float) -> str:
        self._ping_at = now + PING_EVERY_S
        if self._parting:
            self._parting, self._parted_by = False, now + ANSWER_WITHIN_S
            self._unanswered += 1
        else:
            self._unanswered = 1  # one that was not answered until now never will be
        return PING

    def _ask(self, method: str, topics: dict[str, None], now: float) -> str:
        """The longest message that fits, about the first of `topics`, which are taken out."""
        self._number += 1
        self._ask_at = now + ASK_EVERY_S
        chosen: list[str] = []
        message = b""
        for topic in list(topics):
            longer = orjson.dumps({"method": method, "params": [*chosen, topic], "id": self._number})
            if chosen and len(longer) > LONGEST_MESSAGE:
                break
            message = longer
            chosen.append(topic)
            del topics[topic]
        if method == "SUBSCRIPTION":
            self._asked.update(dict.fromkeys(chosen, now + ANSWER_WITHIN_S))
        else:
            self._leavings.add(self._number)
        return message.decode()

    def _accepted(self, text: str) -> Confirmed | None:
        """The confirmation is the topics themselves; the code is always 0."""
        named = set(text.split(","))
        topics = frozenset(named & (self._asked.keys() | self._declined.keys()))
        for topic in topics:
            for kept in (self._asked, self._declined, self._refusals):
                kept.pop(topic, None)
        self.confirmed |= topics
        return Confirmed(topics) if topics else None

    def _refused(self, text: str, now: float) -> Declined | None:
        """One that names no topic of ours changes nothing: whatever it meant will be overdue."""
        listed = _REFUSED_TOPICS.search(text)
        named = {topic.strip() for topic in listed[1].split(",")} if listed else set()
        reason = f"the venue refuses a subscription: {text.strip()[:200]!r}"
        return self._decline(named & self._asked.keys(), reason, now)

    def _decline(self, topics: Iterable[str], reason: str, now: float) -> Declined | None:
        topics = frozenset(topics)
        for topic in topics:
            del self._asked[topic]
            self._refusals[topic] += 1
            doublings = min(self._refusals[topic] - 1, 10)
            self._declined[topic] = now + min(LONGEST_REPEAT_S, FIRST_REPEAT_S * 2.0**doublings)
        return Declined(topics, reason) if topics else None


def _answer_of(message: str) -> tuple[int | None, str]:
    """The members `id` and `msg` of a control message; the whole text of the few that are no JSON."""
    try:
        document = orjson.loads(message)
    except orjson.JSONDecodeError:
        return None, message
    if not isinstance(document, dict):
        return None, ""
    number, text = document.get("id"), document.get("msg")
    return number if isinstance(number, int) else None, text if isinstance(text, str) else ""
