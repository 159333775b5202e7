"""The last good answer is kept with its age; other threads' coroutines run on one loop."""

import asyncio
import threading

import pytest

from adapters.settings import Settings
from domain.errors import InvalidInput, StoreUnavailable
from ui.bridge import Bridge
from ui.latest import Latest


class Clock:
    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


class Answers:
    """Gives one answer after the other; an error is raised."""

    def __init__(self, *answers: int | StoreUnavailable) -> None:
        self.left = list(answers)

    def __call__(self) -> int:
        answer = self.left.pop(0)
        if isinstance(answer, StoreUnavailable):
            raise answer
        return answer


def test_an_answer_is_shared_while_it_is_fresh() -> None:
    """Many pages make one question."""
    latest = Latest(Answers(1), clock=Clock())

    assert [latest.look().value, latest.look().value] == [1, 1]


def test_the_last_answer_is_kept_with_its_age_while_nobody_answers() -> None:
    """And the first answer afterwards replaces it."""
    clock = Clock()
    latest = Latest(Answers(1, StoreUnavailable("away"), 2), clock=clock)
    latest.look()

    clock.seconds = 7.0
    kept = latest.look()
    clock.seconds = 8.0
    healed = latest.look()

    assert (kept.value, kept.age_s, kept.trouble) == (1, 7.0, "away")
    assert (healed.value, healed.age_s, healed.trouble) == (2, 0.0, "")


def test_before_the_first_answer_there_is_only_trouble() -> None:
    """No value is made up."""
    seen = Latest(Answers(StoreUnavailable("away")), clock=Clock()).look()

    assert (seen.value, seen.trouble) == (None, "away")


def test_a_slow_answer_holds_no_page(monkeypatch: pytest.MonkeyPatch) -> None:
    """The last one is shown, older by the second, until the new one is there."""
    monkeypatch.setattr("ui.latest.WAIT_S", 0.01)
    clock, come, asked = Clock(), threading.Event(), threading.Event()
    answers = iter((1, 2))

    def ask() -> int:
        answer = next(answers)
        if answer == 2:
            asked.set()
            assert come.wait(10)
        return answer

    latest = Latest(ask, clock=clock)
    latest.look()
    clock.seconds = 5.0
    meanwhile = latest.look()
    assert asked.wait(10)
    come.set()
    while (later := latest.look()).value == 1:
        pass

    assert (meanwhile.value, meanwhile.age_s) == (1, 5.0)
    assert (later.value, later.age_s) == (2, 0.0)


def test_a_bug_in_the_question_is_not_hidden() -> None:
    """Only what is known to go wrong becomes a line on the page."""

    def ask() -> int:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        Latest(ask, clock=Clock()).look()


def test_coroutines_of_all_threads_run_on_one_loop() -> None:
    """A client made there may be used there only."""
    bridge = Bridge(Settings())

    async def thread_name() -> str:
        return threading.current_thread().name

    assert bridge.call(thread_name()) == bridge.call(thread_name()) == "bridge"


def test_a_coroutine_that_takes_too_long_is_given_up() -> None:
    """A page must not hang."""
    bridge = Bridge(Settings())

    with pytest.raises(StoreUnavailable, match="no answer within"):
        bridge.call(asyncio.sleep(60), within_s=0.05)


def test_temporal_that_is_away_is_one_line() -> None:
    """The page shows it; the next call tries again."""
    bridge = Bridge(Settings(temporal_address="127.0.0.1:1"))

    with pytest.raises(InvalidInput, match="TEMPORAL_ADDRESS"):
        bridge.call(bridge.temporal(), within_s=20)
