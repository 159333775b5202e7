"""Which venue orders go to. Not here: where it is (settings.py)."""

from enum import StrEnum

from domain.errors import InvalidInput


class VenueKind(StrEnum):
    """The venues that can be chosen with SNIPER_VENUE."""

    MEXC = "mexc"
    """Signed orders to an address on this machine: the simulator."""
    PAPER = "paper"
    """The public data of any address; orders exist in our database only, and no key is used."""

    @classmethod
    def parse(cls, text: str) -> "VenueKind":
        """Raises InvalidInput."""
        try:
            return cls(text)
        except ValueError:
            raise InvalidInput(
                "SNIPER_VENUE", value=text, expected=" or ".join(cls), remedy="set SNIPER_VENUE so, or leave it out"
            ) from None
