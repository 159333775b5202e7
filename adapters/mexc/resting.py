"""How long the venue wants to be left alone. Memory only: whoever hears of it tells it at once, on any thread."""

import threading

_UNSAID_S = 1.0
"""How long everything rests when the venue limits us without saying for how long."""


class Rest:
    """One per process and account: whatever hears that the venue limits us, and whatever is about to send, shares it.

    until: local monotonic second before which nothing leaves.
    """

    def __init__(self) -> None:
        self.until = float("-inf")
        self._telling = threading.Lock()

    def left_s(self, now: float) -> float:
        """Seconds that are left at `now`, local monotonic seconds; zero: whoever wants to may send."""
        return max(0.0, self.until - now)

    def asked(self, at: float, seconds: float | None) -> float:
        """The venue asked for it at `at`, local monotonic seconds; returns when it ends. A shorter one than is kept
        already changes nothing.

        seconds: None: it did not say."""
        until = at + (_UNSAID_S if seconds is None else seconds)
        with self._telling:  # of two that are told at once the longer one stays
            self.until = max(self.until, until)
        return until
