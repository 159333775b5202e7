"""Commands that change what is traded: arm, targets, abort, reschedule, change."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from cli.completion import session_names, strategies, symbols
from cli.output import Json, write_json, write_line, write_receipt, write_table

if TYPE_CHECKING:
    from datetime import datetime

    from adapters.postgres.read_models import TargetLine
    from domain.commands import Receipt
    from ui.actions import Actions

T = TypeVar("T")

AT_HELP = (
    "Opening, for example 2026-01-31T12:00:00Z or +30s. Left out: taken from the venue's symbol list, and followed "
    "when it moves."
)
LADDER_HELP = 'Up to six take-profits as gain:share in percent, or "none".'
STOP_HELP = "Sell all this many percent below the entry, 1 to 50."
TIME_STOP_HELP = "Sell what is left after this long, for example 60m; at most 30 days."
GRACE_HELP = "How long after the opening to try again when it is not open yet or nothing is offered, 0s to 2m."
LATE_ENTRY_HELP = (
    "How long after the opening a session may still begin to buy, 0s to 10m; 0s: a missed opening is not chased."
)

Session = Annotated[
    str,
    typer.Argument(
        help="XYZUSDT for its latest attempt, XYZUSDT/2 for its second, or main/mexc:XYZ:USDT/2.",
        autocompletion=session_names,
    ),
]
Request = Annotated[
    str | None,
    typer.Option(
        help="A name of your choice for this request. Sent again under the same name, it is not carried out twice."
    ),
]


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
    at: Annotated[str | None, typer.Option(help=AT_HELP)] = None,
    budget: Annotated[str, typer.Option(help="Most that may be spent, fees included; at most 500.")] = "100",
    ladder: Annotated[str, typer.Option(help=LADDER_HELP)] = "5:25,10:25,15:25,25:25",
    stop: Annotated[str, typer.Option(help=STOP_HELP)] = "5",
    time_stop: Annotated[str, typer.Option(help=TIME_STOP_HELP)] = "60m",
    arm_lead: Annotated[str, typer.Option(help="How long before the opening the desk takes over, 5s to 10m.")] = "30s",
    grace: Annotated[str, typer.Option(help=GRACE_HELP)] = "30s",
    late_entry: Annotated[str, typer.Option(help=LATE_ENTRY_HELP)] = "0s",
    strategy: Annotated[
        str, typer.Option(help="How to buy: ioc_cap, limit, market, burst or tranche.", autocompletion=strategies)
    ] = "ioc_cap",
    markup: Annotated[str, typer.Option(help="Reach this many percent above the best ask, where it is known.")] = "10",
    late_max_price: Annotated[
        str | None, typer.Option(help="Other price bound of a late first shot; with --late-entry.")
    ] = None,
    window: Annotated[
        str | None, typer.Option(help="limit, tranche: how long after the opening to buy, up to 10m; 60s unless given.")
    ] = None,
    burst_shots: Annotated[str | None, typer.Option(help="burst: how many orders, 2 to 5; 3 unless given.")] = None,
    burst_spacing: Annotated[
        str | None, typer.Option(help="burst: how far apart, 0ms to 1000ms; 50ms unless given.")
    ] = None,
    burst_start: Annotated[
        str | None,
        typer.Option(help="burst: when the first arrives, -200ms (before the opening) to 1000ms; 0ms unless given."),
    ] = None,
    tranches: Annotated[str | None, typer.Option(help="tranche: how many parts, 2 to 10; 4 unless given.")] = None,
    tranche_every: Annotated[
        str | None, typer.Option(help="tranche: how far apart, 1s to 5m; 10s unless given.")
    ] = None,
    account: Annotated[str | None, typer.Option(help="Account to buy on; left out: SNIPER_ACCOUNT.")] = None,
    unlisted: Annotated[
        bool,
        typer.Option("--unlisted", help="Accept a pair that the venue's symbol list does not show as coming."),
    ] = False,
    request: Request = None,
    json: Json = False,
) -> None:
    """Buy a listing at its opening, inside the budget, and guard the position until it is flat."""
    import asyncio
    from datetime import UTC, datetime

    from adapters.settings import read_settings
    from cli.access import open_actions
    from ui.arm_request import Armed, ArmRequest, Verdict, new_request_key
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
    from ui.refusal import ActionRefused
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
    rejected = armed.verdict is Verdict.REJECTED
    if json:
        write_json(armed)
        raise typer.Exit(1 if rejected else 0)
    if rejected:
        raise ActionRefused((armed.text,))
    write_line(armed.text)
    for warning in armed.warnings:
        write_line(f"warning: {warning}")
    for step in entry_steps(wish.policy, Units.of(wish.symbol)):
        write_line(step)


def _target_number(text: str) -> int:
    clean = text.strip()
    if not (clean.isascii() and clean.isdigit() and len(clean) <= 18):
        raise typer.BadParameter(f"got {text!r}, expected a target's number such as 38; `sniper targets` lists them")
    return int(clean)


def targets(
    withdraw: Annotated[
        int | None,
        typer.Option(
            help="Number of a target that shall wait no longer; asked twice, it is the same.",
            parser=_target_number,
            metavar="INTEGER",
        ),
    ] = None,
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
    """Buy nothing more, cancel all orders of the session, take-profits too, and sell any position at once.

    A target that waits for the pair is withdrawn too.
    """
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
    ladder: Annotated[str | None, typer.Option(help=LADDER_HELP)] = None,
    stop: Annotated[str | None, typer.Option(help=STOP_HELP)] = None,
    time_stop: Annotated[str | None, typer.Option(help=TIME_STOP_HELP)] = None,
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
    from datetime import UTC, datetime

    from cli.access import open_reader
    from ui.wording import Units, bound_in_words, ladder_in_words, money

    now = datetime.now(UTC)
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
                _opening_of(target, now),
                money(target.policy.budget_quote, units.quote),
                str(target.policy.entry.strategy),
                bound_in_words(target.policy.entry, units),
                ladder_in_words(target.policy.exits.ladder),
            )
        )
    columns = ("Number", "Symbol", "Account", "Status", "Opens", "Budget", "Strategy", "At most", "Take profit")
    write_table(columns, rows, empty="no targets; `sniper arm` makes one")


def _opening_of(target: "TargetLine", now: "datetime") -> str:
    from ui.wording import day_and_clock

    opens_at = target.opening
    if opens_at is None:
        return "when a source names it" if target.status == "waiting" else ""
    return f"{'missed, ' if target.missed(now) else ''}{day_and_clock(opens_at)} UTC"
