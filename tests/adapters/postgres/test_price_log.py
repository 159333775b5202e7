"""Prices are kept for the eye: thinned, in order, and without ever standing in a guard's way."""

from datetime import timedelta
from decimal import Decimal

import pytest

from adapters.clock import SystemClock
from adapters.postgres.database import Database
from adapters.postgres.price_log import MOST_WAITING, PostgresPriceLog
from adapters.postgres.reader import Reader
from domain.errors import StoreUnavailable
from domain.money import Price
from domain.quotes import TopOfBook
from tests.adapters.postgres.conftest import Stores
from tests.adapters.postgres.makers import a_new_session
from tests.builders import KEY, T0

pytestmark = pytest.mark.postgres


def a_quote(after_s: float, bid: str | None = "0.05") -> TopOfBook:
    return TopOfBook(
        "NEWUSDT", None if bid is None else Price(Decimal(bid)), Price(Decimal("0.06")), T0 + timedelta(seconds=after_s)
    )


@pytest.fixture
async def log(stores: Stores) -> PostgresPriceLog:
    """Written only when the test says so."""
    await stores.sessions.admit(a_new_session(KEY))
    return PostgresPriceLog(stores.database, SystemClock())


async def test_the_last_price_of_each_half_second_is_kept(log: PostgresPriceLog, reader: Reader) -> None:
    """A missing side stays missing."""
    for after_s, bid in ((0.0, "0.05"), (0.3, "0.051"), (0.6, None)):
        log.note(KEY, a_quote(after_s, bid))
    await log.write()

    kept = [(point.at, point.bid) for point in reader.prices(KEY)]
    assert kept == [(T0 + timedelta(seconds=0.3), Decimal("0.051")), (T0 + timedelta(seconds=0.6), None)]


async def test_a_long_guard_is_shown_in_few_points(log: PostgresPriceLog, reader: Reader) -> None:
    """From the first price to the last."""
    for number in range(1000):
        log.note(KEY, a_quote(number * 0.5))
    await log.write()

    shown = [point.at for point in reader.prices(KEY, points=100)]
    assert 100 <= len(shown) <= 103
    assert (shown[0], shown[-1]) == (T0, T0 + timedelta(seconds=499.5))


async def test_while_the_store_is_away_the_newest_prices_wait(stores: Stores, reader: Reader) -> None:
    """Memory stays bounded, and what is left is written once the store is back."""
    await stores.sessions.admit(a_new_session(KEY))
    away = Database("postgresql://nobody@127.0.0.1:1/nowhere")
    log = PostgresPriceLog(away, SystemClock())
    for number in range(MOST_WAITING + 10):
        log.note(KEY, a_quote(number * 0.5))
    with pytest.raises(StoreUnavailable):
        await log.write()
    log._database = stores.database
    await log.write()

    shown = reader.prices(KEY, points=10 * MOST_WAITING)
    assert len(shown) == MOST_WAITING
    assert shown[-1].at == T0 + timedelta(seconds=(MOST_WAITING + 9) * 0.5)
