"""What the operator wants of one trade: amounts, bounds and exits, with their checks."""

from dataclasses import dataclass, replace
from decimal import ROUND_FLOOR, Decimal
from enum import StrEnum

from domain.money import Price, Quote, plain

BUDGET_LIMIT = Quote(Decimal(500))
"""Hard cap of one session's budget, in quote."""
DEFAULT_BUDGET = Quote(Decimal(100))
MAX_LADDER_STEPS = 6
LONGEST_LATE_ENTRY_S = 600
_SLICE_STEP = Decimal("0.00000001")
_LENGTH = "choose a length inside"


@dataclass(frozen=True, slots=True)
class LadderStep:
    """Sell `share_percent` of the initial quantity once the price is `gain_percent` above entry."""

    gain_percent: Decimal
    share_percent: Decimal


DEFAULT_LADDER = tuple(LadderStep(Decimal(gain), Decimal(25)) for gain in (5, 10, 15, 25))


class EntryStrategy(StrEnum):
    """How a budget is turned into orders."""

    IOC_CAP = "ioc_cap"
    """One order after the other, each for what is left, filled at once inside its price or not at all."""
    LIMIT = "limit"
    """One order at the price bound that rests until it is filled or the entry's window ends."""
    MARKET = "market"
    """Orders at whatever price is offered, by amount of quote; the price is looked at before, not guaranteed."""
    BURST = "burst"
    """Several orders that overlap around the opening, each on its own slice of the budget."""
    TRANCHE = "tranche"
    """Parts of the budget, one after the other in time."""


@dataclass(frozen=True, slots=True)
class EntryPolicy:
    """How the purchase may be made.

    max_price: never pay more per base unit; None: the bound is the best ask seen after the opening plus the markup, and
        before one is seen nothing is sent.
    grace_s: seconds after the opening during which "not open yet" is answered by another shot.
    late_entry_s: seconds after the opening during which a first shot may still go out after a crash or a late
        arming; zero: late means missed.
    clock_bound_ms: a session does not arm when our knowledge of the exchange's clock is worse than this.
    recv_window_ms: how long the venue may take an order after its timestamp; also how long an unknown outcome
        stays unknown. At most 1,000.
    markup_percent: how far above the best ask an order may reach, where one is known; never above max_price.
    late_max_price: the price bound of an entry whose first shot leaves late; None: max_price.
    window_s: limit and tranche only: seconds after the opening at which what rests is taken off the book, and after
        which no part begins.
    burst_shots, burst_spacing_ms, burst_first_ms: burst only: how many overlap, how far apart, and when the first one
        arrives relative to the opening; negative is before it.
    tranche_parts, tranche_every_s: tranche only: how many parts, and how far apart their beginnings are.
    """

    max_price: Price | None
    grace_s: int = 30
    late_entry_s: int = 0
    clock_bound_ms: int = 100
    recv_window_ms: int = 1000
    strategy: EntryStrategy = EntryStrategy.IOC_CAP
    markup_percent: Decimal = Decimal(10)
    late_max_price: Price | None = None
    window_s: int = 60
    burst_shots: int = 3
    burst_spacing_ms: int = 50
    burst_first_ms: int = 0
    tranche_parts: int = 4
    tranche_every_s: int = 10

    @property
    def slices(self) -> int:
        """Into how many equal slices the budget is split; each has to buy a smallest order of its own."""
        if self.strategy is EntryStrategy.BURST:
            return self.burst_shots
        return self.tranche_parts if self.strategy is EntryStrategy.TRANCHE else 1

    def slice_of(self, budget: Quote) -> Quote:
        """One of them, rounded down, so that together they never exceed the budget."""
        if self.slices <= 1:
            return budget
        return Quote((budget / self.slices).quantize(_SLICE_STEP, ROUND_FLOOR))

    def bound(self, *, late: bool) -> Price | None:
        """The operator's price bound; None: he gave none. late: the first shot leaves after the opening was missed."""
        return self.late_max_price if late and self.late_max_price is not None else self.max_price


@dataclass(frozen=True, slots=True)
class ExitPolicy:
    """How the position is closed; the first trigger wins and the stop beats the ladder.

    ladder: ascending steps that rest on the exchange as limit orders.
    stop_percent: sell all when the best bid is this far below the average entry price.
    stop_confirm_ms: the bid must stay there this long: one wide spread is not a crash.
    time_stop_s: sell what is left this many seconds after the first fill.
    """

    ladder: tuple[LadderStep, ...] = DEFAULT_LADDER
    stop_percent: Decimal = Decimal(5)
    stop_confirm_ms: int = 400
    time_stop_s: int = 3600


@dataclass(frozen=True, slots=True)
class TradePolicy:
    """Everything the operator decides about one session.

    budget_quote: hard limit of what the entry may cost, fees included.
    arm_lead_s: seconds before the opening at which the session is handed to the desk.
    """

    budget_quote: Quote
    entry: EntryPolicy
    exits: ExitPolicy = ExitPolicy()
    arm_lead_s: int = 30


@dataclass(frozen=True, slots=True)
class PolicyChange:
    """What of a running session's policy shall change; None leaves a value as it is."""

    max_price: Price | None = None
    ladder: tuple[LadderStep, ...] | None = None
    stop_percent: Decimal | None = None
    time_stop_s: int | None = None

    def applied_to(self, policy: TradePolicy) -> TradePolicy:
        """The policy with the change carried out; not yet checked."""
        entry = policy.entry if self.max_price is None else replace(policy.entry, max_price=self.max_price)
        exits = replace(
            policy.exits,
            ladder=policy.exits.ladder if self.ladder is None else self.ladder,
            stop_percent=policy.exits.stop_percent if self.stop_percent is None else self.stop_percent,
            time_stop_s=policy.exits.time_stop_s if self.time_stop_s is None else self.time_stop_s,
        )
        return replace(policy, entry=entry, exits=exits)


def complaints(policy: TradePolicy) -> tuple[str, ...]:
    """Every reason why `policy` cannot be used, each with value, expectation and remedy; empty when it can."""
    found: list[str] = []
    entry, exits = policy.entry, policy.exits
    _above(found, "budget", policy.budget_quote, 0, BUDGET_LIMIT, "", "choose an amount inside the limit")
    for what, price in (("max price", entry.max_price), ("late max price", entry.late_max_price)):
        if price is not None and (not price.is_finite() or price <= 0):
            found.append(f"{what}: got {price}, expected more than 0; give a positive price")
    _from(found, "stop percent", exits.stop_percent, 1, 50, " %", "the stop is mandatory")
    _above(found, "time stop", exits.time_stop_s, 0, 30 * 86400, " s")
    _from(found, "arm lead", policy.arm_lead_s, 5, 600, " s")
    _from(found, "grace", entry.grace_s, 0, 120, " s")
    _from(found, "late entry", entry.late_entry_s, 0, LONGEST_LATE_ENTRY_S, " s")
    _above(found, "recv window", entry.recv_window_ms, 0, 1000, " ms")
    _above(found, "clock bound", entry.clock_bound_ms, 0, 1000, " ms")
    _from(found, "stop confirmation", exits.stop_confirm_ms, 0, 60_000, " ms")
    _strategy(found, entry)
    _ladder(found, exits.ladder)
    return tuple(found)


def _strategy(found: list[str], entry: EntryPolicy) -> None:
    """What belongs to one strategy is judged with it only."""
    _from(found, "markup", entry.markup_percent, 0, 100, " %", "choose a share inside")
    _above(found, "entry window", entry.window_s, 0, 600, " s")
    if entry.strategy is EntryStrategy.BURST:
        _from(found, "burst shots", entry.burst_shots, 2, 5, "", "choose 2 to 5")
        _from(found, "burst spacing", entry.burst_spacing_ms, 0, 1000, " ms")
        _from(found, "burst start", entry.burst_first_ms, -200, 1000, " ms")
    if entry.strategy is EntryStrategy.TRANCHE:
        _from(found, "tranches", entry.tranche_parts, 2, 10, "", "choose 2 to 10")
        _from(found, "tranche interval", entry.tranche_every_s, 1, 300, " s")
        if (last := entry.tranche_every_s * (entry.tranche_parts - 1)) >= entry.window_s:
            found.append(
                f"entry window: got {entry.window_s} s, expected more than the {last} s after which the last tranche "
                "begins; widen the window or buy in fewer parts"
            )


def _from(
    found: list[str], what: str, value: Decimal | int, low: int, high: int, unit: str, remedy: str = _LENGTH
) -> None:
    if not (Decimal(value).is_finite() and low <= value <= high):
        found.append(f"{what}: got {value}{unit}, expected from {low} to {high}{unit}; {remedy}")


def _above(
    found: list[str], what: str, value: Decimal | int, low: int, high: Decimal | int, unit: str, remedy: str = _LENGTH
) -> None:
    if not (Decimal(value).is_finite() and low < value <= high):
        found.append(f"{what}: got {value}{unit}, expected more than {low} to {plain(Decimal(high))}{unit}; {remedy}")


def _ladder(found: list[str], ladder: tuple[LadderStep, ...]) -> None:
    if len(ladder) > MAX_LADDER_STEPS:
        found.append(f"ladder: got {len(ladder)} steps, expected at most {MAX_LADDER_STEPS}; merge some")
    gains = [step.gain_percent for step in ladder]
    if any(not (gain.is_finite() and Decimal("0.1") <= gain <= 5000) for gain in gains) or gains != sorted(set(gains)):
        shown = ", ".join(str(gain) for gain in gains)
        found.append(f"ladder gains: got {shown}, expected ascending percentages from 0.1 to 5000; reorder them")
    shares = [step.share_percent for step in ladder]
    if any(not (share.is_finite() and share > 0) for share in shares) or sum(shares) > 100:
        shown = ", ".join(str(share) for share in shares)
        found.append(f"ladder shares: got {shown}, expected positive percentages that sum to at most 100; lower them")
