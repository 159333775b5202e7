"""The command demo: one whole session on the simulator, before your eyes."""

from typing import Annotated

import typer

from cli.machine import SEED_HELP


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command(epilog="Example: sniper demo --once")(demo)


def demo(
    once: Annotated[bool, typer.Option("--once", help="End after the session; exit code 0 only if all is right.")] = (
        False
    ),
    seed: Annotated[int, typer.Option(help=SEED_HELP)] = 1,
    budget: Annotated[str, typer.Option(help="Most that may be spent, in USDT.")] = "50",
    json: Annotated[bool, typer.Option("--json", help="Print JSON documents, one a line, instead of text.")] = False,
) -> None:
    """Start everything, snipe one listing on the simulator, and compare the venue's books with ours."""
    import asyncio

    from cli.demo_run import run_demo
    from ui.inputs import parse_number

    raise typer.Exit(asyncio.run(run_demo(once=once, seed=seed, budget=parse_number("budget", budget), json=json)))
