"""From a seed to a plan. Each part has dice of its own."""

import random
from dataclasses import replace
from decimal import Decimal
from typing import Any

from domain.money import Price, Quote
from domain.policy import EntryPolicy, EntryStrategy, ExitPolicy, LadderStep, TradePolicy, complaints
from tests.chaos.draw_faults import draw_faults, draw_timed, draw_wire_faults
from tests.chaos.draw_workers import draw_mishaps, draw_workers
from tests.chaos.plan import Plan, dice_of

OPEN_PRICE = Decimal("0.05")


def draw(seed: int) -> Plan:
    """Everything that happens in run `seed`, as far as it can be decided beforehand."""
    policy = draw_policy(seed)
    situation = dice_of(seed, "situation")
    opens_in_s = situation.uniform(5.0, 7.0)
    workers = draw_workers(dice_of(seed, "workers"), opens_in_s)
    return Plan(
        seed=seed,
        policy=policy,
        opens_in_s=opens_in_s,
        quote_free=Decimal(1000 if situation.random() < 0.95 else 15),
        coins_before=Decimal(situation.choice((0, 0, 500))),
        script=_script(dice_of(seed, "listing")),
        settings=_settings(dice_of(seed, "venue")),
        clock_offset_ms=situation.choice((0, situation.randint(-3000, 3000))),
        drift_ppm=situation.choice((0.0, situation.uniform(-200, 200))),
        faults=draw_faults(dice_of(seed, "faults")),
        timed=draw_timed(dice_of(seed, "timed faults")),
        wire_faults=draw_wire_faults(dice_of(seed, "wire")),
        workers=workers,
        mishaps=draw_mishaps(dice_of(seed, "mishaps"), workers, opens_in_s),
        one_folder=situation.random() < 0.7,
    )


def draw_policy(seed: int) -> TradePolicy:
    """Amounts, bounds and exits; usable, and over soon."""
    dice = dice_of(seed, "policy")
    ladder = (LadderStep(Decimal(dice.randint(2, 10)), Decimal(dice.choice((30, 50, 100)))),)
    exits = ExitPolicy(
        ladder=dice.choice((ladder, ladder, ())),
        stop_percent=Decimal(dice.choice((3, 5, 15))),
        stop_confirm_ms=dice.choice((0, 400)),
        time_stop_s=dice.randint(1, 4),
    )
    policy = TradePolicy(Quote(Decimal(dice.choice((7, 20, 50, 200)))), draw_entry(dice), exits)
    if found := complaints(policy):
        raise ValueError(f"seed {seed} draws a policy that cannot be used: {found}")
    return policy


def draw_entry(dice: random.Random) -> EntryPolicy:
    """The strategy and its numbers."""
    grace_s = dice.choice((3, 8, 12, 20))
    given = Price(OPEN_PRICE * dice.choice((Decimal("1.06"), Decimal("1.2"), Decimal("1.3"), Decimal(2))))
    policy = EntryPolicy(
        max_price=given if dice.random() < 0.7 else None,
        grace_s=grace_s,
        late_entry_s=dice.choice((0, 10, 60, 60)),
        clock_bound_ms=dice.choice((400, 1000)),
        recv_window_ms=dice.choice((300, 1000, 1000)),
        strategy=dice.choice(tuple(EntryStrategy)),
        late_max_price=dice.choice((None, None, Price(OPEN_PRICE * Decimal("1.1")))),
        window_s=grace_s + dice.randint(0, 5),
        burst_shots=dice.randint(2, 5),
        burst_spacing_ms=dice.choice((0, 20, 50, 200)),
        burst_first_ms=dice.choice((-200, -50, 0, 0, 100)),
        tranche_parts=dice.randint(2, 4),
        tranche_every_s=dice.randint(1, 2),
    )
    if policy.strategy is EntryStrategy.TRANCHE:
        last_begins_s = policy.tranche_every_s * (policy.tranche_parts - 1)
        policy = replace(policy, window_s=max(policy.window_s, last_begins_s + 1))
    return policy


def _script(dice: random.Random) -> dict[str, Any]:
    """A listing: when it is really open, what it refuses, and what is offered."""
    depth_quote, refill_s = dice.choice((15, 60, 400, 4000)), dice.choice((0.5, 2, 10))
    script: dict[str, Any] = {
        "name": dice.choice(("flat", "flat", "pump", "dump", "spike")),
        "open_price": str(OPEN_PRICE),
        "depth_quote": depth_quote,
        "refill_s": min(refill_s, 2) if depth_quote < 100 else refill_s,  # else it takes minutes to sell
        "takers_per_s": dice.choice((0, 2)),
        "tick_ms": 200,
        "levels": 5,
    }
    if dice.random() < 0.4:
        script["opens_late_ms"] = dice.choice((30, 120, 400, 1500, 2500))
    if dice.random() < 0.3:
        script["cap_price"] = str(OPEN_PRICE * dice.choice((Decimal("1.01"), Decimal("1.1"), Decimal("1.5"))))
    if dice.random() < 0.2:  # nothing is offered inside the bound at first
        script["path"] = ((0, 4), (dice.choice((0.3, 1.5, 3)), 4), (4, 1))
    if dice.random() < 0.1:
        script["halts"] = ({"at_s": dice.uniform(0.0, 3.0), "for_s": 1.5, "cancel_orders": dice.random() < 0.5},)
    if dice.random() < 0.04:
        script["never_api"] = True
    return script


def _settings(dice: random.Random) -> dict[str, Any]:
    """The venue takes repeated client order ids: then uniqueness is ours to keep."""
    return {
        "accept_repeated_ids": True,
        "buy_fee_asset": dice.choice(("quote", "quote", "base")),
        "cancel_shows": dice.choice(("before", "canceled")),
        "trades_lag_ms": dice.choice((0, 0, 300, 1500)),
        "orders_lag_ms": dice.choice((0, 0, 200, 1000)),
        "private_lag_ms": dice.choice((0, 0, 500)),
        "ban_after": 0,
    }
