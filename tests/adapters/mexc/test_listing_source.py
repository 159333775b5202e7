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
