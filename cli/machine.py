"""Commands about this machine's stack: up, stop, panel, simulator."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.output import Json, write_json, write_line, write_row

if TYPE_CHECKING:
    from adapters.local.state import StackState
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

    Refused while a session is armed or holds a position; what only waits is named.
    """
    from adapters.local.state import read_state
    from cli.left_open import LeftOpen
    from cli.stack_access import stack_options
    from stack import stop_running

    home = stack_options().home
    state = read_state(home)
    left = LeftOpen() if state is None else _may_be_stopped(state, leave_open)
    stopped = stop_running(home)
    if json:
        write_json(
            {
                "home": str(home),
                "stopped": stopped,
                "at_work": [detail.line.key for detail in left.at_work],
                "waiting": [line.key for line in left.waiting],
                "targets": [target.id for target in left.targets],
            }
        )
        return
    write_line(f"the stack in {home} is stopped" if stopped else f"no stack runs in {home}")
    for text in left.texts:
        write_line(text)


def _may_be_stopped(state: "StackState", leave_open: bool) -> "LeftOpen":
    """What is left open. Raises SniperError when a session at work would be, or nobody knows, unless that is meant."""
    from cli.left_open import LeftOpen, left_open
    from domain.errors import InvalidInput, SniperError

    try:
        left = left_open(state)
    except SniperError as exc:
        if leave_open:
            return LeftOpen()
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
