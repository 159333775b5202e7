"""Names are the same in every process and different for different things."""

import re
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import InvalidInput
from domain.ids import (
    Installation,
    Leg,
    ListingKey,
    SessionKey,
    check_account,
    client_order_id,
    installation_tag,
    split_symbol,
)

parts = st.from_regex(r"[a-zA-Z0-9_-]{1,20}", fullmatch=True)
accounts = st.from_regex(r"[a-zA-Z0-9][a-zA-Z0-9_-]{0,20}", fullmatch=True)
keys = st.builds(SessionKey, accounts, st.builds(ListingKey, parts, parts, parts), st.integers(1, 999))


@given(parts, st.integers(0, 9), keys, st.sampled_from(Leg), st.integers(0, 10_000))
def test_an_order_id_is_short_plain_and_repeatable(
    installation: str, epoch: int, key: SessionKey, leg: Leg, shot: int
) -> None:
    """At most 32 letters and digits, opened by the installation's tag."""
    name = client_order_id(installation, epoch, key, leg, shot)

    assert re.fullmatch(r"[A-Za-z0-9]{32}", name)
    assert name == client_order_id(installation, epoch, key, leg, shot)
    assert name.startswith(installation_tag(installation))


def test_no_two_orders_share_an_id() -> None:
    """Over installations, epochs, accounts, attempts, legs and shots."""
    names = [
        Installation(identity, epoch).order_id(
            SessionKey(account, ListingKey("mexc", "NEW", "USDT"), attempt), leg, shot
        )
        for identity, epoch, account, attempt, leg, shot in product(
            ("a", "b"), (0, 1), ("main", "second"), (1, 2, 11), Leg, range(30)
        )
    ]

    assert len(set(names)) == len(names)


@given(keys)
def test_a_session_key_reads_back_as_itself(key: SessionKey) -> None:
    """Through its text."""
    assert SessionKey.parse(str(key)) == key
    assert ListingKey.parse(str(key.listing)) == key.listing
    assert key.workflow_id == f"snipe/{key}"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "main",
        "main/mexc:NEW:USDT",
        "main/mexc:NEW:USDT/0",
        "main/mexc:NEW:USDT/01",
        "main/mexc:NEW:USDT/-1",
        "main/mexc:NEW:USDT/\u00b2",
        "main/mexc:NEW/1",
        "ma in/mexc:NEW:USDT/1",
        "/mexc:NEW:USDT/1",
        "main/mexc::USDT/1",
        "main/mexc:NEW:USDT/" + "9" * 5000,
    ],
)
def test_a_text_that_names_no_session_is_refused(text: str) -> None:
    """With a remedy, never with another exception."""
    with pytest.raises(InvalidInput):
        SessionKey.parse(text)


@pytest.mark.parametrize(("symbol", "pair"), [("NEWUSDT", ("NEW", "USDT")), ("1INCHUSDC", ("1INCH", "USDC"))])
def test_a_symbol_is_split_at_its_quote(symbol: str, pair: tuple[str, str]) -> None:
    """Known quotes end a pair."""
    assert split_symbol(symbol) == pair


@pytest.mark.parametrize("symbol", ["", "USDT", "newusdt", "NEWEUR", "NEW-USDT"])
def test_a_symbol_without_a_known_quote_is_refused(symbol: str) -> None:
    """An empty or foreign name has no pair."""
    with pytest.raises(InvalidInput):
        split_symbol(symbol)


@pytest.mark.parametrize("name", ["", "-a", "a/b", "a b", "a" * 33])
def test_an_account_that_cannot_be_part_of_ids_is_refused(name: str) -> None:
    """Letters, digits, dash and underscore."""
    with pytest.raises(InvalidInput):
        check_account(name)
