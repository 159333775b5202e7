"""What can go wrong, in families that say what is known afterwards.

SniperError
  InvalidInput         somebody's value cannot be used; carries value, expectation and remedy
  Refused              a definite no: the venue did nothing
    OrderRejected      price, quantity, type or funds not accepted
      PriceRefused     the price is outside what the venue takes now; carries the cap when it was named
    NotTradable        not open yet, halted, closed to the API, or nobody to trade with
    AccessDenied       key, signature, permission or account: a human has to act
    ClockRefused       the timestamp was outside the venue's window
  TryAgain             nothing was changed; the same call may work later
    RateLimited        carries retry_after_s
      BudgetUsedUp     by our own count; the venue asked for no rest
  OutcomeUnknown       no answer, or none we trust: the order may live; reconcile, never re-send
  LeaseLost            somebody else may trade this session now; stand down
  StoreUnavailable     our own database does not answer; nothing is known to be written

Not here: bugs, which stay ordinary exceptions, and Temporal's failures (activities/failures.py).
"""

from decimal import Decimal


class SniperError(Exception):
    """Base of everything this project raises on purpose."""


class InvalidInput(SniperError):
    """A value that cannot be used. Its text is one line: what, the value, what was expected, what to do.

    value: None where none was given.
    """

    def __init__(self, what: str, *, value: object, expected: str, remedy: str) -> None:
        self.what = what
        self.value = value
        self.expected = expected
        self.remedy = remedy
        got = "not given" if value is None else f"got {value!r}"
        super().__init__(f"{what}: {got}, expected {expected}; {remedy}")


class Refused(SniperError):
    """The venue said no and did nothing. `code` is the venue's own number, None when it gave none."""

    def __init__(self, message: str, *, code: int | None = None) -> None:
        self.code = code
        super().__init__(message)


class OrderRejected(Refused):
    """Price, quantity, type or funds not accepted."""


class PriceRefused(OrderRejected):
    """The price is outside what the venue takes now. `cap`: highest price it named, None when it named none."""

    def __init__(self, message: str, *, code: int | None = None, cap: Decimal | None = None) -> None:
        self.cap = cap
        super().__init__(message, code=code)


class SizeRefused(OrderRejected):
    """The amount or the decimals of an order do not fit the symbol's rules, which may have changed."""


class NotTradable(Refused):
    """Not open yet, halted, or closed to the API; near an opening the first is the likely one."""


class AccessDenied(Refused):
    """Key, signature, permission or account trouble: no retry helps."""


class ClockRefused(Refused):
    """Our timestamp lay outside the venue's window."""


class TryAgain(SniperError):
    """Nothing was changed; the same call may work later."""


class RateLimited(TryAgain):
    """Too many requests. `retry_after_s`: seconds the venue asked us to wait, None when it did not say."""

    def __init__(self, message: str, *, retry_after_s: float | None = None) -> None:
        self.retry_after_s = retry_after_s
        super().__init__(message)


class BudgetUsedUp(RateLimited):
    """Our own request budget has no room for the call now. `retry_after_s`: until there is, at the latest; room may
    appear at any time, and the venue did not ask for any rest."""


class OutcomeUnknown(SniperError):
    """The request may or may not have been carried out."""


class LeaseLost(SniperError):
    """The session's lease has ended or has gone to a higher token."""


class StoreUnavailable(SniperError):
    """Our database cannot be reached; the call may be repeated."""
