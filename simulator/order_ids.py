"""Order ids, in the venue's own shape."""


class OrderIds:
    """Order ids as the venue writes them, unique within one run; the first 18 digits also name the trades."""

    def __init__(self, first: int) -> None:
        self._next = first % 10**17 + 7 * 10**17

    def next_id(self) -> str:
        """A new id: `C02__` and 21 digits."""
        self._next += 1
        return f"C02__{self._next}024"
