"""Commands about this machine's stack: up, stop, panel, simulator."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.output import Json, write_json, write_line, write_row

if TYPE_CHECKING:
    from cli.left_open import LeftOpen

SEED_HELP = "Number that fixes the simulator's random market; the same seed, the same market."
JsonLines = Annotated[bool, typer.Option("--json", help="Print JSON documents, one a line, instead of text.")]


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    app.command(epilog="Example: sniper up")(up)
    app.command(epilog="Example: sniper stop")(stop)
    app.command(epilog="Example: sniper panel")(panel)
    app.command(epilog="Example: sniper simulator --port 8300 --seed 7")(simulator)


def up(
    seed: Annotated[int, typer.Option(help=SEED_HELP)] = 1,
    panel: Annotated[bool, typer.Option(help="Start the panel too.")] = True,
    json: JsonLines = False,
) -> None:
    """Run everything on this machine in the foreground: databases, Temporal, venue, workers and panel.

    Ctrl-C ends it, and names what is left open.
    """
    import asyncio
    from datetime import UTC, datetime

    from adapters.settings import require_startable
    from cli.left_open import left_open
    from cli.stack_access import stack_options
    from domain.errors import SniperError
    from stack import Stack, run_stack

    require_startable()

    def say(text: str) -> None:
        if json:
            write_row({"said_at": datetime.now(UTC), "text": text})
        else:
            write_line(text)

    async def until_stopped(stack: Stack) -> None:
        try:
            await stack.wait()
        finally:
            try:
                left = await asyncio.to_thread(left_open, stack.state)
            except SniperError as exc:  # whoever stops a stack whose database is gone must be able to
                say(f"stopping: what is left open is not known ({exc})")
            else:
                for text in left.texts:
                    say(f"stopping: {text}")

    asyncio.run(run_stack(stack_options(seed=seed, with_panel=panel), until_stopped, say=say))


def stop(
    leave_open: Annotated[
        bool,
        typer.Option("--leave-open", help="Also while a session arms, buys or holds: nobody guards it afterwards."),
    ] = False,
    json: Json = False,
) -> None:
    """Stop the stack of this SNIPER_HOME and wait until nothing of it is left.

    Refused while a session is armed or holds a position, or when nobody knows; what only waits is named.
    """
    from cli.stack_access import stack_options
    from stack import stop_running

    home = stack_options().home
    left = _may_be_stopped(home, leave_open)
    stopped = stop_running(home)
    if json:
        known = left.not_known is None  # an empty list would say that nothing is left
        write_json(
            {
                "home": str(home),
                "stopped": stopped,
                "not_known": left.not_known,
                "at_work": [detail.line.key for detail in left.at_work] if known else None,
                "waiting": [line.key for line in left.waiting] if known else None,
                "targets": [target.id for target in left.targets] if known else None,
            }
        )
        return
    write_line(f"the stack in {home} is stopped" if stopped else f"no stack runs in {home}")
    for text in left.texts:
        write_line(text)


def _may_be_stopped(home: Path, leave_open: bool) -> "LeftOpen":
    """What is left open. Raises SniperError when a session at work would be, or nobody knows, unless that is meant."""
    from cli.left_open import LeftOpen
    from domain.errors import InvalidInput, SniperError

    try:
        left = _left_in(home)
    except SniperError as exc:
        if leave_open:
            return LeftOpen(not_known=str(exc))
        raise SniperError(
            f"stop: it is not known whether a position is held ({exc}); add --leave-open to stop all the same"
        ) from exc
    if left.at_work and not leave_open:
        raise InvalidInput(
            "stop",
            value=left.names_at_work,
            expected="no session that is armed, buys or holds: nobody guards it while the stack is down",
            remedy=f"wait for it, abort it (sniper abort {left.at_work[0].line.key}), or add --leave-open",
        )
    return left


def _left_in(home: Path) -> "LeftOpen":
    """Nothing where no stack runs. Raises SniperError when a stack runs and nobody knows what it leaves open."""
    from adapters.local.state import STATE_FILE, read_state, running_pid
    from cli.left_open import LeftOpen, left_open
    from domain.errors import SniperError

    state = read_state(home)
    if state is not None:
        return left_open(state)
    pid = running_pid(home)
    if pid is not None:  # it may trade already: its workers start before it is ready
        raise SniperError(f"process {pid} runs without {home / STATE_FILE}: it is starting, or could not write it")
    return LeftOpen()


def panel(json: Json = False) -> None:
    """Print a link to the panel of the running stack. It admits one browser; for another one ask again."""
    from adapters.local.panel_access import PanelAccess
    from adapters.settings import read_settings
    from domain.errors import InvalidInput

    settings = read_settings()
    if settings.panel_url is None:
        raise InvalidInput(
            "panel",
            value=None,
            expected="a stack of this SNIPER_HOME with a panel",
            remedy="start one with `sniper up`",
        )
    link = PanelAccess(settings.sniper_home).link(settings.panel_url)
    if json:
        write_json({"link": link})
    else:
        write_line(link)


def simulator(
    port: Annotated[int, typer.Option(help="0 takes a free one.", min=0, max=65_535)] = 8300,
    scenario: Annotated[
        Path | None, typer.Option(help="YAML file with the stage to begin with, or the name of a shipped one.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Fixes what the background traders do.")] = 1,
    tls: Annotated[bool, typer.Option("--tls", help="Serve https and wss with an own certificate.")] = False,
    json: JsonLines = False,
) -> None:
    """Run a venue of its own on this machine; prints `ready http://127.0.0.1:PORT` when it answers."""
    from simulator.main import run

    def announce(url: str) -> None:
        if json:
            write_row({"ready": url})
        else:
            write_line(f"ready {url}")

    raise typer.Exit(run(port, scenario, seed, tls, announce))
