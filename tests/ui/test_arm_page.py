"""The form that arms: what is wrong is told while typing, one press arms once, and nothing typed is lost."""

from decimal import Decimal

import pytest
from streamlit.testing.v1 import AppTest

from adapters.postgres.read_models import HaltLine
from domain.errors import StoreUnavailable
from domain.ids import ListingKey, SessionKey
from domain.listings import Listing
from domain.policy import EntryStrategy
from domain.risk import MAX_SESSIONS
from tests.ui.pages import StandInHands, opened, press, run, said, text_of
from tests.ui.stand_ins import OPENING, StandInReader, a_detail, a_halt, a_line
from ui.arm_request import Armed, Verdict
from ui.wording import STRATEGIES

OWN = {"window", "burst-shots", "burst-spacing", "burst-start", "tranches", "tranche-every"}
"""Fields that belong to some strategies only."""
Panel = tuple[StandInReader, StandInHands]


def filled(**typed: str) -> AppTest:
    """The form with a pair, a price and whatever else is typed."""
    page = opened("arm")
    for name, text in {"symbol": "newusdt", "price": "0.06", **typed}.items():
        page.text_input(key=f"arm-{name}").set_value(text)
    return run(page)


def chosen(page: AppTest, strategy: EntryStrategy) -> AppTest:
    """The form with this way of buying."""
    page.selectbox(key="arm-strategy").set_value(STRATEGIES[strategy])
    return run(page)


def test_an_empty_form_says_what_is_missing_and_cannot_be_sent(panel: Panel) -> None:
    """Rather than an error after the press."""
    page = opened("arm")

    assert "Still empty: pair." in said(page)
    assert page.button(key="arm-now").disabled


def test_the_request_is_what_was_typed(panel: Panel) -> None:
    """The summary says it before, the receipt afterwards."""
    _, hands = panel
    page = filled(at="+1h", budget="50", stop="8")
    page.checkbox(key="arm-unlisted").check()
    run(page)
    assert "Reserves 50 USDT" in said(page)
    press(page, "arm-now")

    ((_, (wish,)),) = hands.asked
    assert (wish.symbol, wish.budget, wish.max_price) == ("NEWUSDT", Decimal(50), Decimal("0.06"))
    assert (wish.stop_percent, wish.time_stop_s, wish.unlisted) == (Decimal(8), 3600, True)
    assert wish.opens_at is not None
    assert "session of NEWUSDT waits" in text_of(page.success[0])


def test_without_a_highest_price_the_best_ask_bounds_it(panel: Panel) -> None:
    """And the page says so before the press."""
    _, hands = panel
    page = filled(price="", markup="7")
    assert "sends nothing before an ask is seen" in said(page)
    assert "that ask plus 7 %" in said(page)
    press(page, "arm-now")

    ((_, (wish,)),) = hands.asked
    assert (wish.max_price, wish.markup_percent) == (None, Decimal(7))


@pytest.mark.parametrize(
    ("strategy", "fields"),
    [
        (EntryStrategy.IOC_CAP, set()),
        (EntryStrategy.LIMIT, {"window"}),
        (EntryStrategy.MARKET, set()),
        (EntryStrategy.BURST, {"burst-shots", "burst-spacing", "burst-start"}),
        (EntryStrategy.TRANCHE, {"window", "tranches", "tranche-every"}),
    ],
)
def test_a_strategy_shows_its_own_fields_only(panel: Panel, strategy: EntryStrategy, fields: set[str]) -> None:
    """And can be armed with them as they stand."""
    _, hands = panel
    page = chosen(filled(), strategy)
    shown = {str(field.key).removeprefix("arm-") for field in page.text_input}
    press(page, "arm-now")

    ((_, (wish,)),) = hands.asked
    assert shown & OWN == fields
    assert wish.strategy is strategy


def test_a_burst_is_what_was_typed_and_is_told_in_words(panel: Panel) -> None:
    """How many orders, which slice each, and when; fields of the strategy chosen before do not count."""
    _, hands = panel
    page = chosen(filled(budget="50"), EntryStrategy.TRANCHE)
    page.text_input(key="arm-tranches").set_value("9")
    page = chosen(page, EntryStrategy.BURST)
    page.text_input(key="arm-burst-shots").set_value("2")
    page.text_input(key="arm-burst-start").set_value("-20ms")
    run(page)
    assert "2 orders that overlap, each for its own slice of 25 USDT, to arrive -20 and +30 ms" in said(page)
    press(page, "arm-now")

    ((_, (wish,)),) = hands.asked
    assert (wish.burst_shots, wish.burst_spacing_ms, wish.burst_first_ms) == (2, 50, -20)
    assert wish.tranche_parts is None


@pytest.mark.parametrize(
    ("strategy", "field", "text", "words"),
    [
        (EntryStrategy.BURST, "burst-shots", "9", "burst shots: got 9, expected from 2 to 5"),
        (EntryStrategy.BURST, "burst-spacing", "50", "burst spacing: got '50', expected whole milliseconds"),
        (EntryStrategy.TRANCHE, "tranche-every", "1m", "entry window: got 60 s, expected more than the 180 s"),
        (EntryStrategy.LIMIT, "window", "soon", "entry window: got 'soon'"),
        (EntryStrategy.MARKET, "markup", "many", "markup: got 'many'"),
        (EntryStrategy.IOC_CAP, "late-price", "0.07", "expected it only where late entry is allowed"),
    ],
)
def test_a_wrong_value_of_a_strategy_is_one_error(
    panel: Panel, strategy: EntryStrategy, field: str, text: str, words: str
) -> None:
    """Told while typing, and the button is off."""
    page = chosen(filled(), strategy)
    page.text_input(key=f"arm-{field}").set_value(text)
    run(page)

    assert [words in text_of(error) for error in page.error] == [True]
    assert page.button(key="arm-now").disabled


def test_a_second_press_repeats_the_request(panel: Panel) -> None:
    """As a double click does; only "Arm another" begins a new one."""
    _, hands = panel
    page = filled()
    hands.trouble = StoreUnavailable("the database does not answer")
    press(page, "arm-now")
    hands.trouble = None
    press(page, "arm-now")
    press(page, "arm-another")
    press(page, "arm-now")

    first, second = (arguments[0].request for _, arguments in hands.asked)
    assert first != second


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ({"budget": "500.01"}, "budget: got 500.01, expected"),
        ({"budget": "many"}, "budget: got 'many'"),
        ({"price": "1,5"}, "max price: got '1,5'"),
        ({"symbol": "NEWEUR"}, "symbol: got 'NEWEUR'"),
        ({"at": "tomorrow"}, "opening: got 'tomorrow'"),
        ({"at": "2020-01-01T00:00:00Z"}, "a passed opening is not chased"),
        ({"stop": "80"}, "stop percent: got 80"),
        ({"time": "soon"}, "time stop: got 'soon'"),
        ({"lead": "1s"}, "arm lead: got 1 s, expected from 5 to 600 s"),
        ({"account": "other"}, "account: got 'other', expected 'main', the one account of this installation"),
        ({"account": "a/b"}, "account: got 'a/b'"),
    ],
)
def test_what_cannot_be_used_is_told_and_stays(panel: Panel, typed: dict[str, str], words: str) -> None:
    """Value, expectation, remedy; the button is off, and the text is still there to be mended."""
    page = filled(**typed)

    assert words in "\n".join(text_of(error) for error in page.error)
    assert page.button(key="arm-now").disabled
    ((name, text),) = typed.items()
    assert page.text_input(key=f"arm-{name}").value == text


@pytest.mark.parametrize(
    ("halts", "open_sessions", "words"),
    [
        ([a_halt()], 0, "halted: a halt covers everything since"),
        ([a_halt(scope="account", scope_key="main")], 0, "halted: a halt covers account main since"),
        ([a_halt(scope="account", scope_key="old"), a_halt(scope="session", scope_key="main/mexc:A:USDT/1")], 0, ""),
        ([], MAX_SESSIONS, f"sessions: {MAX_SESSIONS} of main are open, at most {MAX_SESSIONS} may be"),
        ([], MAX_SESSIONS - 1, ""),
    ],
)
def test_what_would_have_it_rejected_is_told_while_typing(
    panel: Panel, halts: list[HaltLine], open_sessions: int, words: str
) -> None:
    """Before the press; it may be gone when the listing comes, so that the button stays."""
    reader, _ = panel
    reader.holding = halts
    reader.details = [
        a_detail(a_line(key=SessionKey("main", ListingKey("mexc", f"C{number}", "USDT"), 1)))
        for number in range(open_sessions)
    ]
    page = filled()

    warned = "\n".join(text_of(warning) for warning in page.warning)
    assert words in warned
    assert bool(warned) == bool(words)
    assert not page.button(key="arm-now").disabled


def test_a_rejected_session_is_no_success_and_the_next_press_is_another_attempt(panel: Panel) -> None:
    """The receipt is red and says why; what was typed stays."""
    _, hands = panel
    reasons = ("halted: release it first",)
    hands.armed = Armed("r", f"session x is rejected: {reasons[0]}", None, 7, Verdict.REJECTED, reasons)
    page = press(filled(), "arm-now")

    assert "session x is rejected: halted: release it first" in text_of(page.error[0])
    assert not page.success
    assert page.text_input(key="arm-symbol").value == "newusdt"
    press(page, "arm-now")
    first, second = (arguments[0].request for _, arguments in hands.asked)
    assert first != second


def test_what_is_not_judged_yet_is_told_so(panel: Panel) -> None:
    """And a target's receipt keeps what stands against its session."""
    _, hands = panel
    hands.armed = Armed("r", "not judged yet", None, 7, Verdict.PENDING, warnings=("halted: a halt covers all",))
    page = press(filled(), "arm-now")

    assert "not judged yet" in "\n".join(text_of(one) for one in page.info)
    assert "halted: a halt covers all" in "\n".join(text_of(one) for one in page.warning)


def test_a_coming_listing_is_chosen_with_one_press(panel: Panel) -> None:
    """Its opening is left to the sources, which may move it."""
    reader, hands = panel
    reader.coming = [Listing(ListingKey("mexc", "NEW", "USDT"), "NEWUSDT", OPENING)]
    page = filled(symbol="", at="+1h")
    page.button_group(key="arm-coming").select("NEWUSDT")
    run(page)
    press(page, "arm-now")

    assert [(arguments[0].symbol, arguments[0].opens_at) for _, arguments in hands.asked] == [("NEWUSDT", None)]


def test_the_form_stays_usable_while_the_database_is_away(panel: Panel) -> None:
    """The press says so, and what was typed is still there."""
    reader, hands = panel
    reader.trouble = hands.trouble = StoreUnavailable("the database does not answer")
    page = press(filled(), "arm-now")

    assert "Nothing is lost" in said(page)
    assert page.text_input(key="arm-symbol").value == "newusdt"
