"""How long to wait before trying again. Pure."""

SHORTEST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 5.0


def pause_s(failures: int, share: float, longest_s: float = LONGEST_PAUSE_S) -> float:
    """How long to wait after the n-th failure in a row: doubling, and cut by up to half so that many do not come back
    together. share: a random number from 0 to 1."""
    return min(longest_s, SHORTEST_PAUSE_S * 2.0 ** min(failures - 1, 10)) * (1 - share / 2)
