"""The environment is read once; what cannot be used is refused in one line, without secrets."""

import os
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from adapters.local.state import StackState, only_stack, write_state
from adapters.settings import Settings, read_settings, require_startable
from adapters.venue_kind import VenueKind
from domain.errors import InvalidInput
from tests.environment import forget_installation


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty environment, and a home of its own."""
    forget_installation(monkeypatch)
    monkeypatch.setenv("SNIPER_HOME", str(tmp_path))
    return tmp_path


def a_stack(**changes: Any) -> StackState:
    stack = StackState(
        pid=os.getpid(),
        started_at=datetime.now(UTC),
        database_url="postgresql://stack@/sniper",
        temporal_address="127.0.0.1:7999",
        temporal_namespace="stack",
        rest_url="http://127.0.0.1:9001",
        ws_url="ws://127.0.0.1:9001/ws",
        panel_url="http://127.0.0.1:8501",
        api_key="stack-key",
        api_secret="stack-secret",
    )
    return replace(stack, **changes)


def test_without_anything_the_defaults_hold(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Everything that has a sensible default has it; the home is an absolute path."""
    monkeypatch.delenv("SNIPER_HOME")
    monkeypatch.chdir(tmp_path)

    settings = read_settings()

    assert settings.sniper_home == tmp_path / ".sniper"
    assert settings.sniper_account == "main"
    assert (settings.temporal_address, settings.temporal_namespace) == ("127.0.0.1:7233", "default")
    assert settings.database_url is None
    assert settings.mexc_rest_url is None
    assert settings.mexc_api_key is None


def test_the_environment_is_read_and_frozen(monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty variable counts as unset; a trailing slash does not matter; streams have a default path."""
    monkeypatch.setenv("MEXC_REST_URL", "http://localhost:9000/")
    monkeypatch.setenv("MEXC_WS_URL", "ws://[::1]:9000")
    monkeypatch.setenv("MEXC_API_KEY", "the-key")
    monkeypatch.setenv("MEXC_API_SECRET", "the-secret")
    monkeypatch.setenv("TEMPORAL_NAMESPACE", "")

    settings = read_settings()
    venue = settings.venue()

    assert (venue.rest_url, venue.ws_url, venue.account) == ("http://localhost:9000", "ws://[::1]:9000/ws", "main")
    assert venue.api_secret.get_secret_value() == "the-secret"
    assert settings.temporal_namespace == "default"
    with pytest.raises(ValidationError):
        settings.sniper_account = "other"


def test_a_running_stack_fills_the_gaps(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the environment says goes first; with the stack gone its values are gone."""
    monkeypatch.setenv("TEMPORAL_NAMESPACE", "mine")
    with only_stack(home):
        write_state(home, a_stack())
        settings = read_settings()
    afterwards = read_settings()

    assert settings.database() == "postgresql://stack@/sniper"
    assert (settings.temporal_address, settings.temporal_namespace) == ("127.0.0.1:7999", "mine")
    assert settings.venue().rest_url == "http://127.0.0.1:9001"
    assert settings.venue().api_key.get_secret_value() == "stack-key"
    assert settings.panel_url == "http://127.0.0.1:8501"
    assert afterwards.mexc_rest_url is None


def test_the_account_is_the_one_that_the_stacks_workers_trade_on(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second terminal in which its name was not set means the same account."""
    with only_stack(home):
        write_state(home, a_stack(account="trader"))
        followed = read_settings().sniper_account
        monkeypatch.setenv("SNIPER_ACCOUNT", "own")
        stated = read_settings().sniper_account

    assert (followed, stated) == ("trader", "own")


def test_a_stacks_key_goes_to_the_stacks_venue_only(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another venue gets neither its key nor its streams, another key not its secret."""
    with only_stack(home):
        write_state(home, a_stack())
        monkeypatch.setenv("MEXC_API_KEY", "the-key")
        other_key = read_settings()
        monkeypatch.delenv("MEXC_API_KEY")
        monkeypatch.setenv("MEXC_REST_URL", "http://127.0.0.1:9999")
        other_venue = read_settings()

    assert other_key.mexc_api_secret is None
    assert other_key.mexc_ws_url == "ws://127.0.0.1:9001/ws"
    assert other_venue.mexc_api_key is None
    assert other_venue.mexc_ws_url is None


@pytest.mark.parametrize(
    "url",
    [
        "https://api.mexc.com",
        "http://10.0.0.1:9000",
        "http://127.0.0.1@api.mexc.com",
        "http://user:pass@127.0.0.1:9000",
        "http://127.0.0.1.example.com",
        "http://127.0.0.1:9000/api",
        "http://127.0.0.1:notaport",
        "http://127.0.0.1\\@api.mexc.com",
        "ws://127.0.0.1:9000",
        "127.0.0.1:9000",
    ],
)
def test_only_a_venue_on_this_machine_is_accepted(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything else is refused with the reason."""
    monkeypatch.setenv("MEXC_REST_URL", url)

    with pytest.raises(InvalidInput) as caught:
        read_settings()

    assert caught.value.what == "MEXC_REST_URL"
    assert url.split("@")[-1].split("\\")[-1] in str(caught.value)
    assert "live trading is not enabled" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MEXC_WS_URL", "wss://wbs-api.mexc.com/ws"),
        ("TEMPORAL_ADDRESS", "nowhere"),
        ("TEMPORAL_ADDRESS", "host:99999"),
        ("SNIPER_ACCOUNT", "no spaces"),
        ("DATABASE_URL", "mysql://root:hidden-word@host/db"),
        ("REDIS_URL", "http://:hidden-word@host/0"),
        ("REDIS_URL", "redis://:hidden-word@host:70000/0"),
        ("REDIS_URL", "redis://:hidden-word@host/name"),
    ],
)
def test_a_value_that_cannot_be_used_is_named_in_one_line(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What, the value, what was expected, what to do; a password does not show, in the chain neither."""
    monkeypatch.setenv(name, value)

    with pytest.raises(InvalidInput) as caught:
        read_settings()

    assert "\n" not in str(caught.value)
    assert "hidden-word" not in str(caught.value)
    assert caught.value.__cause__ is caught.value.__context__ is None


def test_all_values_that_cannot_be_used_are_told_at_once_in_our_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not one after the other, nor as a library puts it. What may hold a password is not shown."""
    monkeypatch.setenv("SNIPER_ACCOUNT", "no spaces")
    monkeypatch.setenv("SNIPER_PAPER_BALANCE", "-1")
    monkeypatch.setenv("SNIPER_FIRE_CPU", "first")
    monkeypatch.setenv("REDIS_URL", "foo")

    with pytest.raises(InvalidInput) as caught:
        read_settings()

    assert str(caught.value).split(" | ") == [
        "SNIPER_ACCOUNT: got 'no spaces', expected 1-32 letters, digits, - or _; the default account is called main",
        "SNIPER_PAPER_BALANCE: got '-1', expected an amount of USDT above 0, with at most 8 decimals; "
        "set SNIPER_PAPER_BALANCE so, or leave it out",
        "REDIS_URL: got 'a text that is not shown, as it may hold a password', expected redis or "
        "rediss://host:port/number; set REDIS_URL so, or leave it out",
        "SNIPER_FIRE_CPU: got 'first', expected the number of a processor that this process may use; "
        "set SNIPER_FIRE_CPU so, or leave it out",
    ]


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        ({"SNIPER_VENUE": "paper", "MEXC_REST_URL": "https://api.mexc.com"}, ["MEXC_WS_URL"]),
        ({"MEXC_API_KEY": "the-key"}, ["MEXC_REST_URL", "MEXC_WS_URL", "MEXC_API_SECRET"]),
        (
            {"MEXC_REST_URL": "http://127.0.0.1:9000", "MEXC_WS_URL": "ws://127.0.0.1:9000"},
            ["MEXC_API_KEY", "MEXC_API_SECRET"],
        ),
        ({"SNIPER_VENUE": "paper", "MEXC_API_KEY": "the-key"}, []),
        ({}, []),
    ],
)
def test_a_venue_named_in_part_is_refused_before_a_stack_starts(
    given: dict[str, str], missing: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker would find it out when databases and Temporal run already. On paper a key is of no use, and harmless."""
    for name, value in given.items():
        monkeypatch.setenv(name, value)

    said = ""
    try:
        require_startable()
    except InvalidInput as exc:
        said = str(exc)

    assert [one.partition(":")[0] for one in said.split(" | ") if one] == missing
    assert "the-key" not in said


def test_what_is_missing_is_named_with_a_remedy() -> None:
    """Only when somebody needs it."""
    settings = read_settings()

    with pytest.raises(InvalidInput, match="MEXC_REST_URL"):
        settings.venue()
    with pytest.raises(InvalidInput, match="DATABASE_URL"):
        settings.database()


def test_secrets_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither key nor secret nor the database's password is in the repr."""
    monkeypatch.setenv("MEXC_API_KEY", "the-key")
    monkeypatch.setenv("MEXC_API_SECRET", "the-secret")
    monkeypatch.setenv("DATABASE_URL", "postgresql://u:the-password@h/d")

    shown = repr(read_settings()) + str(read_settings())

    assert not any(secret in shown for secret in ("the-key", "the-secret", "the-password"))


def test_an_unreadable_state_file_is_named(home: Path) -> None:
    """Somebody wrote into it."""
    with only_stack(home):
        (home / "stack.json").write_text("{")
        with pytest.raises(InvalidInput, match="SNIPER_HOME"):
            read_settings()
    assert isinstance(read_settings(), Settings)


def test_orders_go_to_the_venue_unless_paper_is_asked_for() -> None:
    """The default; paper's own values have defaults too."""
    settings = read_settings()

    assert settings.sniper_venue is VenueKind.MEXC
    assert settings.sniper_paper_balance == Decimal(10_000)
    assert settings.sniper_paper_one_way_ms is None


@pytest.mark.parametrize(
    ("rest_url", "ws_url"),
    [
        ("https://api.mexc.com", "wss://wbs-api.mexc.com/ws"),
        ("http://127.0.0.1:9000", "ws://127.0.0.1:9000"),
        ("https://localhost:9000/", "wss://[::1]:9000/ws"),
    ],
)
def test_on_paper_public_data_may_come_from_anywhere(
    rest_url: str, ws_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No key is asked for, and one that is set cannot be had."""
    monkeypatch.setenv("SNIPER_VENUE", "paper")
    monkeypatch.setenv("MEXC_REST_URL", rest_url)
    monkeypatch.setenv("MEXC_WS_URL", ws_url)
    monkeypatch.setenv("SNIPER_PAPER_BALANCE", "250.5")
    monkeypatch.setenv("SNIPER_PAPER_ONE_WAY_MS", "12")
    monkeypatch.setenv("MEXC_API_KEY", "the-key")
    monkeypatch.setenv("MEXC_API_SECRET", "the-secret")

    settings = read_settings()
    paper = settings.paper()

    assert paper.rest_url == rest_url.rstrip("/")
    assert paper.ws_url == (ws_url if ws_url.endswith("/ws") else f"{ws_url}/ws")
    assert (paper.account, paper.balance, paper.one_way_s) == ("main", Decimal("250.5"), 0.012)
    assert "the-key" not in repr(paper)
    with pytest.raises(InvalidInput, match="SNIPER_VENUE"):
        settings.venue()


@pytest.mark.parametrize(
    "url",
    [
        "http://api.mexc.com",
        "https://user:pass@api.mexc.com",
        "https://127.0.0.1\\@api.mexc.com",
        "https://api.mexc.com/api",
        "https://api.mexc.com?x=1",
        "https://",
        "wss://api.mexc.com",
        "api.mexc.com",
    ],
)
def test_on_paper_an_address_elsewhere_is_encrypted_and_plain(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither an open connection nor a password in the address."""
    monkeypatch.setenv("SNIPER_VENUE", "paper")
    monkeypatch.setenv("MEXC_REST_URL", url)

    with pytest.raises(InvalidInput) as caught:
        read_settings()

    assert caught.value.what == "MEXC_REST_URL"
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SNIPER_VENUE", "live"),
        ("SNIPER_VENUE", "PAPER "),
        ("SNIPER_PAPER_BALANCE", "0"),
        ("SNIPER_PAPER_BALANCE", "-1"),
        ("SNIPER_PAPER_BALANCE", "NaN"),
        ("SNIPER_PAPER_BALANCE", "Infinity"),
        ("SNIPER_PAPER_BALANCE", "a lot"),
        ("SNIPER_PAPER_BALANCE", "1.123456789"),
        ("SNIPER_PAPER_ONE_WAY_MS", "-1"),
        ("SNIPER_PAPER_ONE_WAY_MS", "nan"),
    ],
)
def test_a_value_of_paper_that_cannot_be_used_is_named(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A venue that does not exist is never taken for another one."""
    monkeypatch.setenv(name, value)

    with pytest.raises(InvalidInput) as caught:
        read_settings()

    assert caught.value.what == name


def test_a_stack_on_paper_says_so_itself(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its address can be used because it goes with what it is used for; for orders it is not offered."""
    elsewhere = {"rest_url": "https://api.mexc.com", "ws_url": "wss://wbs-api.mexc.com/ws"}
    with only_stack(home):
        write_state(home, a_stack(venue=VenueKind.PAPER, api_key=None, api_secret=None, **elsewhere))
        settings = read_settings()
        monkeypatch.setenv("SNIPER_VENUE", "mexc")
        for_orders = read_settings()

    assert settings.sniper_venue is VenueKind.PAPER
    assert settings.paper().rest_url == "https://api.mexc.com"
    assert for_orders.mexc_rest_url is None
    assert for_orders.database() == "postgresql://stack@/sniper"
