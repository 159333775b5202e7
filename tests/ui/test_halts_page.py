"""What must not be bought, and letting it go on."""

import pytest

from domain.commands import Receipt
from domain.errors import StoreUnavailable
from domain.halts import EVERYTHING, HaltScope
from domain.ids import SessionKey
from tests.ui.pages import StandInHands, opened, press, run, said, text_of
from tests.ui.stand_ins import NOW, StandInReader, a_halt

Panel = tuple[StandInReader, StandInHands]


def test_halts_are_listed_with_their_reasons(panel: Panel) -> None:
    """Those that hold, and those that were released."""
    reader, _ = panel
    reader.holding = [a_halt()]
    reader.released = [a_halt(id=0, scope="account", scope_key="main", released_at=NOW, released_because="mended")]

    page = opened("halts")

    assert "**Everything**" in said(page)
    assert "odd prices" in said(page)
    assert list(page.dataframe[0].value["Released because"]) == ["mended"]


def test_a_halt_is_released_with_the_reason_that_was_typed(panel: Panel) -> None:
    """Of exactly its scope."""
    reader, hands = panel
    reader.holding = [a_halt(id=4, scope="account", scope_key="main")]
    page = opened("halts")
    page.text_input(key="release-reason-4").set_value("prices are sane again")
    press(page, "release-now-4")

    assert [(act, arguments[:2]) for act, arguments in hands.asked] == [
        ("release", (HaltScope.of_account("main"), "prices are sane again"))
    ]


def test_each_scope_can_be_halted(panel: Panel) -> None:
    """Everything, an account, a session."""
    _, hands = panel
    page = opened("halts")
    page.text_input(key="halt-reason").set_value("to be safe")
    press(page, "halt-now")
    page.radio(key="halt-kind").set_value("One account")
    run(page)
    press(page, "halt-now")
    page.radio(key="halt-kind").set_value("One session")
    run(page)
    page.text_input(key="halt-session").set_value("main/mexc:NEW:USDT/1")
    press(page, "halt-now")

    assert [arguments[:2] for _, arguments in hands.asked] == [
        (EVERYTHING, "to be safe"),
        (HaltScope.of_account("main"), "to be safe"),
        (HaltScope.of_session(SessionKey.parse("main/mexc:NEW:USDT/1")), "to be safe"),
    ]
    assert len({arguments[2] for _, arguments in hands.asked}) == 3


def test_the_account_to_halt_is_the_installations_own(panel: Panel, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another one would be halted without effect."""
    monkeypatch.setenv("SNIPER_ACCOUNT", "second")
    page = opened("halts")
    page.radio(key="halt-kind").set_value("One account")

    assert run(page).text_input(key="halt-account").value == "second"


def test_another_scope_is_another_request_also_when_nobody_answered(panel: Panel) -> None:
    """A key that may have halted one account must not be spent on everything."""
    _, hands = panel
    keys: list[str] = []

    async def place(scope: HaltScope, reason: str, request: str) -> Receipt:
        keys.append(request)
        raise StoreUnavailable("the database does not answer")

    hands.halt = place  # type: ignore[method-assign]  # remembers what nobody answered
    page = opened("halts")
    page.text_input(key="halt-reason").set_value("to be safe")
    press(page, "halt-now")
    press(page, "halt-now")
    page.radio(key="halt-kind").set_value("One account")
    run(page)
    press(page, "halt-now")

    assert keys[0] == keys[1] != keys[2]


def test_a_session_that_cannot_be_read_is_refused_here(panel: Panel) -> None:
    """And what was typed stays."""
    _, hands = panel
    page = opened("halts")
    page.radio(key="halt-kind").set_value("One session")
    run(page)
    page.text_input(key="halt-session").set_value("NEW")

    press(page, "halt-now")

    assert "session: got 'NEW'" in text_of(page.error[0])
    assert page.text_input(key="halt-session").value == "NEW"
    assert hands.asked == []
