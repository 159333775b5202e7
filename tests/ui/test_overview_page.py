"""What the first page shows and does, and that it survives a database that goes away."""

from datetime import timedelta
from decimal import Decimal

import pytest

from adapters.postgres.read_models import PricePoint
from domain.errors import StoreUnavailable
from domain.halts import EVERYTHING
from domain.policy import EntryStrategy
from domain.session import Outcome, Phase
from tests.ui.pages import StandInHands, opened, press, run, said, text_of
from tests.ui.stand_ins import NOW, StandInReader, a_detail, a_fill, a_halt, a_line, a_target, a_wish
from ui.refusal import ActionRefused
from ui.sources import PanelSource

Panel = tuple[StandInReader, StandInHands]
KEY = "main/mexc:NEW:USDT/1"


def test_without_sessions_the_page_says_how_to_make_one(panel: Panel) -> None:
    """An empty table would leave people alone."""
    assert "sniper arm" in text_of(opened("overview").info[0])


def test_a_waiting_session_counts_down(panel: Panel) -> None:
    """Symbol, phase, the time to go, and what it may cost."""
    panel[0].details = [a_detail(a_line())]

    page = opened("overview")

    assert page.subheader[1].value == "NEWUSDT"
    assert "waiting" in said(page)
    assert "opens in" in said(page)
    assert "Budget: 50 USDT" in said(page)
    assert "Reserved: 50 USDT" in said(page)


def test_a_session_without_a_max_price_shows_what_bounds_it(panel: Panel) -> None:
    """So does a target that waits."""
    reader, _ = panel
    policy = a_wish(max_price=None, strategy=EntryStrategy.MARKET).policy
    reader.details = [a_detail(a_line(policy=policy))]
    reader.waiting = [a_target(policy=policy)]

    shown = said(opened("overview"))

    assert "At most: best ask + 10 %" in shown
    assert "Strategy: market" in shown
    assert (
        "50 USDT, market order while the best ask is at most the first one seen + 10 %, price not guaranteed" in shown
    )


def test_a_position_shows_what_it_would_bring_now(panel: Panel) -> None:
    """From fills and the guard's last bid; 800 bought for 40.02 and worth 44."""
    panel[0].details = [a_detail(a_line(phase=Phase.GUARDING), a_fill())]
    panel[0].seen = [PricePoint(NOW, Decimal("0.055"), None), PricePoint(NOW + timedelta(seconds=1), None, None)]

    shown = said(opened("overview"))

    assert "Holds (NEW): 800" in shown
    assert "If sold now (USDT): +3.9800" in shown


def test_without_a_price_nothing_is_invented(panel: Panel) -> None:
    """A missing bid is unknown, not zero."""
    panel[0].details = [a_detail(a_line(phase=Phase.GUARDING), a_fill())]

    shown = said(opened("overview"))

    assert "Best bid (USDT): unknown" in shown
    assert "If sold now (USDT): unknown" in shown


def test_an_ended_session_shows_outcome_and_result(panel: Panel) -> None:
    """Gains carry their sign, amounts their unit; the day's result counts it."""
    panel[0].details = [
        a_detail(a_line(phase=Phase.CLOSED, outcome=Outcome.COMPLETED, result=Decimal("7.46"), closed_at=NOW))
    ]

    page = opened("overview")

    row = page.dataframe[0].value.iloc[0]
    assert (row["Outcome"], row["Result"]) == ("completed", "+7.4600 USDT")
    assert "Opening (UTC)" in row  # which never came for some
    assert "Result today (UTC): +7.4600 USDT" in said(page)


def test_a_session_that_needs_attention_says_why(panel: Panel) -> None:
    """It must not be overlooked."""
    panel[0].details = [a_detail(a_line(phase=Phase.NEEDS_ATTENTION, attention="no bid for 60 s"))]

    page = opened("overview")

    assert "no bid for 60 s" in text_of(page.error[0])
    assert "Running: 1 · 1 need you" in said(page)


def test_an_abort_is_asked_for_once_however_often_it_is_pressed(panel: Panel) -> None:
    """Both presses carry the same request, and the receipt is shown."""
    reader, hands = panel
    reader.details = [a_detail(a_line())]
    page = opened("overview")
    page.text_input(key=f"abort-reason-{KEY}").set_value("wrong coin")
    press(page, f"abort-now-{KEY}")
    press(page, f"abort-now-{KEY}")

    assert [(act, arguments[:2]) for act, arguments in hands.asked] == [("abort", (KEY, "wrong coin"))] * 2
    assert len({arguments[2] for _, arguments in hands.asked}) == 1
    assert "abort done" in text_of(page.success[0])


def test_a_target_whose_opening_has_passed_says_so(panel: Panel) -> None:
    """It would wait for ever without a word; one whose opening is ahead only waits."""
    reader, _ = panel
    reader.waiting = [a_target(seen_opens_at=NOW - timedelta(minutes=20))]
    missed = said(opened("overview"))
    reader.waiting = [a_target(seen_opens_at=NOW + timedelta(minutes=20))]

    assert "was not bought. It waits for another opening" in missed
    assert "was not bought" not in said(opened("overview"))


def test_a_refusal_is_shown_with_its_reasons(panel: Panel) -> None:
    """Nothing is hidden behind a failed press."""
    reader, hands = panel
    reader.details = [a_detail(a_line())]
    hands.trouble = ActionRefused(("it is over", "arm a new attempt"))

    page = press(opened("overview"), f"abort-now-{KEY}")

    assert "refused: it is over · arm a new attempt" in text_of(page.error[0])


def test_a_press_that_nobody_answers_can_be_repeated(panel: Panel) -> None:
    """As the same request."""
    reader, hands = panel
    reader.waiting = [a_target()]
    hands.trouble = StoreUnavailable("the database does not answer")
    page = press(opened("overview"), "withdraw-7")
    assert "press again, it is the same request" in text_of(page.error[0])
    hands.trouble = None

    press(page, "withdraw-7")

    assert hands.asked == [("withdraw", (7,))]


@pytest.mark.parametrize(
    ("venue", "mode", "about"),
    [
        ("mexc", "simulator", "Where every order goes: an address of this machine"),
        ("paper", "on paper", "No order leaves"),
    ],
)
def test_the_banner_says_where_orders_go(
    panel: Panel, monkeypatch: pytest.MonkeyPatch, venue: str, mode: str, about: str
) -> None:
    """On paper they go nowhere."""
    monkeypatch.setenv("SNIPER_VENUE", venue)
    monkeypatch.setenv("MEXC_REST_URL", "http://127.0.0.1:9")

    shown = "\n".join(str(element.proto) for element in opened("overview").markdown)

    assert f"{mode} 127.0.0.1:9" in shown
    assert about in shown


def test_everything_can_be_halted_with_one_press(panel: Panel) -> None:
    """The button stands on every page and is off while the halt holds."""
    reader, hands = panel
    page = press(opened("overview"), "halt-everything")
    assert [(act, arguments[0]) for act, arguments in hands.asked] == [("halt", EVERYTHING)]

    reader.holding = [a_halt()]
    run(page)

    assert page.button(key="halt-everything").disabled
    assert "everything halted: odd prices" in said(page)


def test_while_the_database_is_away_the_last_data_stays_with_its_age(panel: Panel) -> None:
    """The page says what is wrong, and goes on by itself."""
    reader, _ = panel
    reader.details = [a_detail(a_line())]
    page = opened("overview")

    reader.trouble = StoreUnavailable("the database does not answer")
    run(page)

    assert "the database does not answer" in text_of(page.error[0])
    assert "old" in text_of(page.error[0])
    assert "NEWUSDT" in [heading.value for heading in page.subheader]
    reader.trouble = None
    run(page)
    assert not page.error


def test_a_database_that_is_away_from_the_start_is_waited_for(panel: Panel, monkeypatch: pytest.MonkeyPatch) -> None:
    """The panel may be up sooner than its database."""

    def away() -> PanelSource:
        raise StoreUnavailable("the database does not answer")

    monkeypatch.setattr("ui.widgets.open_source", away)
    page = opened("overview")
    assert "does not answer" in text_of(page.error[0])

    monkeypatch.setattr("ui.widgets.open_source", lambda: PanelSource(panel[0]))
    run(page)

    assert not page.error
    assert page.info


def test_data_that_grows_old_is_marked(panel: Panel, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page that stopped asking must not look alive."""
    monkeypatch.setattr("ui.widgets.STALE_AFTER_S", -1.0)

    assert "old" in text_of(opened("overview").warning[0])
