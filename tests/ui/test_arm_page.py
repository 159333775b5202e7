"""The form that arms: what is wrong is told while typing, one press arms once, and nothing typed is lost."""

from decimal import Decimal

import pytest
from streamlit.testing.v1 import AppTest

from domain.errors import StoreUnavailable
from domain.ids import ListingKey
from domain.listings import Listing
from tests.ui.pages import StandInHands, opened, press, run, said, text_of
from tests.ui.stand_ins import OPENING, StandInReader

Panel = tuple[StandInReader, StandInHands]


def filled(**typed: str) -> AppTest:
    """The form with a pair, a price and whatever else is typed."""
    page = opened("arm")
    for name, text in {"symbol": "newusdt", "price": "0.06", **typed}.items():
        page.text_input(key=f"arm-{name}").set_value(text)
    return run(page)


def test_an_empty_form_says_what_is_missing_and_cannot_be_sent(panel: Panel) -> None:
    """Rather than an error after the press."""
    page = opened("arm")

    assert "Still empty: pair, highest price." in said(page)
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
        ({"lead": "1s"}, "arm lead: got 1"),
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
