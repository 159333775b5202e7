"""Who listens to what: the hub between the venue and its WebSocket connections."""

import asyncio
import contextlib
from decimal import Decimal
from typing import Literal

import orjson
from aiohttp import WSMsgType, web

from simulator import frames
from simulator.accounts import Account
from simulator.clock import VenueClock
from simulator.connections import MAX_SUBSCRIPTIONS, Connection
from simulator.listen_keys import ListenKeys
from simulator.matching import Market
from simulator.orders import Fill, Order, PublicTrade
from simulator.publishers import PUBLISHERS, DealsPublisher, Publisher
from simulator.topics import PRIVATE, Kind, Topic, parse_topic
from simulator.venue import Venue

FAST_MS = 10
FAST_S = FAST_MS / 1000
SLOW_S = 0.1
HOUSEKEEPING_S = 1.0
CONNECTIONS_PER_KEY = 5
MAX_MESSAGE_BYTES = 64 * 1024
Streams = Literal["private", "public", "all"]


class StreamHub:
    """Implements venue.Feed and serves /ws. `venue` is set once, after construction: each needs the other."""

    venue: Venue

    def __init__(self, clock: VenueClock, listen_keys: ListenKeys) -> None:
        self._clock = clock
        self._listen_keys = listen_keys
        self._connections: set[Connection] = set()
        self._private: dict[str, list[Connection]] = {}
        self._per_key: dict[str, int] = {}
        self._publishers: dict[str, Publisher] = {}
        self._subscribers: dict[str, set[Connection]] = {}
        self._by_symbol: dict[str, list[DealsPublisher]] = {}
        self._fast_wanted = asyncio.Event()

    async def serve(self, request: web.BaseRequest) -> web.StreamResponse:
        """One connection from its handshake to its end."""
        socket = web.WebSocketResponse(max_msg_size=MAX_MESSAGE_BYTES, compress=False)
        await socket.prepare(request)
        key = request.rel_url.query.get("listenKey")
        account = self._listen_keys.account(key, self._clock.now_ms()) if key is not None else None
        if key is not None and (account is None or self._per_key.get(key, 0) >= CONNECTIONS_PER_KEY):
            await socket.send_str("Invalid listen key")
            await socket.close()
            return socket
        connection = Connection(socket, request.transport, account, self._clock.monotonic_us())
        self._enter(connection, key)
        writer = asyncio.create_task(connection.write())
        try:
            async for message in socket:
                if not connection.received(self._clock.monotonic_us()):
                    connection.cut()
                    break
                if message.type is WSMsgType.TEXT:
                    self._control(connection, message.data)
                elif message.type is WSMsgType.BINARY:
                    connection.reply(_answer(0, "msg format invalid"))
        finally:
            self._leave(connection, key)
            writer.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await writer
        return socket

    async def run(self) -> None:
        """Push what the public channels have collected, and close overdue connections, until cancelled."""
        slow_due = housekeeping_due = 0.0
        while True:
            fast = any(publisher.topic.interval_ms == FAST_MS for publisher in self._publishers.values())
            with contextlib.suppress(TimeoutError):  # a first 10 ms subscriber ends the long wait
                async with asyncio.timeout(FAST_S if fast else SLOW_S):
                    await self._fast_wanted.wait()
            self._fast_wanted.clear()
            now = asyncio.get_running_loop().time()
            slow = now >= slow_due
            if slow:
                slow_due = now + SLOW_S - FAST_S / 2
            self._flush(include_slow=slow)
            if now >= housekeeping_due:
                housekeeping_due = now + HOUSEKEEPING_S
                self._close_overdue()

    def cut(self, streams: Streams) -> int:
        """Break off connections with a listen key, without one, or all. Returns how many."""
        chosen = [connection for connection in self._connections if _is_chosen(connection, streams)]
        for connection in chosen:
            connection.cut()
        return len(chosen)

    def silence(self, streams: Streams, duration_ms: int) -> int:
        """Lose all data frames of the chosen connections for a while; control messages go on. Returns how many."""
        chosen = [connection for connection in self._connections if _is_chosen(connection, streams)]
        for connection in chosen:
            connection.silent_until_us = self._clock.monotonic_us() + duration_ms * 1000
        return len(chosen)

    @property
    def connection_count(self) -> int:
        """Open connections."""
        return len(self._connections)

    def order_changed(self, account: Account, order: Order) -> None:
        """Part of venue.Feed."""
        if account.name in self._private:
            rules = self.venue.listings[order.symbol].market.rules
            self._push_private(account, Kind.PRIVATE_ORDERS, frames.order_frame(order, rules, self._clock.now_ms()))

    def order_filled(self, account: Account, fill: Fill) -> None:
        """Part of venue.Feed."""
        if account.name in self._private:
            rules = self.venue.listings[fill.order.symbol].market.rules
            self._push_private(account, Kind.PRIVATE_DEALS, frames.deal_frame(fill, rules, self._clock.now_ms()))

    def balance_moved(self, account: Account, asset: str, free: Decimal, locked: Decimal, reason: str) -> None:
        """Part of venue.Feed."""
        if account.name in self._private:
            frame = frames.account_frame(account, asset, free, locked, reason, self._clock.now_ms())
            self._push_private(account, Kind.PRIVATE_ACCOUNT, frame)

    def traded(self, symbol: str, trade: PublicTrade) -> None:
        """Part of venue.Feed."""
        for publisher in self._by_symbol.get(symbol, ()):
            publisher.add(trade)

    def _push_private(self, account: Account, kind: Kind, frame: bytes) -> None:
        now_us = self._clock.monotonic_us()
        for connection in self._private[account.name]:
            if kind.value in connection.topics:
                connection.push(frame, now_us)

    def _enter(self, connection: Connection, key: str | None) -> None:
        self._connections.add(connection)
        if key is not None and connection.account is not None:
            self._per_key[key] = self._per_key.get(key, 0) + 1
            self._private.setdefault(connection.account.name, []).append(connection)

    def _leave(self, connection: Connection, key: str | None) -> None:
        self._connections.discard(connection)
        for name in list(connection.topics):
            self._unsubscribe(connection, name)
        if key is not None and connection.account is not None:
            self._per_key[key] -= 1
            others = [other for other in self._private[connection.account.name] if other is not connection]
            if others:
                self._private[connection.account.name] = others
            else:
                del self._private[connection.account.name]

    def _control(self, connection: Connection, text: str) -> None:
        try:
            message = orjson.loads(text)
        except orjson.JSONDecodeError:
            message = None
        if not isinstance(message, dict) or not isinstance(message.get("method"), str):
            connection.reply(_answer(0, "msg format invalid"))
            return
        method = message["method"].upper()
        given = message.get("params")
        names = [name for name in given if isinstance(name, str)] if isinstance(given, list) else []
        number = message.get("id") or 0
        if method == "PING":
            connection.reply(_answer(0, "PONG"))
        elif method == "SUBSCRIPTION" and names:
            accepted = [name for name in names if self._subscribe(connection, name)]
            refused = [name for name in names if name not in accepted]
            if accepted:
                connection.reply(_answer(number, ",".join(accepted)))
            if refused:
                listed = ",".join(refused)
                connection.reply(_answer(number, f"Not Subscribed successfully! [{listed}].  Reason： Blocked! "))
        elif method == "UNSUBSCRIPTION" and names:
            for name in names:
                self._unsubscribe(connection, name)
            connection.reply(_answer(number, ",".join(names)))
        else:
            connection.reply(_answer(0, "msg format invalid"))

    def _subscribe(self, connection: Connection, name: str) -> bool:
        if name in connection.topics:
            return True
        topic = parse_topic(name)
        if topic is None or len(connection.topics) >= MAX_SUBSCRIPTIONS:
            return False
        if topic.kind in PRIVATE:
            if connection.account is None:
                return False
        elif not self._publish(topic):
            return False
        connection.topics[name] = topic
        self._subscribers.setdefault(name, set()).add(connection)
        return True

    def _publish(self, topic: Topic) -> bool:
        listing = self.venue.visible(topic.symbol, self._clock.now_ms())
        if listing is None:
            return False
        if topic.name not in self._publishers:
            self._open(topic, listing.market)
            if topic.interval_ms == FAST_MS:
                self._fast_wanted.set()
        return True

    def _unsubscribe(self, connection: Connection, name: str) -> None:
        if connection.topics.pop(name, None) is None:
            return
        subscribers = self._subscribers[name]
        subscribers.discard(connection)
        if not subscribers:
            del self._subscribers[name]
            if name in self._publishers:
                self._close(self._publishers[name])

    def _open(self, topic: Topic, market: Market) -> Publisher:
        publisher = self._publishers[topic.name] = PUBLISHERS[topic.kind](topic, market)
        if isinstance(publisher, DealsPublisher):
            self._by_symbol.setdefault(topic.symbol, []).append(publisher)
        return publisher

    def _close(self, publisher: Publisher) -> None:
        publisher.close()
        del self._publishers[publisher.topic.name]
        if isinstance(publisher, DealsPublisher):
            self._by_symbol[publisher.topic.symbol].remove(publisher)

    def _flush(self, *, include_slow: bool) -> None:
        now_ms = self._clock.now_ms()
        now_us = self._clock.monotonic_us()
        self.venue.advance(now_ms)
        for name, publisher in list(self._publishers.items()):
            topic = publisher.topic
            if topic.interval_ms != FAST_MS and not include_slow:
                continue
            market = self.venue.listings[topic.symbol].market
            if market is not publisher.market:  # the listing was given a new script before it opened
                self._close(publisher)
                publisher = self._open(topic, market)
            frame = publisher.flush(now_ms)
            if frame is not None:
                for connection in self._subscribers[name]:
                    connection.push(frame, now_us)

    def _close_overdue(self) -> None:
        now_us = self._clock.monotonic_us()
        for connection in list(self._connections):
            if connection.is_overdue(now_us):
                connection.cut()


def _is_chosen(connection: Connection, streams: Streams) -> bool:
    return streams == "all" or (connection.account is not None) is (streams == "private")


def _answer(number: object, text: str) -> str:
    return orjson.dumps({"id": number, "code": 0, "msg": text}).decode()
