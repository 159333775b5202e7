"""Whatever happens to a session, its budget holds, nothing of it is forgotten, and it ends."""

import pytest

from tests.desk.walk import Walk


async def walk(seeds: range) -> None:
    """Raises AssertionError with the stories of all that went wrong."""
    wrong = []
    for seed in seeds:
        one = Walk(seed)
        await one.carry_out()
        if one.found:
            wrong.append("\n".join((f"seed {seed}: {'; '.join(one.found)}", *one.story)))
    assert not wrong, "\n\n".join(wrong)


@pytest.mark.parametrize("first", range(0, 400, 100))
async def test_hundreds_of_walks_end_well(first: int) -> None:
    """Refused, lost and late orders, deaths, outages, aborts and falling prices in any order."""
    await walk(range(first, first + 100))


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize("first", range(1_000, 11_000, 1_000))
async def test_thousands_of_walks_end_well(first: int) -> None:
    """The same, where there is time for more."""
    await walk(range(first, first + 1_000))
