"""The running venue: one port for REST, streams and control, inside the caller's event loop."""

import asyncio
import contextlib
import logging
import random
import ssl

from aiohttp import web

from simulator.control.http import Control
from simulator.control.scenario import DEFAULT, Scenario, apply_scenario
from simulator.control.stage import Stage
from simulator.exchange.clock import VenueClock
from simulator.exchange.listen_keys import ListenKeys
from simulator.exchange.venue import Venue
from simulator.push.faults import FrameFaultBook
from simulator.push.streams import StreamHub
from simulator.rest.faults import FaultBook
from simulator.rest.gateway import Gateway
from simulator.rest.request_log import RequestLog

HOST = "127.0.0.1"
AGENDA_S = 0.01  # how often what is due is done when nobody asks for anything
BACKLOG = 1024
ANSWER_S = 0.01  # the request that asks for the door to be shut is still answered
CLOSING_S = 0.1  # open connections get this long to end by themselves

_log = logging.getLogger(__name__)


class SimulatorServer:
    """A venue that can be started and stopped once.

    scenario: the stage to begin with. seed: fixes the background traders and chance faults.
    tls: serve https and wss with this context; None: plain.
    """

    def __init__(self, scenario: Scenario = DEFAULT, seed: int = 1, tls: ssl.SSLContext | None = None) -> None:
        self.clock = VenueClock(start_ms=scenario.clock.start_ms, scale=scenario.clock.scale)
        self.requests = RequestLog()
        self.faults = FaultBook(random.Random(f"{seed} faults"))
        listen_keys = ListenKeys(random.Random(f"{seed} listen keys"))
        frame_faults = FrameFaultBook(random.Random(f"{seed} frame faults"))
        self.hub = StreamHub(self.clock, listen_keys, frame_faults)
        self.venue = Venue(seed, scenario.settings, self.hub, self.clock.now_ms())
        self.hub.attach(self.venue)
        self._gateway = Gateway(self.venue, self.clock, listen_keys, self.faults, self.requests)
        self._stage = Stage(self.venue, self.clock, self.hub, self.faults, frame_faults, self.requests, self._shut_door)
        self._control = Control(self._stage)
        self._scenario = scenario
        self._tls = tls
        self._runner: web.ServerRunner | None = None
        self._site: web.TCPSite | None = None
        self._door_task: asyncio.Task[None] | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._port = 0

    @property
    def rest_url(self) -> str:
        """Base address of REST and control, e.g. http://127.0.0.1:8080."""
        return f"{'http' if self._tls is None else 'https'}://{HOST}:{self._port}"

    @property
    def ws_url(self) -> str:
        """Address of the streams, e.g. ws://127.0.0.1:8080/ws."""
        return f"{'ws' if self._tls is None else 'wss'}://{HOST}:{self._port}/ws"

    async def start(self, port: int = 0) -> None:
        """Set the stage and accept connections; port 0 takes a free one. Raises OSError when the port is taken."""
        apply_scenario(self._scenario, self._stage)
        runner = web.ServerRunner(web.Server(self._handle, access_log=None), shutdown_timeout=CLOSING_S)
        await runner.setup()
        try:
            self._site = await self._open_door(runner, port)
        except OSError:
            await runner.cleanup()
            raise
        self._runner = runner
        self._port = runner.addresses[0][1]
        self._tasks = [asyncio.create_task(self.hub.run()), asyncio.create_task(self._keep_time())]
        for task in self._tasks:
            task.add_done_callback(_report_failure)

    async def stop(self) -> None:
        """Cut every connection and free the port. Idempotent."""
        tasks, self._tasks = self._tasks, []
        if self._door_task is not None:
            tasks.append(self._door_task)
            self._door_task = None
        for task in tasks:
            task.cancel()
        for task in tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task
        self.hub.cut("all")
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    async def _open_door(self, runner: web.ServerRunner, port: int) -> web.TCPSite:
        site = web.TCPSite(runner, HOST, port, ssl_context=self._tls, backlog=BACKLOG)
        await site.start()
        return site

    def _shut_door(self, duration_ms: int, cut: bool) -> None:
        """A door that is shut already stays as it is: whoever asked first decides when it opens."""
        if self._door_task is None or self._door_task.done():
            self._door_task = asyncio.create_task(self._keep_shut(duration_ms, cut))
            self._door_task.add_done_callback(_report_failure)

    async def _keep_shut(self, duration_ms: int, cut: bool) -> None:
        await asyncio.sleep(ANSWER_S)
        runner, site = self._runner, self._site
        if runner is None or site is None or runner.server is None:
            return
        await site.stop()
        if cut:
            for connection in runner.server.connections:
                if connection.transport is not None:
                    connection.transport.abort()
        await asyncio.sleep(duration_ms / 1000)
        self._site = await self._open_door(runner, self._port)

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        path = request.raw_path
        if path.startswith("/api/"):
            return await self._gateway.handle(request)
        if path.startswith("/_sim/"):
            return await self._control.handle(request)
        if path.partition("?")[0] == "/ws":
            return await self.hub.serve(request)
        return web.Response(status=404)

    async def _keep_time(self) -> None:
        while True:
            self.venue.advance(self.clock.now_ms())
            await asyncio.sleep(AGENDA_S)


def _report_failure(task: asyncio.Task[None]) -> None:
    """A venue whose clockwork has stopped must not look alive: say so loudly, at once."""
    if not task.cancelled() and task.exception() is not None:
        _log.critical("the venue stands still: a background task has failed", exc_info=task.exception())
