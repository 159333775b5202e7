"""The client's side of a stream connection, without a connection."""

import orjson
import pytest

from adapters.mexc.conversation import ANSWER_WITHIN_S, PING, PING_EVERY_S, SILENCE_S, Conversation, Over, Subscribed

TOPICS = ("spot@private.orders.v3.api.pb", "spot@private.deals.v3.api.pb")
REFUSAL = f"Not Subscribed successfully! [{TOPICS[0]}].  Reason： Blocked! "
PONG = '{"id":0,"code":0,"msg":"PONG"}'


def test_it_begins_with_the_subscription() -> None:
    """All topics in one message."""
    opening = orjson.loads(Conversation(TOPICS, 0).opening)

    assert opening == {"method": "SUBSCRIPTION", "params": list(TOPICS), "id": 1}


@pytest.mark.parametrize("confirmations", [[",".join(reversed(TOPICS))], list(TOPICS)])
def test_it_is_subscribed_when_every_topic_was_named(confirmations: list[str]) -> None:
    """The text is the confirmation, in any order and any number of messages."""
    talk = Conversation(TOPICS, 0)

    heard = [talk.hear(orjson.dumps({"id": 1, "code": 0, "msg": text}).decode(), 1) for text in confirmations]

    assert heard[-1] == Subscribed()
    assert heard[:-1] == [None] * (len(heard) - 1)
    assert talk.hear(PONG, 2) is None


@pytest.mark.parametrize(
    ("message", "bad_key"),
    [
        (orjson.dumps({"id": 1, "code": 0, "msg": REFUSAL}).decode(), False),
        ('{"id":0,"code":0,"msg":"msg format invalid"}', False),
        ("Invalid listen key", True),
    ],
)
def test_a_refusal_ends_it_although_its_code_is_zero(message: str, bad_key: bool) -> None:
    """Success is judged by the text alone."""
    with pytest.raises(Over) as caught:
        Conversation(TOPICS, 0).hear(message, 1)

    assert caught.value.bad_key is bad_key


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


def test_an_unconfirmed_subscription_ends_it() -> None:
    """Frames that never come would look like a quiet market."""
    talk = Conversation(TOPICS, 0)

    assert talk.hear(b"a frame", 1) == b"a frame"
    assert talk.next_due() == ANSWER_WITHIN_S
    with pytest.raises(Over, match="no confirmation"):
        talk.due(ANSWER_WITHIN_S)


def test_it_ends_before_the_venue_ends_it() -> None:
    """After 23 hours, however alive it is; the next connection asks for everything again."""
    conversation = Conversation(["one"], 0.0)
    conversation.hear('{"id":1,"code":0,"msg":"one"}', 1.0)
    conversation.hear(b"data", 23 * 3600 - 1.0)
    conversation.due(23 * 3600 - 1.0)

    assert conversation.next_due() == 23 * 3600
    with pytest.raises(Over, match="old enough"):
        conversation.due(23 * 3600.0)
