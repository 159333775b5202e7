"""What one session's page shows, and what its buttons ask for."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from adapters.postgres.read_models import IntentLine
from domain.checks import Check
from domain.errors import StoreUnavailable, TryAgain
from domain.events import ClockMeasured, FillSeen, IntentCommitted, PhaseEntered, RiskApproved, ShotAnswered, ShotSent
from domain.halts import HaltScope
from domain.money import Base, Price, Quote
from domain.policy import LadderStep, PolicyChange
from domain.session import Phase
from tests.adapters.postgres.makers import an_intent
from tests.ui.pages import StandInHands, opened, press, run, said, text_of
from tests.ui.stand_ins import OPENING, StandInReader, a_detail, a_fill, a_line, a_wish, an_event
from ui.widgets import request_key

Panel = tuple[StandInReader, StandInHands]
KEY = str(a_line().key)


def test_the_timeline_tells_the_journal_in_plain_words(panel: Panel) -> None:
    """With the distance to the opening."""
    reader, _ = panel
    reader.details = [a_detail(a_line(), a_fill())]
    reader.items = [an_event(1, PhaseEntered(Phase.WAITING))]

    page = opened("session", id=KEY)

    assert "T-3600.0 s" in page.code[0].value
    assert "waiting: approved" in page.code[0].value
    assert "Venue's clock: not measured" in said(page)


def test_checks_are_listed_with_what_was_found(panel: Panel) -> None:
    """Passed and failed ones alike."""
    reader, _ = panel
    reader.details = [a_detail(a_line())]
    checks = (Check("funds", "needs 50 USDT, has 100 free"), Check("sessions", "5 are open", "sessions: too many"))
    reader.items = [an_event(1, RiskApproved(Quote(Decimal(50)), Quote(Decimal(50)), checks))]

    shown = said(opened("session", id=KEY))

    assert "**funds** · needs 50 USDT, has 100 free" in shown
    assert "**sessions** · sessions: too many" in shown


def test_a_shot_is_told_from_its_intent_to_the_venues_word(panel: Panel) -> None:
    """Planned, sent, answered, and how late."""
    reader, _ = panel
    name = "sabcdeentry0"
    reader.details = [a_detail(a_line(), a_fill())]
    sent = ShotSent(name, Price(Decimal("0.05")), Base(Decimal(800)), OPENING, OPENING + timedelta(microseconds=41), 41)
    reader.items = [
        an_event(1, ClockMeasured(1, 0.0, 0.00021, 0.0001)),
        an_event(2, IntentCommitted(an_intent(name))),
        an_event(3, sent),
        an_event(4, ShotAnswered(name, "accepted", None, "order C02__1", 700)),
        an_event(5, FillSeen(a_fill())),
    ]
    reader.details = [replace(reader.details[0], intents=(IntentLine(an_intent(name), None),))]

    page = opened("session", id=KEY)

    row = page.dataframe[0].value.iloc[0]
    assert (row["Shot"], row["Late"], row["Answer"], row["Answered"]) == ("entry 1", "+41 µs", "accepted", "700 µs")
    assert (row["Known"], row["Clock"]) == ("not recorded", "not recorded")
    assert "First shot late by: +41 µs" in said(page)
    assert "Venue's clock: ± 0.21 ms" in said(page)
    assert list(page.dataframe[1].value["Fee"]) == ["0.02 USDT"]


def test_shots_are_told_with_how_well_the_clock_was_known(panel: Panel) -> None:
    """In the order in which they left; what is committed and has not left follows, what was withdrawn does not."""
    reader, _ = panel
    names = ("s-first", "s-second", "s-third", "s-fourth")
    intents = [an_intent(name, shot=shot) for shot, name in enumerate(names)]
    price, quantity = Price(Decimal("0.05")), Base(Decimal(800))
    sent = [ShotSent(name, price, quantity, OPENING, OPENING, 41, 1234, 900, 1) for name in names[:2]]
    late = replace(sent[0], sent_at=OPENING + timedelta(microseconds=9), late_us=9)
    reader.items = [an_event(1, late), an_event(2, sent[1])]
    reader.items += [an_event(3 + number, IntentCommitted(intent)) for number, intent in enumerate(intents)]
    settled_as = (None, None, None, "withdrawn")
    reader.details = [replace(a_detail(a_line()), intents=tuple(map(IntentLine, intents, settled_as)))]

    page = opened("session", id=KEY)

    table = page.dataframe[0].value
    assert list(table["Client order id"]) == ["s-second", "s-first", "s-third"]
    assert list(table["Late"]) == ["+41 µs", "+9 µs", ""]
    assert list(table["Connection"]) == ["2", "2", ""]
    assert "clock known to ±1.2 ms" in said(page)
    assert "First shot late by: +41 µs" in said(page)


@pytest.mark.parametrize(
    ("name", "words"),
    [("", "Choose a session"), ("nonsense", "session: got 'nonsense'"), ("main/mexc:OLD:USDT/1", "choose another one")],
)
def test_an_address_that_names_no_session_says_so(panel: Panel, name: str, words: str) -> None:
    """One line, no traceback."""
    query = {"id": name} if name else {}

    assert words in said(opened("session", **query))


def test_other_exits_are_asked_for_as_what_changes(panel: Panel) -> None:
    """What was left as it is stays; another wish is another request."""
    reader, hands = panel
    reader.details = [a_detail(a_line(phase=Phase.GUARDING), a_fill())]
    page = opened("session", id=KEY)
    page.text_input(key=f"stop-{KEY}").set_value("8")
    press(page, f"exits-now-{KEY}")
    page.text_input(key=f"ladder-{KEY}").set_value("20:100")
    press(page, f"exits-now-{KEY}")

    wishes = [arguments[1] for _, arguments in hands.asked]
    assert wishes[0] == PolicyChange(stop_percent=Decimal(8))
    assert wishes[1].ladder == (LadderStep(Decimal(20), Decimal(100)),)
    assert len({arguments[2] for _, arguments in hands.asked}) == 2


def test_exits_can_be_changed_back_and_forth(panel: Panel) -> None:
    """8, then 5, then 8 again: the third is a request of its own, not the first one repeated."""
    reader, hands = panel
    page = opened("session", id=KEY)
    for before, wish in (("5", "8"), ("8", "6"), ("6", "8")):
        policy = a_wish(stop_percent=Decimal(before)).policy
        reader.details = [a_detail(a_line(phase=Phase.GUARDING, policy=policy), a_fill())]
        run(page).text_input(key=f"stop-{KEY}").set_value(wish)
        press(page, f"exits-now-{KEY}")

    assert [arguments[1].stop_percent for _, arguments in hands.asked] == [8, 6, 8]
    assert len({arguments[2] for _, arguments in hands.asked}) == 3


@pytest.mark.parametrize(
    ("field", "wish", "button"), [("stop", "8", "exits-now"), ("opens", "2999-01-01T00:00:00Z", "opens-now")]
)
def test_a_change_that_nobody_answered_is_repeated_as_the_same_request(
    panel: Panel, monkeypatch: pytest.MonkeyPatch, field: str, wish: str, button: str
) -> None:
    """It may have been carried out, so it keeps its key until somebody answers."""
    reader, hands = panel
    reader.details = [a_detail(a_line())]
    keys: list[str] = []

    def noted(slot: str) -> str:
        keys.append(request_key(slot))
        return keys[-1]

    monkeypatch.setattr("ui.session_acts.request_key", noted)
    page = opened("session", id=KEY)
    page.text_input(key=f"{field}-{KEY}").set_value(wish)
    hands.trouble = TryAgain("Temporal: nobody answers")
    press(page, f"{button}-{KEY}")
    hands.trouble = None
    press(page, f"{button}-{KEY}")
    press(page, f"{button}-{KEY}")

    assert keys[0] == keys[1] != keys[2]


def test_an_exit_that_cannot_be_read_is_refused_here(panel: Panel) -> None:
    """Nobody is asked, and what was typed stays."""
    reader, hands = panel
    reader.details = [a_detail(a_line())]
    page = opened("session", id=KEY)
    page.text_input(key=f"time-{KEY}").set_value("soon")

    press(page, f"exits-now-{KEY}")

    assert "time stop: got 'soon'" in text_of(page.error[0])
    assert page.text_input(key=f"time-{KEY}").value == "soon"
    assert hands.asked == []


def test_an_opening_can_be_moved_until_it_fires(panel: Panel) -> None:
    """To and fro, each a request of its own; afterwards there is no such button."""
    reader, hands = panel
    reader.details = [a_detail(a_line())]
    page = opened("session", id=KEY)
    for opening in ("2999-01-01T00:00:00Z", "2999-01-02T00:00:00Z", "2999-01-01T00:00:00Z", "+30s", "+30s"):
        page.text_input(key=f"opens-{KEY}").set_value(opening)
        press(page, f"opens-now-{KEY}")
    reader.details = [a_detail(a_line(phase=Phase.GUARDING), a_fill())]
    run(page)

    assert [(act, arguments[0]) for act, arguments in hands.asked] == [("reschedule", KEY)] * 5
    assert len({arguments[2] for _, arguments in hands.asked}) == 5
    assert f"opens-now-{KEY}" not in {button.key for button in page.button}


def test_a_session_can_be_halted_alone(panel: Panel) -> None:
    """Its scope is the session."""
    reader, hands = panel
    reader.details = [a_detail(a_line())]
    press(opened("session", id=KEY), f"halt-{KEY}")

    assert [arguments[0] for _, arguments in hands.asked] == [HaltScope.of_session(a_line().key)]


def test_an_ended_session_has_no_buttons_left(panel: Panel) -> None:
    """Only looking."""
    reader, _ = panel
    reader.details = [a_detail(a_line(phase=Phase.CLOSED))]

    keys = {str(button.key) for button in opened("session", id=KEY).button}

    assert keys == {"halt-everything"}


def test_a_database_that_goes_away_leaves_the_last_story(panel: Panel) -> None:
    """With its age."""
    reader, _ = panel
    reader.details = [a_detail(a_line())]
    page = opened("session", id=KEY)
    reader.trouble = StoreUnavailable("the database does not answer")
    run(page)

    assert "the database does not answer" in text_of(page.error[0])
    assert page.header[0].value == "NEWUSDT"
