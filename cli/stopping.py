"""Commands that stop purchases and let them go on: halt, release, halts."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated

import typer

from cli.output import Json, write_json, write_receipt, write_table
from cli.trading import Request

if TYPE_CHECKING:
    from domain.commands import Receipt
    from domain.halts import HaltScope
    from ui.actions import Actions

Account = Annotated[str | None, typer.Option(help="Only this account.")]
Session = Annotated[str | None, typer.Option(help="Only this session: XYZUSDT, XYZUSDT/2 or main/mexc:XYZ:USDT/2.")]


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    app.command(epilog='Example: sniper halt --reason "venue behaves oddly"')(halt)
    app.command(epilog='Example: sniper release --reason "venue is well again"')(release)
    app.command(epilog="Example: sniper halts --past")(halts)


def halt(
    reason: Annotated[str, typer.Option(help="Kept with the halt.")] = "asked for on the command line",
    account: Account = None,
    session: Session = None,
    request: Request = None,
    json: Json = False,
) -> None:
    """Buy nothing new, anywhere or in one account or session, until released. Positions are guarded on.

    A session that is armed meanwhile, or about to be, ends; its release does not bring it back.
    """
    _act(account, session, lambda actions, scope, key: actions.halt(scope, reason, key), request, json)


def release(
    reason: Annotated[
        str | None, typer.Option(help="Why it is safe again; kept with the halt. Must be given.", show_default=False)
    ] = None,
    account: Account = None,
    session: Session = None,
    request: Request = None,
    json: Json = False,
) -> None:
    """Lift the halt of exactly this scope: without options the one on everything; on accounts or sessions they stay."""
    if reason is None:
        raise typer.BadParameter(
            'not given; say why it is safe again, such as --reason "venue is well again"', param_hint="--reason"
        )
    _act(account, session, lambda actions, scope, key: actions.release(scope, reason, key), request, json)


def halts(
    past: Annotated[bool, typer.Option("--past", help="Also those that were released.")] = False,
    json: Json = False,
) -> None:
    """List the halts that hold, the newest first."""
    from cli.access import open_reader
    from ui.wording import day_and_clock

    with open_reader() as reader:
        found = reader.halts() + (reader.past_halts() if past else ())
    if json:
        write_json({"halts": found})
        return
    rows = [
        (
            str(one.id),
            f"{one.scope} {one.scope_key}".rstrip(),
            f"{day_and_clock(one.at)} UTC",
            one.reason,
            "no" if one.released_at is None else f"{day_and_clock(one.released_at)} UTC: {one.released_because}",
        )
        for one in found
    ]
    write_table(("Number", "Nothing is bought in", "Since", "Reason", "Released"), rows, empty="nothing is halted")


def _act(
    account: str | None,
    session: str | None,
    act: "Callable[[Actions, HaltScope, str], Awaitable[Receipt]]",
    request: str | None,
    json: bool,
) -> None:
    import asyncio

    from cli.access import open_actions
    from domain.errors import InvalidInput
    from domain.halts import EVERYTHING, HaltScope
    from ui.arm_request import new_request_key
    from ui.reading import find_session

    if account is not None and session is not None:
        raise InvalidInput(
            "scope", value="--account and --session", expected="at most one of the two", remedy="leave one out"
        )

    async def work() -> "Receipt":
        async with open_actions() as (actions, reader):
            scope = EVERYTHING
            if account is not None:
                scope = HaltScope.of_account(account)
            elif session is not None:
                scope = HaltScope.of_session(find_session(reader, session).key)
            return await act(actions, scope, new_request_key() if request is None else request)

    write_receipt(asyncio.run(work()), json)
