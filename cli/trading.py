"""Commands that change what is traded: arm, targets, abort, reschedule, change."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from cli.completion import session_names, strategies, symbols
from cli.output import Json, write_json, write_line, write_receipt, write_table

if TYPE_CHECKING:
    from domain.commands import Receipt
    from ui.actions import Actions

T = TypeVar("T")

Session = Annotated[
    str,
    typer.Argument(help="main/mexc:XYZ:USDT/1, or XYZUSDT for its latest attempt.", autocompletion=session_names),
]
Request = Annotated[str | None, typer.Option(help="Your key: repeating it changes nothing.")]


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    app.command(epilog="Example: sniper arm NEWUSDT --at 2026-01-31T12:00:00Z --budget 50 --max-price 0.06")(arm)
    app.command(epilog="Example: sniper targets")(targets)
    app.command(epilog='Example: sniper abort NEWUSDT --reason "wrong coin"')(abort)
    app.command(epilog="Example: sniper reschedule NEWUSDT --at 2026-01-31T12:30:00Z")(reschedule)
    app.command(epilog="Example: sniper change NEWUSDT --stop 8 --time-stop 30m")(change)


def arm(
    symbol: Annotated[str, typer.Argument(help="The pair, for example NEWUSDT.", autocompletion=symbols)],
    max_price: Annotated[
        str | None, typer.Option(help="Never pay more per coin. Left out: best ask after the opening plus the markup.")
    ] = None,
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
    strategy: Annotated[
        str, typer.Option(help="How to buy: ioc_cap, limit, market, burst or tranche.", autocompletion=strategies)
    ] = "ioc_cap",
    markup: Annotated[str, typer.Option(help="Reach this many percent above the best ask, where it is known.")] = "10",
    late_max_price: Annotated[
        str | None, typer.Option(help="Other price bound of a late first shot; with --late-entry.")
    ] = None,
    window: Annotated[
        str | None, typer.Option(help="limit, tranche: how long after the opening to buy; 60s unless given.")
    ] = None,
    burst_shots: Annotated[str | None, typer.Option(help="burst: how many orders, 2 to 5; 3 unless given.")] = None,
    burst_spacing: Annotated[str | None, typer.Option(help="burst: how far apart; 50ms unless given.")] = None,
    burst_start: Annotated[
        str | None, typer.Option(help="burst: when the first arrives, -20ms is before the opening; 0ms unless given.")
    ] = None,
    tranches: Annotated[str | None, typer.Option(help="tranche: how many parts, 2 to 10; 4 unless given.")] = None,
    tranche_every: Annotated[str | None, typer.Option(help="tranche: how far apart; 10s unless given.")] = None,
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
    from ui.arm_request import Armed, ArmRequest, new_request_key
    from ui.inputs import (
        parse_count,
        parse_duration,
        parse_ladder,
        parse_milliseconds,
        parse_number,
        parse_opening,
        parse_percent,
        parse_strategy,
    )
    from ui.wording import Units, entry_steps

    settings = read_settings()
    wish = ArmRequest(
        symbol=symbol.upper(),
        opens_at=None if at is None else parse_opening(at, datetime.now(UTC)),
        budget=parse_number("budget", budget),
        max_price=_given(parse_number, "max price", max_price),
        ladder=parse_ladder(ladder),
        stop_percent=parse_percent("stop percent", stop),
        time_stop_s=parse_duration("time stop", time_stop),
        arm_lead_s=parse_duration("arm lead", arm_lead),
        grace_s=parse_duration("grace", grace),
        late_entry_s=parse_duration("late entry", late_entry),
        strategy=parse_strategy(strategy),
        markup_percent=parse_percent("markup", markup),
        late_max_price=_given(parse_number, "late max price", late_max_price),
        window_s=_given(parse_duration, "entry window", window),
        burst_shots=_given(parse_count, "burst shots", burst_shots),
        burst_spacing_ms=_given(parse_milliseconds, "burst spacing", burst_spacing),
        burst_first_ms=_given(parse_milliseconds, "burst start", burst_start),
        tranche_parts=_given(parse_count, "tranches", tranches),
        tranche_every_s=_given(parse_duration, "tranche interval", tranche_every),
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
        for step in entry_steps(wish.policy, Units.of(wish.symbol)):
            write_line(step)


def targets(
    withdraw: Annotated[int | None, typer.Option(help="Number of a target that shall wait no longer.")] = None,
    json: Json = False,
) -> None:
    """List what is wanted, the newest first; with --withdraw let one target wait no longer."""
    if withdraw is None:
        _list_targets(json)
    else:
        _act(lambda actions, _: actions.withdraw(withdraw), None, json)


def abort(
    session: Session,
    reason: Annotated[str, typer.Option(help="Kept in the journal.")] = "asked for on the command line",
    request: Request = None,
    json: Json = False,
) -> None:
    """Buy nothing more, cancel open entry orders, sell any position at once."""
    _act(lambda actions, key: actions.abort(session, reason, key), request, json)


def reschedule(
    session: Session,
    at: Annotated[str, typer.Option(help="The new opening, for example 2026-01-31T12:30:00Z or +30s.")],
    request: Request = None,
    json: Json = False,
) -> None:
    """Let a session that has not fired wait for another opening."""
    from datetime import UTC, datetime

    from ui.inputs import parse_opening

    opens_at = parse_opening(at, datetime.now(UTC))
    _act(lambda actions, key: actions.reschedule(session, opens_at, key), request, json)


def change(
    session: Session,
    max_price: Annotated[str | None, typer.Option(help="Never pay more per coin; only before it fires.")] = None,
    ladder: Annotated[str | None, typer.Option(help='Take-profits as gain:share in percent, or "none".')] = None,
    stop: Annotated[str | None, typer.Option(help="Sell all this many percent below the entry.")] = None,
    time_stop: Annotated[str | None, typer.Option(help="Sell what is left after this long, for example 60m.")] = None,
    request: Request = None,
    json: Json = False,
) -> None:
    """Change the price bound or the exits of a running session; what is left out stays."""
    from domain.money import Price
    from domain.policy import PolicyChange
    from ui.inputs import parse_duration, parse_ladder, parse_number, parse_percent

    wish = PolicyChange(
        max_price=None if max_price is None else Price(parse_number("max price", max_price)),
        ladder=None if ladder is None else parse_ladder(ladder),
        stop_percent=None if stop is None else parse_percent("stop percent", stop),
        time_stop_s=None if time_stop is None else parse_duration("time stop", time_stop),
    )
    _act(lambda actions, key: actions.change_policy(session, wish, key), request, json)


def _given(parse: Callable[[str, str], T], what: str, text: str | None) -> T | None:
    """An option's value; None when it was left out."""
    return None if text is None else parse(what, text)


def _act(act: "Callable[[Actions, str], Awaitable[Receipt]]", request: str | None, json: bool) -> None:
    """Carry out one request under the caller's key, or a new one, and print its receipt."""
    import asyncio

    from cli.access import open_actions
    from ui.arm_request import new_request_key

    async def work() -> "Receipt":
        async with open_actions() as (actions, _):
            return await act(actions, new_request_key() if request is None else request)

    write_receipt(asyncio.run(work()), json)


def _list_targets(json: bool) -> None:
    from cli.access import open_reader
    from ui.wording import Units, bound_in_words, day_and_clock, ladder_in_words, money

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
                str(target.policy.entry.strategy),
                bound_in_words(target.policy.entry, units),
                ladder_in_words(target.policy.exits.ladder),
            )
        )
    columns = ("Number", "Symbol", "Account", "Status", "Opens", "Budget", "Strategy", "At most", "Take profit")
    write_table(columns, rows, empty="no targets; `sniper arm` makes one")
