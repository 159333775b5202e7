"""Names a shell may complete: sessions and pairs. Asked while somebody types, so whatever goes wrong is silence."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from adapters.postgres.reader import Reader

_LOOK_AT = 50


def session_names(incomplete: str) -> list[str]:
    """Sessions by their keys, and their pairs."""
    return _names(
        incomplete, lambda reader: (n for line in reader.sessions(limit=_LOOK_AT) for n in (line.symbol, str(line.key)))
    )


def symbols(incomplete: str) -> list[str]:
    """Pairs of coming listings."""
    return _names(incomplete, lambda reader: (listing.symbol for listing in reader.upcoming(limit=_LOOK_AT)))


def strategies(incomplete: str) -> list[str]:
    """Ways of buying."""
    from domain.policy import EntryStrategy

    return [name for name in EntryStrategy if name.startswith(incomplete.lower())]


def _names(incomplete: str, read: "Callable[[Reader], Iterable[str]]") -> list[str]:
    from cli.access import open_reader
    from domain.errors import SniperError

    try:
        with open_reader() as reader:
            found = list(read(reader))
    except SniperError:
        return []
    return [name for name in dict.fromkeys(found) if name.lower().startswith(incomplete.lower())]
