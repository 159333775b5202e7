"""Which symbols the venue lets API clients trade, and at what fees."""

from decimal import Decimal

from adapters.mexc import build, parse
from adapters.mexc.kept import Kept
from adapters.mexc.limits import Priority
from adapters.mexc.rest import SignedRest
from domain import ages


class MexcSymbols:
    """Lists and fees of one account, kept for a while."""

    def __init__(self, signed: SignedRest) -> None:
        clock = signed.rest.clock
        self._signed = signed
        self._anyone: Kept[frozenset[str]] = Kept(clock)
        self._own: Kept[frozenset[str]] = Kept(clock)
        self._fees: dict[str, Kept[tuple[Decimal, Decimal]]] = {}

    async def for_anyone(self, at_most_s: float = ages.SYMBOLS_S) -> frozenset[str]:
        """What clients in general may trade."""
        return await self._anyone.get(at_most_s, self._ask_anyone)

    async def for_this_key(self, at_most_s: float = ages.SYMBOLS_S) -> frozenset[str]:
        """What this key may trade. Raises AccessDenied for a key that may not ask."""
        return await self._own.get(at_most_s, self._ask_own)

    async def fees(self, symbol: str, at_most_s: float = ages.RULES_S) -> tuple[Decimal, Decimal]:
        """Maker's and taker's fee of this account, as shares of the traded value."""
        kept = self._fees.setdefault(symbol, Kept(self._signed.rest.clock))
        return await kept.get(at_most_s, lambda: self._ask_fees(symbol))

    async def _ask_anyone(self) -> frozenset[str]:
        return await self._signed.rest.read(build.DEFAULT_SYMBOLS, (), parse.symbols)

    async def _ask_own(self) -> frozenset[str]:
        return await self._signed.read(build.OWN_SYMBOLS, (), parse.symbols, Priority.POLL)

    async def _ask_fees(self, symbol: str) -> tuple[Decimal, Decimal]:
        return await self._signed.read(build.TRADE_FEE, (("symbol", symbol),), parse.fees, Priority.POLL)
