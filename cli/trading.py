"""Commands that change what is traded: arm, targets, abort."""

from typing import Annotated

import typer

from cli.output import Json, write_json, write_line, write_table


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    app.command(epilog="Example: sniper arm NEWUSDT --at 2026-01-31T12:00:00Z --budget 50 --max-price 0.06")(arm)
    app.command(epilog="Example: sniper targets")(targets)
    app.command(epilog='Example: sniper abort NEWUSDT --reason "wrong coin"')(abort)


def arm(
    symbol: Annotated[str, typer.Argument(help="The pair, for example NEWUSDT.")],
    max_price: Annotated[str, typer.Option(help="Never pay more per coin; without a bound no order is sent.")],
    at: Annotated[
        str | None,
        typer.Option(help="Opening, for example 2026-01-31T12:00:00Z or +30s. Left out: when a source names it."),
    ] = None,
    budget: Annotated[str, typer.Option(help="Most that may be spent, fees included; at most 500.")] = "100",
    ladder: Annotated[str, typer.Option(help='Take-profits as gain:share in percent, or "none".')] = (
        "5:25,10:25,15:25,25:25"
    ),
    stop: Annotated[str, typer.Option(help="Sell all this many percent below the entry.")] = "5",
    time_stop: Annotated[str, typer.Option(help="Sell what is left after this long, for example 60m.")] = "60m",
    arm_lead: Annotated[str, typer.Option(help="How long before the opening the desk takes over.")] = "30s",
    grace: Annotated[str, typer.Option(help="How long after the opening to go on trying.")] = "30s",
    late_entry: Annotated[str, typer.Option(help="How late a first shot may still leave.")] = "0s",
    account: Annotated[str | None, typer.Option(help="Left out: the installation's own.")] = None,
    unlisted: Annotated[bool, typer.Option("--unlisted", help="Take a symbol that no source has named yet.")] = False,
    request: Annotated[str | None, typer.Option(help="Your key: repeating it makes no second session.")] = None,
    json: Json = False,
) -> None:
    """Buy a listing at its opening, inside the budget, and guard the position until it is flat."""
    import asyncio
    from datetime import UTC, datetime

    from adapters.settings import read_settings
    from cli.access import open_actions
    from cli.inputs import parse_duration, parse_ladder, parse_number, parse_opening, parse_percent
    from ui.arm_request import Armed, ArmRequest, new_request_key

    settings = read_settings()
    wish = ArmRequest(
        symbol=symbol.upper(),
        opens_at=None if at is None else parse_opening(at, datetime.now(UTC)),
        budget=parse_number("budget", budget),
        max_price=parse_number("max price", max_price),
        ladder=parse_ladder(ladder),
        stop_percent=parse_percent("stop percent", stop),
        time_stop_s=parse_duration("time stop", time_stop),
        arm_lead_s=parse_duration("arm lead", arm_lead),
        grace_s=parse_duration("grace", grace),
        late_entry_s=parse_duration("late entry", late_entry),
        account=settings.sniper_account if account is None else account,
        unlisted=unlisted,
        request=new_request_key() if request is None else request,
    )

    async def work() -> Armed:
        async with open_actions(settings) as (actions, _):
            return await actions.arm(wish)

    armed = asyncio.run(work())
    if json:
        write_json(armed)
    else:
        write_line(armed.text)


def targets(
    withdraw: Annotated[int | None, typer.Option(help="Number of a target that shall wait no longer.")] = None,
    json: Json = False,
) -> None:
    """List what is wanted, the newest first; with --withdraw let one target wait no longer."""
    if withdraw is None:
        _list_targets(json)
    else:
        _withdraw(withdraw, json)


def abort(
    session: Annotated[str, typer.Argument(help="main/mexc:NEW:USDT/1, or NEWUSDT for its latest attempt.")],
    reason: Annotated[str, typer.Option(help="Kept in the journal.")] = "asked for on the command line",
    request: Annotated[str | None, typer.Option(help="Your key: repeating it changes nothing.")] = None,
    json: Json = False,
) -> None:
    """Buy nothing more, cancel open entry orders, sell any position at once."""
    import asyncio

    from cli.access import open_actions
    from domain.commands import Receipt
    from ui.arm_request import new_request_key

    async def work() -> Receipt:
        async with open_actions() as (actions, _):
            return await actions.abort(session, reason, new_request_key() if request is None else request)

    _write_receipt(asyncio.run(work()), json)


def _withdraw(target: int, json: bool) -> None:
    import asyncio

    from cli.access import open_actions
    from domain.commands import Receipt

    async def work() -> Receipt:
        async with open_actions() as (actions, _):
            return await actions.withdraw(target)

    _write_receipt(asyncio.run(work()), json)


def _write_receipt(receipt: object, json: bool) -> None:
    if json:
        write_json(receipt)
    else:
        write_line(str(getattr(receipt, "text", receipt)))


def _list_targets(json: bool) -> None:
    from cli.access import open_reader
    from ui.wording import Units, day_and_clock, ladder_in_words, money, price

    with open_reader() as reader:
        found = reader.targets()
    if json:
        write_json({"targets": found})
        return
    rows = []
    for target in found:
        units = Units.of(target.symbol)
        rows.append(
            (
                str(target.id),
                target.symbol,
                target.account,
                target.status,
                "when a source names it" if target.opens_at is None else f"{day_and_clock(target.opens_at)} UTC",
                money(target.policy.budget_quote, units.quote),
                price(target.policy.entry.max_price, units),
                ladder_in_words(target.policy.exits.ladder),
            )
        )
    columns = ("Number", "Symbol", "Account", "Status", "Opens", "Budget", "At most", "Take profit")
    write_table(columns, rows, empty="no targets; `sniper arm` makes one")
