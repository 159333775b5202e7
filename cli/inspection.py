"""Commands that only look: sessions, show."""

from typing import Annotated

import typer

from cli.completion import session_names
from cli.output import Json, write_json, write_line, write_table


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    app.command(epilog="Example: sniper sessions --json")(sessions)
    app.command(epilog="Example: sniper show NEWUSDT --follow")(show)


def sessions(
    limit: Annotated[int, typer.Option(help="How many, the newest first.", min=1, max=1000)] = 50,
    json: Json = False,
) -> None:
    """List sessions, the newest first."""
    from cli.access import open_reader
    from ui.wording import Units, day_and_clock, signed

    with open_reader() as reader:
        found = reader.sessions(limit=limit)
    if json:
        write_json({"sessions": found})
        return
    rows = [
        (
            str(line.key),
            line.symbol,
            f"{line.phase} (halted)" if line.halted else str(line.phase),
            f"{day_and_clock(line.opens_at)} UTC",
            str(line.outcome or ""),
            "" if line.result is None else signed(line.result, Units.of(line.symbol).quote),
            line.attention or line.reason,
        )
        for line in found
    ]
    columns = ("Session", "Symbol", "Phase", "Opens", "Outcome", "Result", "Remark")
    write_table(columns, rows, empty="no sessions; `sniper arm` makes one")


def show(
    session: Annotated[
        str,
        typer.Argument(help="main/mexc:XYZ:USDT/1, or XYZUSDT for its latest attempt.", autocompletion=session_names),
    ],
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until the session is closed.")] = False,
    shots: Annotated[bool, typer.Option("--shots", help="Instead the flight record of every shot.")] = False,
    json: Json = False,
) -> None:
    """Show a session: timeline, orders, fills, position and result. With --follow and --json: one event a line.

    With --shots: when each shot was planned, left, was answered and known, and how these times are distributed.
    """
    if shots and follow:
        raise typer.BadParameter("leave --follow out; it shows what has left so far", param_hint="--shots")
    from cli import flights_view, session_view
    from cli.access import open_reader

    with open_reader() as reader:
        if shots and json:
            write_json(flights_view.as_document(reader, session))
        elif shots:
            flights_view.show(reader, session)
        elif json and follow:
            session_view.follow_as_rows(reader, session)
        elif json:
            write_json(session_view.as_document(reader, session))
        elif follow:
            session_view.follow(reader, session)
            write_line("")
        else:
            session_view.show(reader, session)
