"""When the venue closes a stream, as a function of the time."""

from aiohttp import web

from simulator.exchange.settings import Settings
from simulator.push.connections import Connection
from simulator.push.topics import Kind, parse_topic

SECOND_US = 1_000_000
MOST = 100
SETTINGS = Settings()


async def connection(*, subscribed: bool) -> Connection:
    """A connection opened at instant 0."""
    opened = Connection(web.WebSocketResponse(), None, None, None, 0)
    topic = parse_topic("spot@public.aggre.deals.v3.api.pb@100ms@NEWUSDT")
    assert topic is not None
    if subscribed:
        opened.topics[topic.name] = topic
    return opened


async def test_a_connection_without_a_subscription_ends_after_thirty_seconds() -> None:
    """Messages do not help; only a subscription does."""
    bare = await connection(subscribed=False)
    bare.received(29 * SECOND_US, MOST)

    assert not bare.is_overdue(30 * SECOND_US, SETTINGS)
    assert bare.is_overdue(31 * SECOND_US, SETTINGS)


async def test_a_silent_connection_ends_after_a_minute_unless_somebody_pings() -> None:
    """Anything received counts as life."""
    quiet = await connection(subscribed=True)

    assert not quiet.is_overdue(60 * SECOND_US, SETTINGS)
    assert quiet.is_overdue(61 * SECOND_US, SETTINGS)
    quiet.received(60 * SECOND_US, MOST)
    assert not quiet.is_overdue(61 * SECOND_US, SETTINGS)


async def test_a_connection_ends_after_a_day() -> None:
    """However alive it is."""
    old = await connection(subscribed=True)
    old.received(24 * 60 * 60 * SECOND_US, MOST)

    assert old.is_overdue(24 * 60 * 60 * SECOND_US + 1, SETTINGS)


async def test_more_than_a_hundred_messages_a_second_are_too_many() -> None:
    """The hundred-and-first within a second is told off; spread out they are fine."""
    talker = await connection(subscribed=True)

    assert all(talker.received(number * 1000, MOST) for number in range(100))
    assert not talker.received(500_000, MOST)
    assert talker.received(10 * SECOND_US, MOST)


def test_topics_are_understood_in_all_their_parts() -> None:
    """Speed, symbol and level; a name without the protobuf mark is none."""
    limited = parse_topic("spot@public.limit.depth.v3.api.pb@NEWUSDT@20")
    fast = parse_topic("spot@public.aggre.depth.v3.api.pb@10ms@NEWUSDT")

    assert limited is not None
    assert (limited.kind, limited.symbol, limited.choice) == (Kind.LIMIT_DEPTH, "NEWUSDT", "20")
    assert fast is not None
    assert (fast.interval_ms, fast.event_type) == (10, "spot@public.aggre.depth.v3.api.pb@10ms")
    for name in (
        "spot@public.aggre.depth.v3.api@10ms@NEWUSDT",
        "spot@public.limit.depth.v3.api.pb@NEWUSDT@7",
        "spot@public.aggre.deals.v3.api.pb@50ms@NEWUSDT",
        "spot@public.aggre.deals.v3.api.pb@100ms@newusdt",
        "spot@public.aggre.deals.v3.api.pb",
        "spot@public.kline.v3.api.pb@NEWUSDT@1m",
        "spot@public.miniTicker.v3.api.pb@NEWUSDT",
        "spot@public.miniTickers.v3.api.pb@UTC+14",
        "spot@private.orders.v3.api.pb@NEWUSDT",
        "",
    ):
        assert parse_topic(name) is None
