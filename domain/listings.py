"""A listing as sources tell it."""

from dataclasses import dataclass
from datetime import datetime

from domain.ids import ListingKey


@dataclass(frozen=True, slots=True)
class Listing:
    """One pair about to open.

    symbol: the venue's pair name. opens_at: exchange time. revision: rises when the opening time changes; zero: not
    stored yet.
    """

    key: ListingKey
    symbol: str
    opens_at: datetime
    revision: int = 0
