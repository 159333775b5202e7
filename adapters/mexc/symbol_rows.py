"""The venue's own symbol list as it was told last: who asks for the whole list need not ask for a single symbol."""

from collections.abc import Mapping

from domain.ports import Clock


class SymbolRows:
    """Empty in a process that never asks for the list."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._asked_at = float("-inf")
        self._rows: Mapping[str, object] = {}

    def keep(self, rows: Mapping[str, object], asked_at: float) -> None:
        """rows: of exchangeInfo, by symbol. asked_at: local monotonic seconds."""
        self._asked_at, self._rows = asked_at, rows

    def of(self, symbol: str, at_most_s: float) -> object | None:
        """A symbol's row that was asked for at most so long ago; None: there is none, which proves nothing."""
        return self._rows.get(symbol) if self._clock.monotonic() - self._asked_at <= at_most_s else None
