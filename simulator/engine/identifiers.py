"""The venue's own names for orders, coins and pairs, in their shapes."""

import hashlib

KNOWN_COIN_IDS = {
    "USDT": "128f589271cb4951b03e71e6323eb7be",
    "MX": "8c1e92655f9a4064808ce03ec1a48d38",
    "BTC": "febc9973be4d4d53bb374476239eb219",
    "ETH": "93c38b0169214f8689763ce9a63a73ff",
    "USDC": "34309140878b4ae99f195ac091d49bab",
}


def coin_id(asset: str) -> str:
    """The asset's internal id, 32 hexadecimal digits; made up, but always the same, for unknown assets."""
    return KNOWN_COIN_IDS.get(asset) or symbol_id(asset)


def symbol_id(name: str) -> str:
    """A pair's internal id, 32 hexadecimal digits; made up, but always the same."""
    return hashlib.sha256(name.encode()).hexdigest()[:32]


class OrderIds:
    """Order ids as the venue writes them, unique within one run; the first 18 digits also name the trades."""

    def __init__(self, first: int) -> None:
        self._next = first % 10**17 + 7 * 10**17

    def next_id(self) -> str:
        """A new id: `C02__` and 21 digits."""
        self._next += 1
        return f"C02__{self._next}024"
