"""Every event has words, with units and times people can read."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import get_args

import pytest

from domain import events
from domain.events import Event
from domain.ids import Leg
from domain.money import Base, Price, Quote
from domain.orders import Fill, Order, OrderIntent, OrderKind, OrderStatus, Side
from domain.policy import EntryPolicy, EntryStrategy, TradePolicy
from domain.session import Outcome, Phase
from ui.timeline import Recorded, lines
from ui.wording import (
    Units,
    bound_in_words,
    clock,
    entry_steps,
    in_words,
    order_price,
    order_quantity,
    policy_in_words,
    relative,
    signed,
    span,
)

T0 = datetime(2026, 1, 1, 12, tzinfo=UTC)
STEP = timedelta(milliseconds=50)
UNITS = Units("NEW", "USDT")


def _intent(shot: int = 0, leg: Leg = Leg.ENTRY) -> OrderIntent:
    side = Side.BUY if leg is Leg.ENTRY else Side.SELL
    return OrderIntent(
        f"s{leg}{shot}", leg, shot, "NEWUSDT", side, OrderKind.IMMEDIATE, Price(Decimal("0.06")), Base(Decimal(800)),
        Quote(Decimal(50)), T0,
    )  # fmt: skip


ORDER = Order(
    "1", "sentry0", "NEWUSDT", Side.BUY, OrderKind.IMMEDIATE, Price(Decimal("0.06")), Base(Decimal(800)),
    Base(Decimal(800)), Quote(Decimal(40)), OrderStatus.FILLED,
)  # fmt: skip
FILL = Fill(
    "7", "1", "sentry0", "NEWUSDT", Side.BUY, Price(Decimal("0.05")), Base(Decimal(800)), Quote(Decimal(40)),
    Decimal("0.02"), "USDT", T0 + timedelta(milliseconds=4),
)  # fmt: skip
SENT = events.ShotSent("sentry0", Price(Decimal("0.06")), Base(Decimal(800)), T0, T0 + timedelta(microseconds=16), 16)

EXAMPLES: dict[type, tuple[Event, str]] = {
    events.PhaseEntered: (events.PhaseEntered(Phase.ARMED), "armed"),
    events.RiskApproved: (events.RiskApproved(Quote(Decimal(50)), Quote(Decimal(50))), "50 USDT reserved"),
    events.RiskRejected: (events.RiskRejected(("funds: too little", "halted")), "funds: too little; halted"),
    events.LeaseTaken: (events.LeaseTaken(3, "fire@host:12", True), "lease 3"),
    events.StoodDown: (events.StoodDown(3, "higher token"), "higher token"),
    events.ClockMeasured: (events.ClockMeasured(3, 1.0, 0.00045, 0.0002), "±0.45 ms"),
    events.CoinCounted: (events.CoinCounted("NEW", Base(Decimal(0)), "1"), "0 NEW"),
    events.IntentCommitted: (events.IntentCommitted(_intent()), "at most 50 USDT"),
    events.IntentWithdrawn: (events.IntentWithdrawn("sentry1", "not needed"), "not needed"),
    events.ShotSent: (SENT, "16 µs after it had to leave"),
    events.ShotAnswered: (events.ShotAnswered("sentry0", "refused", 30001, "not yet", 1234), "1.2 ms: refused"),
    events.ShotSettled: (events.ShotSettled("sentry0", Base(Decimal(800)), 2500), "800 NEW bought, known 2.5 ms after"),
    events.OrderSeen: (events.OrderSeen(ORDER), "is filled"),
    events.OrderAbsent: (events.OrderAbsent("sentry0"), "never reached"),
    events.FillSeen: (events.FillSeen(FILL), "bought 800 NEW at 0.05 USDT/NEW = 40 USDT, fee 0.02 USDT"),
    events.EntryEnded: (events.EntryEnded("filled", "first fill"), "entry over, filled: first fill"),
    events.ExitDecided: (events.ExitDecided("time stop", None, Base(Decimal(800)), 1), "time stop"),
    events.PolicyChanged: (
        events.PolicyChanged(TradePolicy(Quote(Decimal(50)), EntryPolicy(Price(Decimal("0.06")))), 2, "r"),
        "stop 5 % below, sold after 1 h",
    ),
    events.OpeningMoved: (events.OpeningMoved(T0, 1, "r"), "2026-01-01 12:00:00.000 UTC"),
    events.AbortRequested: (events.AbortRequested("", "r"), "no reason given"),
    events.RequestRefused: (events.RequestRefused("abort", "over", "r"), "abort refused: over"),
    events.StreamInterrupted: (events.StreamInterrupted(3, "deals", "closed", 1), "deals"),
    events.AttentionNeeded: (events.AttentionNeeded("no price"), "no price"),
    events.PositionFlat: (events.PositionFlat(Base(Decimal("0.001")), Quote(Decimal("7.5"))), "+7.5 USDT"),
    events.BooksClosed: (
        events.BooksClosed(
            Outcome.COMPLETED, "", Quote(Decimal(40)), Quote(Decimal("47.5")), Quote(Decimal("0.04")), Decimal(0),
            Quote(Decimal("7.46")), Quote(Decimal(50)),
        ),
        "completed: spent 40 USDT, received 47.5 USDT, fees 0.04 USDT, result +7.46 USDT",
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", get_args(Event), ids=lambda kind: kind.__name__)
def test_every_event_has_words(kind: type) -> None:
    """A kind added to the journal must be told to people too."""
    event, expected = EXAMPLES[kind]

    words = in_words(event, UNITS)

    assert expected in words
    assert "\n" not in words
    assert "Decimal" not in words


def test_twenty_committed_shots_are_one_line() -> None:
    """A run of intents of one leg is told together, and the rest apart."""
    entries = [Recorded(number, T0, events.IntentCommitted(_intent(number))) for number in range(20)]
    entries += [Recorded(20, T0, events.IntentCommitted(_intent(0, Leg.LADDER)))]
    entries += [Recorded(21, T0, events.PhaseEntered(Phase.ARMED))]

    told = list(lines(entries, UNITS))

    assert [line.last for line in told] == [19, 20, 21]
    assert told[0].text.startswith("20 shots committed, within a slice one after the other: buy for at most 50 USDT")
    assert [line.heading for line in told] == [False, False, True]


def test_committed_shots_of_several_slices_say_how_many() -> None:
    """They overlap, so not all of them go one after the other."""
    entries = [
        Recorded(number, T0, events.IntentCommitted(replace(_intent(number), not_before=T0 + number // 6 * STEP)))
        for number in range(18)
    ]

    (told,) = lines(entries, UNITS)

    assert told.text.startswith("18 shots committed in 3 slices, within a slice one after the other: buy for")


def test_take_profits_are_not_told_as_shots() -> None:
    """They rest side by side."""
    entries = [Recorded(number, T0, events.IntentCommitted(_intent(number, Leg.LADDER))) for number in range(4)]

    (told,) = lines(entries, UNITS)

    assert told.text.startswith("4 take-profit orders committed, the first: sell 800 NEW")


def test_a_market_intent_promises_no_price() -> None:
    """Only what is looked at before it leaves."""
    told = in_words(events.IntentCommitted(replace(_intent(), kind=OrderKind.MARKET)), UNITS)

    assert "at whatever is offered, while the best ask is no more than 0.06 USDT/NEW" in told


@pytest.mark.parametrize(
    ("kind", "words"),
    [(OrderKind.IMMEDIATE, "(at once)"), (OrderKind.LIMIT, "(resting)"), (OrderKind.MARKET, "(market)")],
)
def test_an_order_is_told_with_what_it_does_at_the_venue(kind: OrderKind, words: str) -> None:
    """Only a limit rests."""
    assert words in in_words(events.OrderSeen(replace(ORDER, kind=kind)), UNITS)


def test_a_market_order_is_told_by_what_it_executed() -> None:
    """It names neither price nor quantity: the venue may tell zero."""
    order = replace(ORDER, kind=OrderKind.MARKET, price=Price(Decimal(0)), quantity=Base(Decimal(0)))
    nothing = replace(order, executed=Base(Decimal(0)), executed_quote=Quote(Decimal(0)))

    assert in_words(events.OrderSeen(order), UNITS).endswith("800 NEW for 40 USDT, 0.05 USDT/NEW on average")
    assert in_words(events.OrderSeen(nothing), UNITS).endswith("nothing executed")
    assert (order_price(order, UNITS), order_quantity(order, UNITS)) == ("0.05 USDT/NEW", "800 NEW")
    assert (order_price(nothing, UNITS), order_quantity(nothing, UNITS)) == ("none", "0 NEW")


POLICY = TradePolicy(Quote(Decimal(50)), EntryPolicy(Price(Decimal("0.06"))))


@pytest.mark.parametrize(
    ("strategy", "words"),
    [
        (
            EntryStrategy.IOC_CAP,
            ("one order after the other for what is left of 50 USDT", "no more than 0.06 USDT/NEW"),
        ),
        (EntryStrategy.LIMIT, ("one order for 50 USDT that rests", "at most until 1 min after the opening")),
        (EntryStrategy.MARKET, ("at most 0.06 USDT/NEW", "The price is not guaranteed")),
        (EntryStrategy.BURST, ("3 orders that overlap", "own slice of 16.66666666 USDT", "0, +50 and +100 ms")),
        (EntryStrategy.TRANCHE, ("4 parts of 12.5 USDT each", "0, 10, 20 and 30 s", "not bought 1 min after")),
    ],
)
def test_what_a_strategy_will_do_is_told_before_it_is_armed(strategy: EntryStrategy, words: tuple[str, ...]) -> None:
    """How many orders, when, for how much, and at what price."""
    told = " ".join(entry_steps(replace(POLICY, entry=replace(POLICY.entry, strategy=strategy)), UNITS))

    assert [word for word in words if word not in told] == []


@pytest.mark.parametrize("strategy", EntryStrategy)
def test_without_a_max_price_every_strategy_says_what_bounds_it(strategy: EntryStrategy) -> None:
    """The best ask and the markup, and that nothing is sent before."""
    entry = replace(POLICY.entry, strategy=strategy, max_price=None)

    assert "sends nothing before an ask is seen" in " ".join(entry_steps(replace(POLICY, entry=entry), UNITS))
    assert " + 10 %" in policy_in_words(replace(POLICY, entry=entry), UNITS)
    assert bound_in_words(entry, UNITS) == "best ask + 10 %"


def test_another_price_of_a_late_entry_is_told() -> None:
    """It holds only then."""
    entry = replace(POLICY.entry, late_entry_s=60, late_max_price=Price(Decimal("0.07")))

    assert "up to 1 min late, then with the price bound 0.07 USDT/NEW" in " ".join(
        entry_steps(replace(POLICY, entry=entry), UNITS)
    )
    assert bound_in_words(entry, UNITS) == "0.06 USDT/NEW, late 0.07 USDT/NEW"


def test_a_market_purchase_is_told_by_its_amount() -> None:
    """The price it was sized by is not what is paid."""
    sent = replace(SENT, quote=Quote(Decimal("49.97")))

    (line,) = lines([Recorded(1, T0, sent)], UNITS)

    assert line.text.startswith("order sent: for 49.97 USDT at market, sized by 0.06 USDT/NEW, 16 µs after")


def test_withdrawn_shots_of_one_reason_are_one_line() -> None:
    """What was not needed takes one line."""
    entries = [Recorded(number, T0, events.IntentWithdrawn(f"s{number}", "bought")) for number in range(19)]

    assert [line.text for line in lines(entries, UNITS)] == ["19 shots withdrawn unsent: bought"]


def test_shots_answers_and_fills_stand_at_exchange_time() -> None:
    """When it was written down says little about when it happened."""
    late = T0 + timedelta(seconds=2)
    answer = events.ShotAnswered("sentry0", "accepted", None, "", 1500)

    settled = events.ShotSettled("sentry0", Base(Decimal(800)), 2500)
    written: tuple[Event, ...] = (SENT, answer, settled, events.FillSeen(FILL))

    told = lines([Recorded(number, late, event) for number, event in enumerate(written)], UNITS)

    assert [line.at - T0 for line in told] == [
        timedelta(microseconds=16),
        timedelta(microseconds=1516),
        timedelta(milliseconds=4),
        timedelta(microseconds=4016),
    ]


def test_a_timeline_is_in_the_order_of_its_times() -> None:
    """A desk writes a shot down after others have written; what has one time stays as it was written."""
    before, after = T0 - timedelta(milliseconds=2), T0 + timedelta(milliseconds=2)
    aborted = Recorded(1, after, events.AbortRequested("enough", "abort-1"))
    sent = Recorded(2, after, SENT)
    opened = Recorded(3, before, events.PhaseEntered(Phase.FIRING))
    again = Recorded(4, after, events.AttentionNeeded("look"))

    told = lines([aborted, sent, opened, again], UNITS)

    assert [line.last for line in told] == [3, 2, 1, 4]


def test_times_are_read_to_the_millisecond() -> None:
    """Clock and distance to the opening, before and after it."""
    assert clock(T0 + timedelta(microseconds=4999)) == "12:00:00.004"
    assert relative(T0 + timedelta(milliseconds=4), T0) == "T+0.004 s"
    assert relative(T0 - timedelta(milliseconds=12_345), T0) == "T-12.3 s"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (45, "45 s"), (125, "2 min 5 s"), (3600, "1 h"), (12_000, "3 h 20 min"), (187_200, "2 d 4 h")],
)
def test_lengths_of_time_are_told_in_two_units(seconds: int, text: str) -> None:
    """Enough to plan by."""
    assert span(seconds) == text


def test_a_gain_carries_its_sign() -> None:
    """A result can be told from an amount."""
    assert signed(Decimal("7.50"), "USDT") == "+7.5 USDT"
    assert signed(Decimal("-2"), "USDT") == "-2 USDT"
