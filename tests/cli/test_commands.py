"""Commands refuse bad input in one line, with the right exit code, and write nothing."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest

from adapters.local import locks
from adapters.local.state import LOCK_FILE, STATE_FILE, StackState
from adapters.postgres.admission import PostgresSessions
from adapters.postgres.database import Database
from adapters.postgres.listing_book import PostgresListingBook
from adapters.postgres.reader import Reader
from adapters.postgres.session_store import PostgresSessionStore
from cli.completion import session_names, symbols
from cli.main import app, run
from domain.checks import Check
from domain.commands import NewSession
from domain.events import Event, FillSeen, OpeningMoved, PhaseEntered, RiskRejected
from domain.listings import Listing
from domain.session import Phase
from tests.builders import KEY, LISTING, a_fill, a_start
from tests.older_rows import an_old_target
from ui.actions import Actions
from ui.arm_request import Armed, ArmRequest, Verdict
from ui.arming import Patience

COMMANDS = (
    *("up", "demo", "stop", "panel", "simulator", "doctor"),
    *("arm", "targets", "sessions", "show", "abort", "reschedule", "change", "halt", "release", "halts"),
)
GOOD = {"--budget": "50", "--max-price": "0.06", "--at": "+1h"}


@pytest.fixture
def database(lonely: pytest.MonkeyPatch, database_url: str) -> str:
    lonely.setenv("DATABASE_URL", database_url)
    return database_url


def test_every_command_is_there() -> None:
    """What operators and checks rely on."""
    names = {command.name or getattr(command.callback, "__name__", "") for command in app.registered_commands}

    assert names == set(COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Help ends with a line to copy; names between colons have not become pictures."""
    assert run([command, "--help"]) == 0
    shown = capsys.readouterr().out
    assert f"Example: sniper {command}" in shown
    assert not any(sign > "\N{LATIN SMALL LETTER Y WITH DIAERESIS}" for sign in shown if sign not in "╭─╮│╰╯…")


def test_help_loads_nothing_heavy() -> None:
    """Neither Temporal nor the database nor the panel is imported before a command needs it."""
    heavy = "{'temporalio', 'psycopg', 'streamlit', 'sqlalchemy', 'pydantic', 'stack'}"
    script = f"import sys, cli.main; sys.exit(', '.join({heavy} & set(sys.modules)) or 0)"

    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("--budget", "0", "budget: got 0, expected more than 0 to 500; choose an amount inside the limit"),
        ("--budget", "500.01", "budget: got 500.01, expected more than 0 to 500"),
        ("--budget", "-5", "budget: got -5, expected"),
        ("--budget", "many", "budget: got 'many', expected a plain decimal number such as 12.5; write it so"),
        ("--max-price", "0", "max price: got 0, expected more than 0"),
        ("--max-price", "1,5", "max price: got '1,5', expected a plain decimal number"),
        ("--strategy", "fast", "strategy: got 'fast', expected ioc_cap, limit, market, burst or tranche; choose one"),
        ("--markup", "101", "markup: got 101 %, expected from 0 to 100 %; choose a share inside"),
        ("--markup", "some", "markup: got 'some', expected a plain decimal number"),
        ("--late-max-price", "0.07", "late max price: got 0.07, expected it only where late entry is allowed; allow"),
        ("--window", "90s", "entry window: got 90 for the strategy ioc_cap, expected it only for limit or tranche;"),
        ("--burst-shots", "3", "burst shots: got 3 for the strategy ioc_cap, expected it only for burst; leave it out"),
        ("--burst-shots", "few", "burst shots: got 'few', expected a whole number such as 3; write it so"),
        ("--burst-spacing", "50ms", "burst spacing: got 50 for the strategy ioc_cap, expected it only for burst;"),
        ("--burst-spacing", "50", "burst spacing: got '50', expected whole milliseconds with their unit"),
        ("--burst-start", "-20ms", "burst start: got -20 for the strategy ioc_cap, expected it only for burst;"),
        ("--tranches", "4", "tranches: got 4 for the strategy ioc_cap, expected it only for tranche;"),
        ("--tranche-every", "10s", "tranche interval: got 10 for the strategy ioc_cap, expected it only for tranche;"),
        ("--at", "2020-01-01T00:00:00Z", "opening: got 2020-01-01 00:00:00.000 UTC, expected a time after"),
        ("--at", "2999-01-01T00:00:00", "opening: got '2999-01-01T00:00:00', expected a time with its zone; append Z"),
        ("--at", "tomorrow", "opening: got 'tomorrow', expected a time such as 2026-01-31T12:00:00Z"),
        ("--ladder", "5-25", "ladder: got '5-25', expected gain:share pairs"),
        ("--ladder", "10:50,5:50", "ladder gains: got 10, 5, expected ascending"),
        ("--ladder", "5:60,10:60", "ladder shares: got 60, 60, expected"),
        ("--stop", "0.5", "stop percent: got 0.5 %, expected from 1 to 50 %"),
        ("--time-stop", "soon", "time stop: got 'soon', expected whole seconds"),
        ("--time-stop", "0", "time stop: got 0 s, expected more than 0"),
        ("--arm-lead", "1s", "arm lead: got 1 s, expected from 5 to 600 s; choose a length inside"),
        ("--at", "+1x", "opening: got '+1x', expected a time such as 2026-01-31T12:00:00Z, or a distance from now"),
        ("--account", "other", "account: got 'other', expected 'main', the one account of this installation; name"),
        ("--account", "a/b", "account: got 'a/b', expected 1-32 letters"),
        ("--request", "", "request: got an empty key"),
    ],
)
@pytest.mark.postgres
def test_a_bad_value_is_one_line_and_writes_nothing(
    database: str, capsys: pytest.CaptureFixture[str], option: str, value: str, words: str
) -> None:
    """Value, expectation and remedy on standard error; exit code 1."""
    given = {**GOOD, option: value}

    code = run(["arm", "NEWUSDT", "--unlisted", *(part for pair in given.items() for part in pair)])

    said = capsys.readouterr()
    assert (code, said.out) == (1, "")
    assert words in said.err
    assert said.err.count("\n") == 1
    assert _written(database) == (0, 0)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("--strategy burst --burst-shots 6", "burst shots: got 6, expected from 2 to 5; choose 2 to 5"),
        ("--strategy burst --burst-start -201ms", "burst start: got -201 ms, expected from -200 to 1000 ms"),
        ("--strategy burst --tranches 3", "tranches: got 3 for the strategy burst, expected it only for tranche;"),
        ("--strategy tranche --tranche-every 30s", "entry window: got 60 s, expected more than the 90 s after which"),
        ("--strategy tranche --burst-shots 3", "burst shots: got 3 for the strategy tranche, expected it only for"),
        ("--strategy limit --window 601s", "entry window: got 601 s, expected more than 0 to 600 s;"),
        ("--strategy market --window 30s", "entry window: got 30 for the strategy market, expected it only for limit"),
    ],
)
@pytest.mark.postgres
def test_a_wrong_choice_of_a_strategy_is_one_line(
    database: str, capsys: pytest.CaptureFixture[str], line: str, words: str
) -> None:
    """Also an option of another strategy: it would be ignored, and somebody meant something by it."""
    code = run(["arm", "NEWUSDT", "--unlisted", "--max-price", "0.06", *line.split()])

    said = capsys.readouterr().err
    assert (code, said.count("\n")) == (1, 1)
    assert words in said
    assert _written(database) == (0, 0)


@pytest.mark.parametrize(
    ("line", "chosen"),
    [
        ("", {"strategy": "ioc_cap", "max_price": None, "markup_percent": "10"}),
        ("--markup 2.5%", {"markup_percent": "2.5"}),
        ("--strategy limit --window 2m", {"strategy": "limit", "window_s": 120}),
        ("--strategy market --max-price 0.06", {"strategy": "market", "max_price": "0.06"}),
        ("--late-entry 1m --late-max-price 0.07", {"late_entry_s": 60, "late_max_price": "0.07"}),
        (
            "--strategy burst --burst-shots 5 --burst-spacing 20ms --burst-start -40ms",
            {"strategy": "burst", "burst_shots": 5, "burst_spacing_ms": 20, "burst_first_ms": -40},
        ),
        (
            "--strategy tranche --tranches 2 --tranche-every 30s",
            {"strategy": "tranche", "tranche_parts": 2, "tranche_every_s": 30, "window_s": 60},
        ),
    ],
    ids=str,
)
@pytest.mark.postgres
def test_every_strategy_can_be_chosen(
    database: str, capsys: pytest.CaptureFixture[str], line: str, chosen: dict[str, object]
) -> None:
    """What is stored is what was asked for; what was left out is the policy's own."""
    assert run(["arm", "NEWUSDT", "--unlisted", *line.split()]) == 0
    capsys.readouterr()
    assert run(["targets", "--json"]) == 0

    (target,) = json.loads(capsys.readouterr().out)["targets"]
    entry = target["policy"]["entry"]
    assert {name: entry[name] for name in chosen} == chosen


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("", "No highest price: sends nothing before an ask is seen after the opening; the price bound"),
        ("--max-price 0.06", "Buys NEW at no more than 0.06 USDT/NEW"),
        ("--strategy market --max-price 0.06", "The price is not guaranteed"),
        ("--strategy tranche --tranches 2", "Buys in 2 parts of 50 USDT each, beginning 0 and 10 s after the opening"),
    ],
)
@pytest.mark.postgres
def test_the_receipt_says_what_will_be_bought_and_what_bounds_it(
    database: str, capsys: pytest.CaptureFixture[str], line: str, words: str
) -> None:
    """Who gave no price reads what holds instead; a program still gets one document."""
    assert run(["arm", "NEWUSDT", "--unlisted", *line.split()]) == 0
    told = capsys.readouterr().out
    assert run(["arm", "NEWUSDT", "--unlisted", *line.split(), "--json"]) == 0

    assert words in told
    assert told.startswith("target ")
    armed = json.loads(capsys.readouterr().out)
    assert set(armed) == {"request", "text", "session", "target", "verdict", "reasons", "warnings"}
    assert (armed["verdict"], armed["reasons"], armed["warnings"]) == ("waiting", [], [])


@pytest.mark.postgres
def test_a_target_without_a_max_price_is_listed_with_what_bounds_it(
    database: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """No price is invented, and none is missing."""
    assert run(["arm", "NEWUSDT", "--unlisted", "--strategy", "burst"]) == 0
    capsys.readouterr()

    assert run(["targets"]) == 0
    assert "best ask + 10 %" in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(
    ("symbol", "words"),
    [
        ("NEWUSDT", "symbol: got 'NEWUSDT', expected a coming listing that a source has named; correct the name, or"),
        ("NEWEUR", "symbol: got 'NEWEUR', expected upper-case letters and digits in one word that ends in"),
        ("new/usdt", "symbol: got 'NEW/USDT', expected upper-case letters and digits in one word that ends in one of"),
        ("NEW-USDT", "one of USDT, USDC, BTC, ETH, MX; write NEWUSDT"),
        ("", "symbol: got '', expected"),
    ],
)
@pytest.mark.postgres
def test_an_unknown_symbol_is_refused_with_its_remedy(
    database: str, lonely: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], symbol: str, words: str
) -> None:
    """A typing error must not wait for ever for a listing that never comes."""
    lonely.setattr("cli.access.PATIENCE", Patience(named_s=0.2))
    code = run(["arm", symbol, "--max-price", "0.06"])

    assert code == 1
    assert words in capsys.readouterr().err
    assert _written(database) == (0, 0)


@pytest.mark.parametrize(
    "line",
    [
        ["arm"],
        ["arm", "NEWUSDT", "--max-price", "1", "--colour", "red"],
        ["abort"],
        ["show"],
        ["sessions", "--limit", "0"],
        ["targets", "--withdraw", "x"],
        ["targets", "--withdraw", "-1"],
        ["release"],
        ["reschedule", "NEWUSDT"],
        ["simulator", "--port", "70000"],
        ["fly"],
    ],
    ids=" ".join,
)
def test_wrong_usage_is_exit_code_2(line: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """What the command line itself can tell."""
    assert run(line) == 2
    assert "Usage: sniper" in capsys.readouterr().err


def test_a_targets_number_that_is_none_is_told_in_our_words(capsys: pytest.CaptureFixture[str]) -> None:
    """What was typed, what is expected, where to look."""
    assert run(["targets", "--withdraw", "abc"]) == 2

    said = " ".join(capsys.readouterr().err.replace("│", " ").split())
    assert "got 'abc', expected a target's number such as 38; `sniper targets` lists them" in said


@pytest.mark.postgres
def test_a_target_without_an_opening_is_taken_and_listed(database: str, capsys: pytest.CaptureFixture[str]) -> None:
    """This needs no Temporal: the listing watch finds the target when it runs."""
    assert run(["arm", "newusdt", "--max-price", "0.06", "--budget", "50", "--unlisted", "--json"]) == 0
    armed = json.loads(capsys.readouterr().out)

    assert run(["targets", "--json"]) == 0
    targets = json.loads(capsys.readouterr().out)["targets"]
    assert armed["session"] is None
    assert [(target["id"], target["symbol"], target["status"]) for target in targets] == [
        (armed["target"], "NEWUSDT", "waiting")
    ]
    assert targets[0]["policy"]["budget_quote"] == "50"
    assert run(["targets"]) == 0
    assert "when a source names it" in capsys.readouterr().out
    assert run(["targets", "--withdraw", str(armed["target"])]) == 0


@pytest.mark.postgres
def test_a_target_whose_opening_has_passed_is_listed_as_missed(
    database: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The stack was down then; nobody else would tell."""
    assert run(["arm", "NEWUSDT", "--unlisted"]) == 0
    asyncio.run(_opened_long_ago(database))
    capsys.readouterr()

    assert run(["targets"]) == 0
    assert "missed, 2026-01-31" in " ".join(capsys.readouterr().out.split())


@pytest.mark.postgres
def test_a_taken_target_is_listed_with_its_sessions_opening(database: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Wherever that has moved; one that was withdrawn waits for no source."""
    asyncio.run(_a_moved_session(database))
    assert run(["arm", "OLDUSDT", "--unlisted", "--json"]) == 0
    number = json.loads(capsys.readouterr().out)["target"]
    assert run(["targets", "--withdraw", str(number)]) == 0
    capsys.readouterr()

    assert run(["targets"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "taken 2027-01-31 12:00:00.000 UTC" in shown
    assert "when a source names it" not in shown


@pytest.mark.parametrize("line", [["show", "NEWUSDT"], ["abort", "NEWUSDT"], ["show", "main/mexc:NEW:USDT/1"]])
@pytest.mark.postgres
def test_an_unknown_session_is_refused(database: str, capsys: pytest.CaptureFixture[str], line: list[str]) -> None:
    """And where to look for the right name."""
    assert run(line) == 1
    assert "`sniper sessions` lists them" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("show FOOUSDT", "expected a pair that has a session; there is none of FOOUSDT; `sniper sessions` lists them"),
        ("abort foousdt", "there is none of FOOUSDT"),
        ("show NEWUSDT/7", "expected an attempt that was made; NEWUSDT has 1; `sniper sessions` lists them"),
        ("show main/mexc:FOO:USDT/1", "expected a session that was armed; there is none of this name"),
        ("show ?", "expected a session's name such as main/mexc:NEW:USDT/1 or its pair such as NEWUSDT"),
        ("show WAITUSDT", "WAITUSDT has none, target 2 waits for its opening; sniper targets --withdraw 2 lets it"),
    ],
)
@pytest.mark.postgres
def test_what_is_missing_is_said_as_it_is(
    database: str, capsys: pytest.CaptureFixture[str], line: str, words: str
) -> None:
    """A pair without a session is a pair, and a target that waits is named."""
    asyncio.run(_a_closed_session(database))
    assert run(["arm", "WAITUSDT", "--unlisted"]) == 0
    capsys.readouterr()

    assert run(line.split()) == 1
    assert words in capsys.readouterr().err


@pytest.mark.postgres
def test_aborting_a_pair_that_only_waits_withdraws_its_target(
    database: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever aborts a pair wants it not to be bought; once more is the same."""
    assert run(["arm", "WAITUSDT", "--unlisted"]) == 0
    capsys.readouterr()

    for _ in range(2):
        assert run(["abort", "waitusdt"]) == 0
        told = capsys.readouterr().out
        assert told == "target 1 is withdrawn: nothing of WAITUSDT is bought, no session was made\n"
    with Reader(database) as reader:
        assert [target.status for target in reader.targets()] == ["withdrawn"]


@pytest.mark.postgres
def test_aborting_a_session_withdraws_the_target_that_waits_beside_it(
    database: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """It would buy the pair all the same: earlier versions let both be armed."""
    asyncio.run(_a_session_beside_a_target(database))

    assert run(["abort", "NEWUSDT"]) == 0

    assert capsys.readouterr().out.endswith("; target 2 is withdrawn too\n")
    with Reader(database) as reader:
        assert [target.status for target in reader.targets()] == ["withdrawn", "taken"]


@pytest.mark.postgres
def test_arming_a_rejected_session_is_exit_code_1_and_says_why(
    database: str, lonely: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also as a document: a program that looks at the code alone is not misled."""
    lonely.setattr("ui.actions.Actions.arm", _rejected)
    line = ["arm", "NEWUSDT", "--at", "+1h", "--unlisted"]

    assert run(line) == 1
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", f"sniper: session {KEY} is rejected: halted: release it first\n")
    assert run([*line, "--json"]) == 1
    armed = json.loads(capsys.readouterr().out)
    assert (armed["verdict"], armed["reasons"]) == ("rejected", ["halted: release it first"])


@pytest.mark.postgres
def test_a_target_armed_under_a_halt_is_warned_of_it(database: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Its session is judged when the opening is known; somebody may release the halt until then."""
    assert run(["halt", "--reason", "odd prices"]) == 0
    capsys.readouterr()

    assert run(["arm", "NEWUSDT", "--unlisted"]) == 0
    assert "warning: halted: a halt covers everything since" in capsys.readouterr().out


@pytest.mark.postgres
def test_following_as_json_is_one_event_a_line(database: str, capsys: pytest.CaptureFixture[str]) -> None:
    """From the first event to the closed session, which is the last line."""
    asyncio.run(_a_closed_session(database))

    assert run(["show", "NEWUSDT", "--follow", "--json"]) == 0

    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["kind"] for row in rows[:-1]] == ["phase_entered", "risk_rejected", "phase_entered", "phase_entered"]
    assert rows[-1]["session"]["phase"] == "closed"


@pytest.mark.postgres
def test_showing_a_session_lists_its_checks(database: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What was asked, what was found, and what stood against it."""
    asyncio.run(_a_closed_session(database))

    assert run(["show", "NEWUSDT"]) == 0

    shown = capsys.readouterr().out
    assert "funds: needs 50 USDT" in shown
    assert "rejected" in shown


@pytest.mark.postgres
def test_a_halt_is_placed_listed_and_released(database: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Without Temporal; each with a receipt."""
    assert run(["halt", "--reason", "odd prices", "--json"]) == 0
    assert "everything halted" in json.loads(capsys.readouterr().out)["text"]
    assert run(["halt", "--account", "main", "--reason", "key change"]) == 0
    assert run(["halts", "--json"]) == 0
    held = json.loads(capsys.readouterr().out.partition("\n")[2])["halts"]
    assert [(one["scope"], one["scope_key"], one["reason"]) for one in held] == [
        ("account", "main", "key change"),
        ("everything", "", "odd prices"),
    ]
    assert run(["release", "--reason", "sane again"]) == 0
    assert "still halted: account main" in capsys.readouterr().out
    assert run(["halts", "--past"]) == 0
    listed = capsys.readouterr().out
    assert "sane again" in listed
    assert all(title in listed for title in ("Nothing is bought in", "Released"))


def test_a_release_without_a_reason_says_how_to_give_one(
    lonely: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As the usage error that it is."""
    assert run(["release"]) == 2

    assert '--reason "venue is well again"' in " ".join(capsys.readouterr().err.replace("│", " ").split())


def test_what_cannot_be_started_is_refused_before_anything_is(
    lonely: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Every wrong variable in one line, and no home is made."""
    lonely.setenv("SNIPER_PAPER_BALANCE", "-1")
    lonely.setenv("REDIS_URL", "foo")

    assert run(["up"]) == 1

    said = capsys.readouterr().err
    assert "SNIPER_PAPER_BALANCE: got '-1', expected an amount of USDT above 0, with at most 8 decimals; " in said
    assert " | REDIS_URL: got 'a text that is not shown, as it may hold a password', expected redis or " in said
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (["halt", "--account", "a/b"], "account: got 'a/b'"),
        (["halt", "--account", "nobody"], "account: got 'nobody', expected 'main', the one account of this"),
        (["release", "--account", "nobody", "--reason", "well"], "account: got 'nobody', expected 'main'"),
        (["halt", "--session", "NEWUSDT"], "`sniper sessions` lists them"),
        (["halt", "--account", "a", "--session", "b"], "expected at most one of the two"),
        (["halt", "--reason", " "], "reason: got ' '"),
        (["release", "--reason", ""], "reason: got ''"),
        (["reschedule", "NEWUSDT", "--at", "tomorrow"], "opening: got 'tomorrow'"),
        (["reschedule", "NEWUSDT", "--at", "+1h"], "`sniper sessions` lists them"),
        (["change", "NEWUSDT", "--stop", "soon"], "stop percent: got 'soon'"),
        (["change", "NEWUSDT", "--ladder", "5"], "ladder: got '5'"),
        (["change", "NEWUSDT"], "`sniper sessions` lists them"),
    ],
)
@pytest.mark.postgres
def test_a_stop_or_change_that_cannot_be_meant_is_one_line(
    database: str, capsys: pytest.CaptureFixture[str], line: list[str], words: str
) -> None:
    """And nothing is written."""
    assert run(line) == 1

    said = capsys.readouterr().err
    assert words in said
    assert said.count("\n") == 1
    with Reader(database) as reader:
        assert reader.halts() == ()


@pytest.mark.postgres
def test_names_are_completed(database: str) -> None:
    """Sessions by pair and key; nothing at all when the database is away."""
    asyncio.run(_a_closed_session(database))

    assert session_names("new") == ["NEWUSDT"]
    assert session_names("main/") == ["main/mexc:NEW:USDT/1"]
    assert symbols("") == []


def test_completion_is_silent_without_a_database(lonely: pytest.MonkeyPatch) -> None:
    """Nobody wants a traceback in the middle of typing."""
    assert session_names("") == []


def test_the_panels_link_needs_a_panel(lonely: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """And says how to get one."""
    assert run(["panel"]) == 1
    assert "start one with `sniper up`" in capsys.readouterr().err


@pytest.mark.postgres
def test_without_sessions_the_lists_are_empty(database: str, capsys: pytest.CaptureFixture[str]) -> None:
    """As a document and as text."""
    assert run(["sessions", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"sessions": []}
    assert run(["sessions"]) == 0
    assert "no sessions" in capsys.readouterr().out


@pytest.mark.postgres
def test_arming_while_temporal_is_away_is_one_line_and_writes_nothing(
    database: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A known opening needs a run."""
    code = run(["arm", "NEWUSDT", "--at", "+1h", "--max-price", "0.06", "--unlisted"])

    assert code == 1
    assert "TEMPORAL_ADDRESS: got '127.0.0.1:1'" in capsys.readouterr().err
    assert _written(database) == (0, 0)


@pytest.mark.parametrize("line", [["sessions"], ["targets"], ["show", "A"], ["abort", "A"]], ids=" ".join)
def test_a_database_that_is_away_is_one_line(
    lonely: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], line: list[str]
) -> None:
    """No traceback, and what to do about it."""
    lonely.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")

    assert run(line) == 1
    said = capsys.readouterr().err
    assert "the database does not answer" in said
    assert "sniper up" in said
    assert said.count("\n") == 1


def test_without_a_stack_the_missing_address_is_named(
    lonely: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is guessed, and the folder that was looked into is named."""
    assert run(["sessions"]) == 1
    said = capsys.readouterr().err
    assert "DATABASE_URL: not given" in said
    assert f"no stack runs in {os.environ['SNIPER_HOME']}: start `sniper up`, or set DATABASE_URL" in said


def test_stopping_where_nothing_runs_is_done(lonely: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The wish is fulfilled already."""
    assert run(["stop", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["stopped"] is False


def _stopped(monkeypatch: pytest.MonkeyPatch, database_url: str, api_key: str | None = None) -> list[Path]:
    """A stack that says so of itself, and the homes in which one was ended. api_key: of its own simulator."""
    running = StackState(1, datetime.now(UTC), database_url, "127.0.0.1:1", "default", api_key=api_key)
    monkeypatch.setattr("adapters.local.state.read_state", lambda _: running)
    return _ending(monkeypatch)


def _ending(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The homes in which a stack was ended."""
    ended: list[Path] = []

    def end(home: Path) -> bool:
        ended.append(home)
        return True

    monkeypatch.setattr("stack.stop_running", end)
    return ended


def _interrupted(monkeypatch: pytest.MonkeyPatch, database_url: str) -> None:
    """A stack whose `up` is ended with Ctrl-C as soon as it is ready."""

    class Interrupted:
        state = StackState(1, datetime.now(UTC), database_url, "127.0.0.1:1", "default")

        async def wait(self) -> None:
            raise asyncio.CancelledError

    async def interrupted(_: object, body: Callable[[Any], Awaitable[None]], **__: object) -> None:
        with suppress(asyncio.CancelledError):
            await body(Interrupted())

    monkeypatch.setattr("stack.run_stack", interrupted)


@pytest.mark.postgres
def test_a_stack_that_guards_a_position_is_not_stopped_by_the_way(
    database: str, lonely: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Guarding would end silently: the session is named, and leaving it has to be asked for."""
    asyncio.run(_a_guarded_session(database))
    ended = _stopped(lonely, database)

    assert run(["stop"]) == 1
    said = capsys.readouterr()
    assert (said.out, said.err.count("\n"), ended) == ("", 1, [])
    assert f"session {KEY} is guarding, holds 500 NEW" in said.err
    assert "or add --leave-open" in said.err

    assert run(["stop", "--leave-open"]) == 0
    assert f"session {KEY} is guarding, holds 500 NEW: nobody guards it" in capsys.readouterr().out
    assert len(ended) == 1


@pytest.mark.parametrize(
    ("api_key", "words"),
    [
        (None, "it waits on after the next `sniper up`; an opening until then is missed"),
        ("k", "it is closed as failed at the next `sniper up`, as the simulator forgets"),
    ],
)
@pytest.mark.postgres
def test_what_only_waits_is_named_when_the_stack_stops(
    database: str, lonely: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], api_key: str | None, words: str
) -> None:
    """And what becomes of it: a simulator of our own forgets everything."""
    asyncio.run(_a_moved_session(database))
    assert run(["arm", "WAITUSDT", "--unlisted"]) == 0
    ended = _stopped(lonely, database, api_key)
    capsys.readouterr()

    assert run(["stop"]) == 0
    told = capsys.readouterr().out
    assert f"session {KEY} waits for 2027-01-31 12:00:00.000 UTC: {words}" in told
    assert "target 2 waits for WAITUSDT: it waits on" in told
    assert run(["stop", "--json"]) == 0
    left = json.loads(capsys.readouterr().out)
    assert (left["at_work"], left["waiting"], left["targets"]) == ([], [str(KEY)], [2])
    assert len(ended) == 2


def test_a_stack_whose_database_is_away_is_stopped_only_on_purpose(
    lonely: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nobody knows whether a position is held; it must be possible all the same."""
    ended = _stopped(lonely, "postgresql://nobody@127.0.0.1:1/none")

    assert run(["stop"]) == 1
    assert "it is not known whether a position is held" in capsys.readouterr().err
    assert ended == []
    assert run(["stop", "--leave-open"]) == 0
    assert "what is left open is not known (" in capsys.readouterr().out
    assert run(["stop", "--leave-open", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert "the database does not answer" in told["not_known"]
    assert (told["at_work"], told["waiting"], told["targets"]) == (None, None, None)


@pytest.mark.parametrize(
    "content",
    ["{ half a file", "[]", '{"pid": 1}', '{"pid": 1, "started_at": "2026-01-01T00:00:00+00:00"}', None],
)
def test_a_stack_without_a_readable_state_is_stopped_only_on_purpose(
    lonely: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], content: str | None
) -> None:
    """Its file is broken, of another version, or missing while its workers trade already."""
    home = Path(os.environ["SNIPER_HOME"])
    home.mkdir(parents=True)
    ended = _ending(lonely)

    with locks.hold(home / LOCK_FILE, wait=False):
        if content is not None:
            (home / STATE_FILE).write_text(content)
        assert run(["stop", "--json"]) == 1
        said = capsys.readouterr()
        assert (said.out, said.err.count("\n"), ended) == ("", 1, [])
        assert "it is not known whether a position is held" in said.err
        assert "add --leave-open to stop all the same" in said.err

        assert run(["stop", "--leave-open"]) == 0
        assert "what is left open is not known (" in capsys.readouterr().out
        assert len(ended) == 1


@pytest.mark.parametrize(
    "change",
    ["ALTER TABLE sessions RENAME COLUMN fee_coin TO fee_coin_old", "UPDATE sessions SET phase = 'another'"],
)
@pytest.mark.postgres
def test_a_stack_whose_tables_are_of_another_version_is_stopped_only_on_purpose(
    database: str, lonely: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], change: str
) -> None:
    """New code on disk while the old stack runs: a missing column or a strange row is no traceback."""
    asyncio.run(_a_guarded_session(database))
    with psycopg.connect(database) as connection:
        connection.execute(change)
    ended = _stopped(lonely, database)

    assert run(["stop"]) == 1
    said = capsys.readouterr()
    assert (said.out, said.err.count("\n"), ended) == ("", 1, [])
    assert "it is not known whether a position is held (the books are of another version or broken" in said.err
    assert run(["stop", "--leave-open"]) == 0
    assert len(ended) == 1


@pytest.mark.postgres
def test_ctrl_c_ends_in_one_line_when_the_tables_are_of_another_version(
    database: str, lonely: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever stops a stack must be able to, whatever its books say."""
    asyncio.run(_a_guarded_session(database))
    with psycopg.connect(database) as connection:
        connection.execute("ALTER TABLE sessions RENAME COLUMN fee_coin TO fee_coin_old")
    _interrupted(lonely, database)

    assert run(["up"]) == 0
    told = capsys.readouterr().out
    assert "stopping: what is left open is not known (the books are of another version or broken" in told
    assert told.count("\n") == 1


@pytest.mark.postgres
def test_ctrl_c_names_what_the_stack_leaves_open(
    database: str, lonely: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same as `sniper stop`; there is nobody left to refuse."""
    asyncio.run(_a_guarded_session(database))
    _interrupted(lonely, database)

    assert run(["up"]) == 0
    assert f"stopping: session {KEY} is guarding, holds 500 NEW: nobody guards it" in capsys.readouterr().out


@pytest.mark.parametrize("budget", ["0", "600", "many"])
def test_a_demo_with_a_bad_budget_starts_nothing(
    lonely: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], budget: str
) -> None:
    """Nobody waits for a stack to hear that."""
    assert run(["demo", "--once", "--budget", budget]) == 1
    said = capsys.readouterr()
    assert (said.out, said.err.count("\n")) == ("", 1)
    assert "budget: got" in said.err


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("SNIPER_VENUE", "paper", "SNIPER_VENUE: got 'paper', expected mexc: the demo lists its pair on a simulator"),
        ("SNIPER_ACCOUNT", "second", "SNIPER_ACCOUNT: got 'second', expected 'main', the one account of the simulator"),
    ],
)
def test_a_demo_that_cannot_be_played_starts_nothing(
    lonely: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str, value: str, words: str
) -> None:
    """On paper there is no simulator to act on, and a simulator of our own knows one account."""
    lonely.setenv(name, value)

    assert run(["demo", "--once"]) == 1
    said = capsys.readouterr()
    assert (said.out, said.err.count("\n")) == ("", 1)
    assert words in said.err


async def _opened_long_ago(database_url: str) -> None:
    """The venue's list tells of NEWUSDT."""
    async with Database(database_url, name="test") as database:
        opened = datetime(2026, 1, 31, 12, tzinfo=UTC)
        await PostgresListingBook(database).sight("test", [Listing(KEY.listing, "NEWUSDT", opened)])


async def _a_closed_session(database_url: str) -> None:
    """NEWUSDT, rejected for want of funds."""
    reason = "funds: needs 50 USDT, has 1 free; lower the budget"
    async with Database(database_url, name="test") as database:
        await PostgresSessions(database).admit(NewSession(a_start(), KEY.workflow_id))
        await PostgresSessionStore(database).append(
            KEY,
            (
                PhaseEntered(Phase.PREPARING),
                RiskRejected((reason,), (Check("funds", "needs 50 USDT, has 1 free", reason),)),
                PhaseEntered(Phase.CLOSING),
                PhaseEntered(Phase.CLOSED),
            ),
        )


async def _a_moved_session(database_url: str) -> None:
    """NEWUSDT waits for another opening than the one it was armed for."""
    async with Database(database_url, name="test") as database:
        await PostgresSessions(database).admit(NewSession(a_start(), KEY.workflow_id))
        moved = OpeningMoved(datetime(2027, 1, 31, 12, tzinfo=UTC), 1, "move-1")
        await PostgresSessionStore(database).append(KEY, (PhaseEntered(Phase.PREPARING), moved))


async def _a_guarded_session(database_url: str) -> None:
    """NEWUSDT was bought and is held."""
    async with Database(database_url, name="test") as database:
        await PostgresSessions(database).admit(NewSession(a_start(), KEY.workflow_id))
        phases = (Phase.PREPARING, Phase.WAITING, Phase.ARMING, Phase.ARMED, Phase.FIRING, Phase.GUARDING)
        events: list[Event] = [*map(PhaseEntered, phases), FillSeen(a_fill(quantity="500"))]
        await PostgresSessionStore(database).append(KEY, events)


async def _a_session_beside_a_target(database_url: str) -> None:
    async with Database(database_url, name="test") as database:
        await PostgresSessions(database).admit(NewSession(a_start(), KEY.workflow_id))
        await an_old_target(database, "main", LISTING, "NEWUSDT")


async def _rejected(_: Actions, request: ArmRequest) -> Armed:
    reasons = ("halted: release it first",)
    return Armed(request.request, f"session {KEY} is rejected: {reasons[0]}", KEY, 1, Verdict.REJECTED, reasons)


def _written(database: str) -> tuple[int, int]:
    with Reader(database) as reader:
        return len(reader.targets()), len(reader.sessions())
