"""Coming pairs are seen in the venue's symbol list."""

from typing import Any

from adapters.mexc.venue import MexcVenue
from domain.ids import ListingKey


async def test_a_coming_pair_is_told_with_its_opening_time(venue: MexcVenue, control: Any) -> None:
    """Also before it is open to the API; pairs that are long open are not told."""
    opens_at_ms = control.server.clock.now_ms() + 20_000
    await control.post("listings", symbol="NEWUSDT", opens_at=opens_at_ms)

    listings = await venue.listings.listings()

    assert [listing.symbol for listing in listings] == ["NEWUSDT"]
    assert listings[0].key == ListingKey("mexc", "NEW", "USDT")
    assert listings[0].opens_at.timestamp() * 1000 == opens_at_ms


async def test_who_asks_for_the_whole_list_gets_a_symbols_rules_from_it(venue: MexcVenue, control: Any) -> None:
    """They cost nothing more, for as long as the asker takes an old answer; what is not in it is asked for."""
    await venue.listings.listings()
    await control.post("listings", symbol="NEWUSDT", opens_at="+20s")
    used = venue.governor.status().used

    known = await venue.exchange.rules("BTCUSDT")
    assert venue.governor.status().used == used
    fresh = await venue.exchange.rules("BTCUSDT", 0.0)
    new = await venue.exchange.rules("NEWUSDT")

    assert known == fresh
    assert new is not None
    assert venue.governor.status().used != used
