"""Exact decimals and how they look on the wire.

Every sum and product of money goes through EXACT: it has room for any product of two venue numbers and raises instead
of rounding, so that no asset can appear or vanish by arithmetic.
"""

import re
from decimal import ROUND_DOWN, ROUND_FLOOR, ROUND_HALF_EVEN, Context, Decimal, Inexact, InvalidOperation

EXACT = Context(prec=96, traps=[Inexact, InvalidOperation])
_ROUNDING = Context(prec=96, traps=[InvalidOperation])

ZERO = Decimal(0)
ONE = Decimal(1)

BALANCE_SCALE = 18  # the venue's balances carry up to 18 decimals
LEGAL_RANGE = r"^([0-9]{1,20})(\.[0-9]{1,20})?$"
_LEGAL = re.compile(LEGAL_RANGE)
_STEPS = tuple(Decimal(1).scaleb(-scale) for scale in range(41))


def add(left: Decimal, right: Decimal) -> Decimal:
    """The exact sum."""
    return EXACT.add(left, right)


def subtract(left: Decimal, right: Decimal) -> Decimal:
    """The exact difference."""
    return EXACT.subtract(left, right)


def multiply(left: Decimal, right: Decimal) -> Decimal:
    """The exact product."""
    return EXACT.multiply(left, right)


def parse_plain(text: str) -> Decimal | None:
    """The number of a legal plain decimal (no sign, no exponent, no bare point); None when the text is none."""
    return Decimal(text) if _LEGAL.fullmatch(text) else None


def step(scale: int) -> Decimal:
    """The smallest change at `scale` decimals, e.g. 0.01 at 2."""
    return _STEPS[scale]


def round_down(value: Decimal, scale: int) -> Decimal:
    """`value` cut to `scale` decimals, towards zero."""
    return value.quantize(_STEPS[scale], rounding=ROUND_DOWN, context=_ROUNDING)


def round_nearest(value: Decimal, scale: int) -> Decimal:
    """`value` at `scale` decimals, halves to even."""
    return value.quantize(_STEPS[scale], rounding=ROUND_HALF_EVEN, context=_ROUNDING)


def floor_divide(numerator: Decimal, denominator: Decimal, scale: int) -> Decimal:
    """The largest number of `scale` decimals whose product with `denominator` does not exceed `numerator`."""
    quotient = _ROUNDING.divide(numerator, denominator)
    return quotient.quantize(_STEPS[scale], rounding=ROUND_FLOOR, context=_ROUNDING)


def share(part: Decimal, whole: Decimal) -> Decimal:
    """`part` of `whole`, cut to four decimals; zero when there is no whole."""
    return floor_divide(part, whole, 4) if whole else ZERO


def fits(value: Decimal, scale: int) -> bool:
    """Whether `value` needs no more than `scale` decimals; trailing zeros do not count."""
    return value == round_down(value, scale)


def padded(value: Decimal, scale: int) -> str:
    """With zeros up to `scale` decimals, as depth, book tickers and orders show it."""
    return format(round_down(value, scale), "f")


def trimmed(value: Decimal) -> str:
    """Without trailing zeros and without exponent, as last prices and balances show it."""
    text = format(value, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return text
