"""Everything on one machine: Postgres, Temporal, the simulator, the workers and the panel; starts, checks, stops.

`python -m stack` runs it until it is told to stop. What runs, and where, stands in SNIPER_HOME/stack.json.
Not here: how a process is kept alive (adapters/local), what a worker does (worker.py).
"""

import asyncio
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self, cast

from adapters.local import venue
from adapters.local.child import Child, Run
from adapters.local.loopback_http import call
from adapters.local.options import StackOptions
from adapters.local.panel_access import PanelAccess
from adapters.local.ports import LOOPBACK, choose_port, on_a_port
from adapters.local.postgres import embedded_postgres
from adapters.local.state import StackState, only_stack, running_pid, write_state
from adapters.local.supervisor import Supervisor
from adapters.local.temporal_binary import find_binary, make_binary_apart
from adapters.local.temporal_server import (
    DevServer,
    SearchAttributeKind,
    connect,
    ensure_search_attributes,
    require_answering,
)
from adapters.local.waiting import to_the_end, together
from adapters.postgres.address import require_usable
from adapters.settings import require_startable
from adapters.venue_kind import VenueKind
from domain.errors import SniperError
from workflows.names import SEARCH_ATTRIBUTES

ROOT = Path(__file__).resolve().parent
TEMPORAL_PORT = 7233
SIMULATOR_PORT = 8300
PANEL_PORT = 8501
ROLES = ("control", "fire", "guard")
STOPS_WITHIN_S = 60.0  # every stage's grace together, with room

INFRASTRUCTURE, VENUE, PRODUCT = 0, 1, 2  # stages: a higher one uses the lower ones, and is stopped before them


class Stack:
    """A running stack, as an asynchronous context: ready when entered, nothing of it left when left.

    Enter it on the event loop of the main thread: the kernel ties the children's lives to the thread that starts them.
    Entering raises InvalidInput for values that cannot be used, before anything is started, and ChildFailed when a
    part does not come up; in both cases nothing stays behind.

    say: receives progress, one event per call.
    """

    def __init__(self, options: StackOptions, *, say: Callable[[str], None] | None = None) -> None:
        self.options = replace(options, home=options.home.expanduser().absolute())
        self._say = say if say is not None else _write_line
        ours = cast(Mapping[str, SearchAttributeKind], SEARCH_ATTRIBUTES)  # workflows know nothing of our types
        self._search_attributes = ours if options.search_attributes is None else options.search_attributes
        self._supervisor = Supervisor(say=self._say, changed=self._note_children)
        self._state: StackState | None = None
        self._cleanup = AsyncExitStack()
        self._ready = False
        self._stop_asked = asyncio.Event()

    async def __aenter__(self) -> Self:
        try:
            await self._start()
        except BaseException:
            await to_the_end(self._cleanup.aclose())
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ready = False
        await to_the_end(self._cleanup.aclose())

    @property
    def state(self) -> StackState:
        """Addresses, keys and process ids as they are now; RuntimeError before the stack was ready."""
        if self._state is None:
            raise RuntimeError("the stack was not started")
        return self._state

    def child(self, name: str) -> Run:
        """The present life of one child.

        Names: postgres, temporal, simulator, worker-control, worker-fire, worker-guard, panel.
        KeyError: no such child in this stack.
        """
        return self._supervisor.run_of(name)

    def environment(self) -> dict[str, str]:
        """What a worker, or a command that acts on this stack, finds in its environment."""
        state = self.state
        capture_dir = self.options.capture_dir
        on_paper = self.options.venue is VenueKind.PAPER  # then a key is of no use, so nobody gets to see one
        stated = {
            "SNIPER_VENUE": self.options.venue.value,
            "DATABASE_URL": state.database_url,
            "TEMPORAL_ADDRESS": state.temporal_address,
            "TEMPORAL_NAMESPACE": state.temporal_namespace,
            "MEXC_REST_URL": state.rest_url,
            "MEXC_WS_URL": state.ws_url,
            "MEXC_API_KEY": None if on_paper else state.api_key or self.options.api_key,
            "MEXC_API_SECRET": None if on_paper else state.api_secret or self.options.api_secret,
            "MEXC_CAPTURE_DIR": None if capture_dir is None else str(capture_dir),
        }
        return {**self._basic_environment(), **{name: value for name, value in stated.items() if value is not None}}

    async def wait(self) -> None:
        """Return when somebody called `ask_stop`."""
        await self._stop_asked.wait()

    def ask_stop(self) -> None:
        """Let `wait` return."""
        self._stop_asked.set()

    def hurry(self) -> None:
        """Stop without grace from now on."""
        self._supervisor.hurry()

    async def _start(self) -> None:
        began = time.monotonic()
        options = self.options
        self._cleanup.enter_context(only_stack(options.home))
        executable = await self._check()
        self._cleanup.push_async_callback(self._supervisor.stop)
        self._state = StackState(
            os.getpid(),
            datetime.now(UTC),
            "",
            "",
            options.temporal_namespace,
            venue=options.venue,
            account=options.environ.get("SNIPER_ACCOUNT") or None,
        )
        await together(self._start_database(), self._start_temporal(executable), self._start_venue())
        await self._retire_lost_sessions()
        if not options.only_infra:
            workers = [self._supervisor.start(self._worker(role)) for role in ROLES]
            await together(*workers, *([self._start_panel()] if options.with_panel else []))
        self._ready = True
        self._note_children(self._supervisor.pids())
        self._say(f"stack: ready after {time.monotonic() - began:.1f} s, {_summary(self.state, options.home)}")

    async def _check(self) -> Path | None:
        """Everything that can be refused before anything runs. The Temporal executable, None when none is needed."""
        options = self.options
        for name, asked in (
            ("temporal", options.temporal_port),
            ("simulator", options.simulator_port),
            ("panel", options.panel_port),
        ):
            if asked is not None:
                choose_port(name, asked=asked, default=asked)
        if options.database_url is not None:
            await asyncio.to_thread(require_usable, options.database_url)
        if options.temporal_address is not None:
            await require_answering(options.temporal_address, options.temporal_namespace)
            return None
        return await asyncio.to_thread(find_binary, options.environ) or await make_binary_apart(
            self._basic_environment()
        )

    async def _start_database(self) -> None:
        url = self.options.database_url
        if url is None:
            server = embedded_postgres(self.options.home)

            async def ready(_: Run) -> bool:
                return await server.is_ready()

            await self._supervisor.start(
                Child(
                    name="postgres",
                    argv=server.argv,
                    env=self._basic_environment(),
                    ready=ready,
                    log_path=self._log("postgres"),
                    cwd=Path("/"),  # its user may not enter ours
                    prepare=server.prepare,
                    stage=INFRASTRUCTURE,
                    stop_signal=signal.SIGINT,  # "fast": ends its clients' sessions instead of waiting for them
                    death_signal=signal.SIGINT,
                    run_as=server.run_as,
                )
            )
            url = server.database_url
        began = time.monotonic()
        await asyncio.to_thread(_upgrade, url)
        self._say(f"database: schema up to date after {time.monotonic() - began:.1f} s")
        self._state = replace(self.state, database_url=url)

    async def _start_temporal(self, executable: Path | None) -> None:
        options = self.options
        address = options.temporal_address
        if executable is not None:

            async def start(port: int) -> str:
                server = DevServer(
                    executable,
                    options.home / "temporal.db",
                    port,
                    namespace=options.temporal_namespace,
                    search_attributes=self._search_attributes,
                    time_skipping=options.time_skipping,
                )

                async def ready(_: Run) -> bool:
                    return await server.is_ready()

                await self._supervisor.start(
                    self._child("temporal", server.argv, self._basic_environment(), ready, INFRASTRUCTURE)
                )
                return server.address

            address = await on_a_port("temporal", options.temporal_port, TEMPORAL_PORT, start)
        assert address is not None
        await ensure_search_attributes(await connect(address, options.temporal_namespace), self._search_attributes)
        self._state = replace(self.state, temporal_address=address)

    async def _start_venue(self) -> None:
        options = self.options
        if options.rest_url is not None or not options.with_simulator:
            self._state = replace(self.state, rest_url=options.rest_url, ws_url=options.ws_url)
            return
        account = venue.new_account()

        async def start(port: int) -> int:
            argv = (*options.programs.simulator, "--port", str(port), "--seed", str(options.seed))
            ready = venue.ready_with(account, port)
            await self._supervisor.start(self._child("simulator", argv, self._basic_environment(), ready, VENUE))
            return port

        port = await on_a_port("simulator", options.simulator_port, SIMULATOR_PORT, start)
        self._state = replace(
            self.state,
            rest_url=venue.rest_url(port),
            ws_url=venue.ws_url(port),
            api_key=account.api_key,
            api_secret=account.secret,
        )

    async def _retire_lost_sessions(self) -> None:
        """A simulator that has just started knows nothing of earlier sessions: nobody can end them but us."""
        if self.state.api_key is None:
            return  # a venue that is not ours keeps its books
        from adapters.postgres.retirement import retire_unclosed  # late: only here does this process need the stores

        for key in await retire_unclosed(self.state.database_url, "the simulator that held it was stopped"):
            self._say(f"session {key}: retired, the simulator that held it was stopped")

    async def _start_panel(self) -> None:
        options = self.options
        env = self.environment()
        for secret in ("MEXC_API_KEY", "MEXC_API_SECRET"):  # the panel never talks to the venue
            env.pop(secret, None)

        async def start(port: int) -> int:
            argv = (*options.programs.panel, "--port", str(port))

            async def ready(_: Run) -> bool:
                status, _text = await call("GET", port, "/_stcore/health")
                return status == 200

            await self._supervisor.start(self._child("panel", argv, env, ready, PRODUCT))
            return port

        port = await on_a_port("panel", options.panel_port, PANEL_PORT, start)
        self._state = replace(self.state, panel_url=f"http://{LOOPBACK}:{port}")

    def _worker(self, role: str) -> Child:
        async def ready(run: Run) -> bool:
            return run.has_printed(f"ready role={role}")

        argv = (*self.options.programs.worker, "--role", role)
        return self._child(f"worker-{role}", argv, self.environment(), ready, PRODUCT)

    def _child(
        self,
        name: str,
        argv: tuple[str, ...],
        env: Mapping[str, str],
        ready: Callable[[Run], Awaitable[bool]],
        stage: int,
    ) -> Child:
        return Child(name=name, argv=argv, env=env, ready=ready, log_path=self._log(name), cwd=ROOT, stage=stage)

    def _basic_environment(self) -> dict[str, str]:
        """What every child gets: nothing of a venue's account."""
        inherited = {name: value for name, value in self.options.environ.items() if not name.startswith("MEXC_")}
        inherited.setdefault("PATH", os.defpath)
        paths = [str(ROOT), *filter(None, [inherited.get("PYTHONPATH")])]
        return {
            **inherited,
            "SNIPER_HOME": str(self.options.home),
            "PYTHONUNBUFFERED": "1",
            "PYTHONPATH": os.pathsep.join(paths),  # Streamlit puts only the folder of its script on the path
        }

    def _log(self, name: str) -> Path:
        return self.options.home / "logs" / f"{name}.log"

    def _note_children(self, pids: Mapping[str, int]) -> None:
        if self._ready:
            self._state = replace(self.state, children=dict(pids))
            try:
                write_state(self.options.home, self.state)
            except OSError as exc:  # a full disk is no reason to stop what runs
                self._say(f"stack: its state file could not be written ({exc})")


async def run_stack(
    options: StackOptions,
    body: Callable[[Stack], Awaitable[None]] = Stack.wait,
    *,
    say: Callable[[str], None] | None = None,
) -> None:
    """Run a stack until `body` returns, or SIGINT or SIGTERM arrives; a second signal stops it without grace.

    body: called with the ready stack, cancelled by the signal. Raises what Stack and `body` raise.
    """
    stack = Stack(options, say=say)
    loop = asyncio.get_running_loop()
    life = asyncio.create_task(_live(stack, body))
    signalled = False

    def on_signal() -> None:
        nonlocal signalled
        if signalled:
            stack.hurry()
        else:
            signalled = True
            life.cancel()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, on_signal)
    try:
        await life
    except asyncio.CancelledError:
        if not signalled:
            raise
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


def stop_running(home: Path) -> bool:
    """Stop the stack of `home` and return when nothing of it is left; False when there was none.

    One that does not stop in a minute is killed; its children then die with it.
    """
    pid = running_pid(home)
    if pid is None:
        return False
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.kill(pid, number)
        deadline = time.monotonic() + STOPS_WITHIN_S
        while time.monotonic() < deadline:
            if running_pid(home) != pid:
                return True
            time.sleep(0.05)
    raise SniperError(f"process {pid} of the stack in {home} survived SIGKILL: look at its state (ps), then try again")


def main() -> int:
    """Run the stack the environment describes. Exit code 0 when told to stop, 1 with one line of what is wrong."""
    try:
        require_startable()
        asyncio.run(run_stack(StackOptions.from_environment(os.environ)))
    except SniperError as exc:
        sys.stderr.write(f"{exc}\n")
        return 1
    return 0


async def _live(stack: Stack, body: Callable[[Stack], Awaitable[None]]) -> None:
    async with stack:
        await body(stack)


def _upgrade(database_url: str) -> None:
    from adapters.postgres.migrate import upgrade  # half a second of imports, while other parts start

    upgrade(database_url)


def _summary(state: StackState, home: Path) -> str:
    panel = None if state.panel_url is None else PanelAccess(home).link(state.panel_url)
    venue = "on paper with the data of" if state.venue is VenueKind.PAPER else "venue"
    places = {"panel": panel, venue: state.rest_url, "temporal": state.temporal_address}
    return ", ".join(f"{name} {place}" for name, place in places.items() if place)


def _write_line(text: str) -> None:
    with suppress(OSError):  # a closed terminal is no reason to stop what runs
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
