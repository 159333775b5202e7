"""Three processes of one account that want ten times what the venue allows."""

import pytest

from benchmarks import governor
from benchmarks.governor import storm

SECONDS = 20.0


@pytest.mark.long
async def test_three_processes_at_ten_times_the_limit_are_never_limited_by_the_venue() -> None:
    """They share the budget through a real Redis. How long exits wait is measured in benchmarks.governor; here, that
    each was let out, and that the budget was used and not merely saved."""
    told = await storm(SECONDS)

    assert told.limited_by_venue == 0
    assert told.failed == []
    assert told.exits_refused == 0
    assert told.offered >= SECONDS * 3 * (governor.ENTRIES_PER_S + governor.READS_PER_S)
    assert len(told.waits_s) == told.exits >= 3 * (SECONDS // governor.EXIT_EVERY_S)
    assert told.left >= SECONDS * 6
