"""The venue's WebSocket side: connections, control messages, private channels, and the beat of the public ones."""

import asyncio
import contextlib
from decimal import Decimal

import orjson
from aiohttp import WSMsgType, web

from simulator.engine.orders import Fill, Order, PublicTrade
from simulator.exchange.accounts import Account
from simulator.exchange.clock import VenueClock
from simulator.exchange.listen_keys import ListenKeys
from simulator.exchange.venue import Venue
from simulator.push import private_frames as frames
from simulator.push.channels import FAST_MS, SLOW_MS, Channels
from simulator.push.connections import Connection
from simulator.push.delivery import Delivery
from simulator.push.faults import FrameFaultBook, Streams
from simulator.push.topics import PRIVATE, Kind, parse_topic

FAST_S = FAST_MS / 1000
SLOW_S = SLOW_MS / 1000
HOUSEKEEPING_S = 1.0
MAX_MESSAGE_BYTES = 64 * 1024


class StreamHub:
    """Implements venue.Feed and serves /ws. `attach` is called once, before anything else: each needs the other."""

    _venue: Venue
    _channels: Channels

    def __init__(self, clock: VenueClock, listen_keys: ListenKeys, faults: FrameFaultBook) -> None:
        self._clock = clock
        self._listen_keys = listen_keys
        self._delivery = Delivery(clock, faults)
        self._connections: set[Connection] = set()
        self._private: dict[str, list[Connection]] = {}
        self._fast_wanted = asyncio.Event()
        self._refuses_until_us = 0

    def attach(self, venue: Venue) -> None:
        """Serve the streams of this venue."""
        self._venue = venue
        self._channels = Channels(venue, self._delivery.deliver)

    async def serve(self, request: web.BaseRequest) -> web.StreamResponse:
        """One connection from its handshake to its end."""
        now_us = self._clock.monotonic_us()
        if self._venue.settings.maintenance or now_us < self._refuses_until_us:
            return web.Response(status=503)
        socket = web.WebSocketResponse(max_msg_size=MAX_MESSAGE_BYTES, compress=False)
        await socket.prepare(request)
        key = request.rel_url.query.get("listenKey")
        account = None
        if key is not None:
            account = self._listen_keys.account(key, self._clock.now_ms())
            most = self._venue.settings.connections_per_key
            if account is None or (most and self._count(key) >= most):
                await socket.send_str("Invalid listen key")
                await socket.close()
                return socket
        connection = Connection(socket, request.transport, key, account, now_us)
        self._enter(connection)
        writer = asyncio.create_task(connection.write())
        try:
            async for message in socket:
                if not connection.received(self._clock.monotonic_us(), self._venue.settings.messages_per_s):
                    connection.cut()
                    break
                if message.type is WSMsgType.TEXT:
                    self._control(connection, message.data)
                elif message.type is WSMsgType.BINARY:
                    connection.reply(_answer(0, "msg format invalid"))
        finally:
            self._leave(connection)
            writer.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await writer
        return socket

    async def run(self) -> None:
        """Push what the public channels have collected, and close overdue connections, until cancelled."""
        slow_due = housekeeping_due = 0.0
        slow_tick = 0
        while True:
            with contextlib.suppress(TimeoutError):  # a first 10 ms subscriber ends the long wait
                async with asyncio.timeout(FAST_S if self._channels.any_fast else SLOW_S):
                    await self._fast_wanted.wait()
            self._fast_wanted.clear()
            now = asyncio.get_running_loop().time()
            slow = now >= slow_due
            if slow:
                slow_due = now + SLOW_S - FAST_S / 2
                slow_tick += 1
            now_ms = self._clock.now_ms()
            self._venue.advance(now_ms)
            self._channels.flush(now_ms, slow_tick if slow else None)
            if now >= housekeeping_due:
                housekeeping_due = now + HOUSEKEEPING_S
                self._close_overdue()

    def cut(self, streams: Streams, account: str | None = None) -> int:
        """Break off connections with a listen key, without one, or all; of one account or of any. Returns how many."""
        chosen = self._chosen(streams, account)
        for connection in chosen:
            connection.cut()
        return len(chosen)

    def silence(self, streams: Streams, account: str | None, duration_ms: int) -> int:
        """Lose all data frames of the chosen connections for a while; control messages go on. Returns how many."""
        chosen = self._chosen(streams, account)
        for connection in chosen:
            connection.silent_until_us = self._clock.monotonic_us() + duration_ms * 1000
        return len(chosen)

    def refuse(self, duration_ms: int) -> None:
        """Answer handshakes 503 for a while; open connections go on."""
        self._refuses_until_us = self._clock.monotonic_us() + duration_ms * 1000

    def expire_keys(self, account: str | None) -> int:
        """End the listen keys of an account, or of all, and their connections. Returns how many of these."""
        self._listen_keys.expire(account)
        return self.cut("private", account)

    @property
    def connection_count(self) -> int:
        """Open connections."""
        return len(self._connections)

    def order_changed(self, account: Account, order: Order) -> None:
        """Part of venue.Feed."""
        if account.name in self._private:
            rules = self._venue.listings[order.symbol].market.rules
            self._push_private(account, Kind.PRIVATE_ORDERS, frames.order_frame(order, rules, self._clock.now_ms()))

    def order_filled(self, account: Account, fill: Fill) -> None:
        """Part of venue.Feed."""
        if account.name in self._private:
            rules = self._venue.listings[fill.order.symbol].market.rules
            self._push_private(account, Kind.PRIVATE_DEALS, frames.deal_frame(fill, rules, self._clock.now_ms()))

    def balance_moved(self, account: Account, asset: str, free: Decimal, locked: Decimal, reason: str) -> None:
        """Part of venue.Feed."""
        if account.name in self._private:
            frame = frames.account_frame(account, asset, free, locked, reason, self._clock.now_ms())
            self._push_private(account, Kind.PRIVATE_ACCOUNT, frame)

    def traded(self, symbol: str, trade: PublicTrade) -> None:
        """Part of venue.Feed."""
        self._channels.traded(symbol, trade)

    def _push_private(self, account: Account, kind: Kind, frame: bytes) -> None:
        delay_ms = self._venue.settings.private_lag_ms
        for connection in self._private[account.name]:
            if kind.value in connection.topics:
                self._delivery.deliver_later(connection, kind.value, frame, delay_ms)

    def _enter(self, connection: Connection) -> None:
        self._connections.add(connection)
        if connection.account is not None:
            self._private.setdefault(connection.account.name, []).append(connection)

    def _leave(self, connection: Connection) -> None:
        self._connections.discard(connection)
        for name in list(connection.topics):
            self._unsubscribe(connection, name)
        if connection.account is not None:
            others = [other for other in self._private[connection.account.name] if other is not connection]
            if others:
                self._private[connection.account.name] = others
            else:
                del self._private[connection.account.name]

    def _count(self, key: str) -> int:
        return sum(connection.key == key for connection in self._connections)

    def _chosen(self, streams: Streams, account: str | None) -> list[Connection]:
        return [connection for connection in self._connections if connection.is_chosen(streams, account)]

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
        most = self._venue.settings.subscriptions
        if topic is None or (most and len(connection.topics) >= most):
            return False
        if topic.kind in PRIVATE:
            if connection.account is None:
                return False
        elif not self._channels.subscribe(connection, topic, self._clock.now_ms()):
            return False
        connection.topics[name] = topic
        if topic.interval_ms == FAST_MS:
            self._fast_wanted.set()
        return True

    def _unsubscribe(self, connection: Connection, name: str) -> None:
        topic = connection.topics.pop(name, None)
        if topic is not None and topic.kind not in PRIVATE:
            self._channels.unsubscribe(connection, name)

    def _close_overdue(self) -> None:
        now_ms, now_us = self._clock.now_ms(), self._clock.monotonic_us()
        for connection in list(self._connections):
            expired = connection.key is not None and self._listen_keys.account(connection.key, now_ms) is None
            if expired or connection.is_overdue(now_us, self._venue.settings):
                connection.cut()


def _answer(number: object, text: str) -> str:
    return orjson.dumps({"id": number, "code": 0, "msg": text}).decode()
