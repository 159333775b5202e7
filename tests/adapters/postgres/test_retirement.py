"""What becomes of sessions whose simulator is gone."""

from decimal import Decimal

import pytest

from adapters.postgres.reader import Reader
from adapters.postgres.retirement import retire_unclosed
from domain.events import PhaseEntered
from domain.money import Quote
from domain.session import Outcome, Phase
from tests.adapters.postgres.conftest import Stores
from tests.adapters.postgres.makers import a_new_session
from tests.builders import KEY

pytestmark = pytest.mark.postgres

REASON = "the simulator that held it was stopped"


async def test_an_unclosed_session_is_closed_as_failed_and_its_budget_is_free_again(
    stores: Stores, reader: Reader, database_url: str
) -> None:
    """The reason stands in the row, and a second retirement finds nothing."""
    await stores.sessions.admit(a_new_session())
    await stores.sessions.reserve(KEY, Quote(Decimal(50)), Quote(Decimal(60)))
    await stores.store.append(KEY, (PhaseEntered(Phase.WAITING), PhaseEntered(Phase.ARMING)))

    first = await retire_unclosed(database_url, REASON)
    second = await retire_unclosed(database_url, REASON)
    line = reader.sessions()[0]

    assert (first, second) == ((str(KEY),), ())
    assert (line.phase, line.outcome, line.reason) == (Phase.CLOSED, Outcome.FAILED, REASON)
    assert await stores.sessions.open_count("main") == 0
