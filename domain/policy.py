"""What the operator wants of one trade: amounts, bounds and exits, with their checks."""

from dataclasses import dataclass, replace
from decimal import Decimal

from domain.money import Price, Quote, plain

BUDGET_LIMIT = Quote(Decimal(500))
"""Hard cap of one session's budget, in quote."""
DEFAULT_BUDGET = Quote(Decimal(100))
MAX_LADDER_STEPS = 6


@dataclass(frozen=True, slots=True)
class LadderStep:
    """Sell `share_percent` of the initial quantity once the price is `gain_percent` above entry."""

    gain_percent: Decimal
    share_percent: Decimal


DEFAULT_LADDER = tuple(LadderStep(Decimal(gain), Decimal(25)) for gain in (5, 10, 15, 25))


@dataclass(frozen=True, slots=True)
class EntryPolicy:
    """How the purchase may be made.

    max_price: never pay more per base unit.
    grace_s: seconds after the opening during which "not open yet" is answered by another shot.
    late_entry_s: seconds after the opening during which a first shot may still go out after a crash or a late
        arming; zero: late means missed.
    clock_bound_ms: a session does not arm when our knowledge of the exchange's clock is worse than this.
    recv_window_ms: how long the venue may take an order after its timestamp; also how long an unknown outcome
        stays unknown. At most 1,000.
    """

    max_price: Price
    grace_s: int = 30
    late_entry_s: int = 0
    clock_bound_ms: int = 100
    recv_window_ms: int = 1000


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
    _between(found, "budget", policy.budget_quote, Decimal(0), BUDGET_LIMIT, "choose an amount inside the limit")
    if not policy.entry.max_price.is_finite() or policy.entry.max_price <= 0:
        found.append(
            f"max price: got {policy.entry.max_price}, expected more than 0; without a price bound no order is sent"
        )
    _between(
        found, "stop percent", policy.exits.stop_percent, Decimal(1), Decimal(50), "the stop is mandatory", low_ok=True
    )
    _between(
        found, "time stop", Decimal(policy.exits.time_stop_s), Decimal(0), Decimal(30 * 86400), "give it in seconds"
    )
    _between(found, "arm lead", Decimal(policy.arm_lead_s), Decimal(5), Decimal(600), "give it in seconds", low_ok=True)
    _between(found, "grace", Decimal(policy.entry.grace_s), Decimal(0), Decimal(120), "give it in seconds", low_ok=True)
    _between(
        found,
        "late entry",
        Decimal(policy.entry.late_entry_s),
        Decimal(0),
        Decimal(600),
        "give it in seconds",
        low_ok=True,
    )
    _between(
        found, "recv window", Decimal(policy.entry.recv_window_ms), Decimal(0), Decimal(1000), "give it in milliseconds"
    )
    _between(
        found, "clock bound", Decimal(policy.entry.clock_bound_ms), Decimal(0), Decimal(1000), "give it in milliseconds"
    )
    _between(
        found,
        "stop confirmation",
        Decimal(policy.exits.stop_confirm_ms),
        Decimal(0),
        Decimal(60_000),
        "give it in milliseconds",
        low_ok=True,
    )
    _ladder(found, policy.exits.ladder)
    return tuple(found)


def _between(
    found: list[str], what: str, value: Decimal, low: Decimal, high: Decimal, remedy: str, *, low_ok: bool = False
) -> None:
    inside = value.is_finite() and (value >= low if low_ok else value > low) and value <= high
    if not inside:
        word = "from" if low_ok else "more than"
        found.append(f"{what}: got {value}, expected {word} {plain(low)} to {plain(high)}; {remedy}")


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
