"""The client's side of a stream connection, without a connection."""

from itertools import pairwise
from typing import Any

import orjson
import pytest

from adapters.mexc.conversation import (
    ANSWER_WITHIN_S,
    PING,
    PING_EVERY_S,
    SILENCE_S,
    Confirmed,
    Conversation,
    Declined,
    Over,
)

TOPICS = ("spot@private.orders.v3.api.pb", "spot@private.deals.v3.api.pb")
OTHER = "spot@public.aggre.depth.v3.api.pb@10ms@NEWUSDT"
REFUSAL = f"Not Subscribed successfully! [{TOPICS[0]}].  Reason： Blocked! "
PONG = '{"id":0,"code":0,"msg":"PONG"}'


def answer(text: str, number: int = 1) -> str:
    return orjson.dumps({"id": number, "code": 0, "msg": text}).decode()


def said(talk: Conversation, now: float) -> list[dict[str, Any]]:
    """Everything due from `now` on within a second, as messages about topics."""
    messages = []
    while now < (until := now + 1) and (now := max(now, talk.next_due())) <= until:
        if (message := talk.due(now)) is None or message == PING:
            break
        messages.append(orjson.loads(message))
    return messages


def begun(now: float = 0.0, topics: tuple[str, ...] = TOPICS) -> Conversation:
    """One whose topics are confirmed."""
    talk = Conversation(topics, now)
    talk.due(now)
    assert talk.hear(answer(",".join(topics)), now) == Confirmed(frozenset(topics))
    return talk


def test_it_begins_with_the_subscription() -> None:
    """All topics in one message."""
    opening = Conversation(TOPICS, 0).due(0)

    assert opening is not None
    assert orjson.loads(opening) == {"method": "SUBSCRIPTION", "params": list(TOPICS), "id": 1}


@pytest.mark.parametrize("confirmations", [[",".join(reversed(TOPICS))], list(TOPICS)])
def test_it_is_settled_when_every_topic_was_named(confirmations: list[str]) -> None:
    """The text is the confirmation, in any order and any number of messages."""
    talk = Conversation(TOPICS, 0)
    talk.due(0)

    for text in confirmations:
        assert not talk.settled
        assert talk.hear(answer(text), 1) == Confirmed(frozenset(text.split(",")))
    assert talk.settled
    assert talk.confirmed == set(TOPICS)
    assert talk.hear(PONG, 2) is None


@pytest.mark.parametrize(("message", "bad_key"), [(answer("msg format invalid"), False), ("Invalid listen key", True)])
def test_a_refusal_of_everything_ends_it_although_its_code_is_zero(message: str, bad_key: bool) -> None:
    """Success is judged by the text alone."""
    with pytest.raises(Over) as caught:
        Conversation(TOPICS, 0).hear(message, 1)

    assert caught.value.bad_key is bad_key


def test_a_refused_topic_is_asked_for_again_after_growing_pauses_while_the_others_go_on() -> None:
    """Half a second, doubled up to five; at last it is accepted."""
    talk = Conversation(TOPICS, 0)
    talk.due(0)

    assert talk.hear(answer(TOPICS[1]), 0) == Confirmed(frozenset(TOPICS[1:]))
    now = 0.0
    pauses = []
    for _ in range(6):
        heard = talk.hear(answer(REFUSAL), now)
        assert isinstance(heard, Declined)
        assert heard.topics == {TOPICS[0]}
        assert "Blocked!" in heard.reason
        before = now
        while (message := talk.due(now)) is None or message == PING:
            now = talk.next_due()
            talk.hear(PONG, now)
        assert orjson.loads(message)["params"] == [TOPICS[0]]
        pauses.append(now - before)
    assert pauses == [0.5, 1, 2, 4, 5, 5]
    assert talk.hear(answer(TOPICS[0]), now) == Confirmed(frozenset(TOPICS[:1]))
    assert talk.confirmed == set(TOPICS)


def test_a_refusal_that_names_no_topic_of_ours_changes_nothing() -> None:
    """What it meant will be overdue."""
    talk = Conversation(TOPICS, 0)
    talk.due(0)

    assert talk.hear(answer("Not Subscribed successfully! [].  Reason： Blocked! "), 1) is None
    assert talk.hear(answer("Not Subscribed at all"), 1) is None
    assert not talk.settled


def test_it_pings_and_notices_silence() -> None:
    """A ping every ten seconds; without any answer for thirty the connection is dead."""
    talk = Conversation((), 0)

    assert talk.due(PING_EVERY_S - 1) is None
    assert talk.next_due() == PING_EVERY_S
    assert talk.due(PING_EVERY_S) == PING
    talk.hear(PONG, PING_EVERY_S + 1)
    assert talk.due(SILENCE_S) == PING
    with pytest.raises(Over, match="silent"):
        talk.due(PING_EVERY_S + 1 + SILENCE_S)


def test_a_connection_that_confirms_nothing_is_of_no_use() -> None:
    """Frames that never come would look like a quiet market."""
    talk = Conversation(TOPICS, 0)
    talk.due(0)

    assert talk.hear(b"a frame", 1) == b"a frame"
    assert talk.next_due() == ANSWER_WITHIN_S
    with pytest.raises(Over, match="no confirmation"):
        talk.overdue(ANSWER_WITHIN_S)


def test_a_topic_without_an_answer_counts_as_refused_until_the_answer_comes() -> None:
    """The topics that were confirmed are not given up for it."""
    talk = begun()
    talk.want([OTHER])
    talk.due(1)

    assert talk.overdue(1) is None
    declined = talk.overdue(1 + ANSWER_WITHIN_S)
    assert declined is not None
    assert declined.topics == {OTHER}
    assert talk.hear(answer(OTHER, 2), 7) == Confirmed(frozenset([OTHER]))


def test_topics_come_and_go_on_a_living_connection() -> None:
    """Left first, since the venue counts; the confirmation of leaving is none of a subscription under the same name."""
    talk = begun()
    talk.unwant([TOPICS[0]])
    talk.want([OTHER, TOPICS[0]])

    first, second = said(talk, 1)
    assert (first["method"], first["params"]) == ("UNSUBSCRIPTION", [TOPICS[0]])
    assert (second["method"], second["params"]) == ("SUBSCRIPTION", [OTHER, TOPICS[0]])
    assert talk.confirmed == {TOPICS[1]}
    assert talk.hear(answer(TOPICS[0], first["id"]), 2) is None
    assert talk.hear(answer(f"{OTHER},{TOPICS[0]}", second["id"]), 2) == Confirmed(frozenset([OTHER, TOPICS[0]]))


def test_a_topic_that_was_never_asked_for_need_not_be_left() -> None:
    """Wanted and left before anything was said: nothing is said."""
    talk = begun()
    talk.want([OTHER])
    talk.unwant([OTHER])

    assert said(talk, 1) == []


def test_messages_stay_short_and_few() -> None:
    """Thirty long topics go out in messages below 1,024 bytes, not faster than twenty a second."""
    topics = [f"{OTHER}{number:020}" for number in range(30)]
    talk = Conversation(topics, 0)
    sent: dict[float, str] = {}
    now = 0.0
    while len([topic for message in sent.values() for topic in orjson.loads(message)["params"]]) < len(topics):
        message = talk.due(now)
        assert message is not None
        sent[now] = message
        assert talk.due(now) is None
        now = talk.next_due()

    assert [topic for message in sent.values() for topic in orjson.loads(message)["params"]] == topics
    assert max(len(message) for message in sent.values()) < 1024
    assert all(later - earlier >= 0.05 for earlier, later in pairwise(sent))


def test_with_the_answer_to_the_last_ping_everything_before_it_was_heard() -> None:
    """An answer to an earlier ping does not count, and none at all shows that the connection was dead."""
    talk = begun()
    assert talk.due(PING_EVERY_S) == PING
    talk.take_leave(PING_EVERY_S)
    assert talk.due(PING_EVERY_S) == PING
    talk.hear(PONG, PING_EVERY_S + 1)

    early = talk.read_out
    talk.hear(PONG, PING_EVERY_S + 1)
    then = talk.read_out
    talk.take_leave(20)
    assert talk.due(20) == PING
    assert (early, then, talk.read_out) == (False, True, False)
    assert talk.next_due() == 20 + ANSWER_WITHIN_S
    with pytest.raises(Over, match="last ping"):
        talk.due(20 + ANSWER_WITHIN_S)
