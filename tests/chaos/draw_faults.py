"""What goes wrong at the venue and on the way to it."""

import random
from typing import Any

from tests.chaos.wire import WireFault

_QUESTIONS = (
    ("GET", "/api/v3/order"),
    ("GET", "/api/v3/openOrders"),
    ("GET", "/api/v3/myTrades"),
    ("GET", "/api/v3/account"),
    ("GET", "/api/v3/time"),
    ("GET", "/api/v3/exchangeInfo"),
    ("DELETE", "/api/v3/order"),
)


def draw_faults(dice: random.Random) -> tuple[dict[str, Any], ...]:
    """Of calls: often of the purchase, sometimes of a sale, sometimes of a question."""
    found: list[dict[str, Any]] = []
    if dice.random() < 0.6:
        found += [_of_order(dice, "BUY") for _ in range(dice.choice((1, 1, 2, 3)))]
    if dice.random() < 0.3:
        found.append(_of_order(dice, "SELL"))
    if dice.random() < 0.4:
        found += [_of_question(dice) for _ in range(dice.choice((1, 2)))]
    return tuple(found)


def _of_order(dice: random.Random, side: str) -> dict[str, Any]:
    match = {"method": "POST", "path": "/api/v3/order", "side": side}
    often = {"after": dice.choice((0, 0, 0, 1, 2)), "times": dice.choice((1, 1, 2))}
    return {"match": match, **_order_fault(dice), **often}


def _order_fault(dice: random.Random) -> dict[str, Any]:
    kind = dice.choice(
        (
            "lose_request",
            "lose_answer",
            "lose_answer",
            "late_answer",
            "late_answer",
            "garbled_answer",
            "truncated_answer",
            "unwell",
            "unwell",
            "too_many",
            "slow",
            "slow",
            "cancel_order",
        )
    )
    if kind == "late_answer":
        return {"kind": kind, "params": {"ms": dice.choice((100, 800, 3000, 7000))}}
    if kind == "unwell":  # 5xx, half of them after the order was taken
        status = dice.choice((500, 502, 503, 504))
        return {"kind": "status", "params": {"status": status, "when": dice.choice(("before", "after"))}}
    if kind == "too_many":
        params = {"status": 429, "retry_after_s": dice.choice((0, 1, 2)), "when": "before"}
        return {"kind": "status", "params": params}
    if kind == "slow":  # on its way in: it may arrive after its window
        return {"kind": "latency", "params": {"ms": dice.choice((50, 250, 700, 1500))}}
    if kind == "cancel_order":
        return {"kind": kind, "params": {"ms": 0}}
    return {"kind": kind}


def _of_question(dice: random.Random) -> dict[str, Any]:
    method, path = dice.choice(_QUESTIONS)
    kind = dice.choice(("lose_request", "lose_answer", "garbled_answer", "status", "latency"))
    params: dict[str, Any] = {}
    if kind == "status":
        params = dice.choice(({"status": 503}, {"status": 502}, {"status": 429, "retry_after_s": 1}))
    elif kind == "latency":
        params = {"ms": dice.choice((200, 1500)), "direction": dice.choice(("request", "answer"))}
    fault: dict[str, Any] = {"match": {"method": method, "path": path}, "kind": kind, "params": params}
    fault["after"] = dice.choice((0, 1, 3, 8))
    fault["times"] = dice.choice((1, 3))
    return fault


def draw_timed(dice: random.Random) -> tuple[tuple[float, dict[str, Any]], ...]:
    """Of streams and of the door, at instants about the opening."""
    if dice.random() < 0.75:
        return ()
    fault = dice.choice(
        (
            {"kind": "ws_drop", "params": {"streams": "all"}},
            {"kind": "ws_silent", "params": {"ms": 2000, "streams": "all"}},
            {"kind": "ws_refuse", "params": {"ms": 2000}},
            {"kind": "refuse_connections", "params": {"ms": dice.choice((300, 2000)), "cut": dice.random() < 0.7}},
        )
    )
    return ((dice.uniform(-1.0, 4.0), fault),)


def draw_wire_faults(dice: random.Random) -> tuple[WireFault, ...]:
    """Of single orders on their way."""
    if dice.random() < 0.5:
        return ()
    return tuple(
        WireFault(
            number,
            dice.choice(("duplicate", "late", "late_unanswered", "late_unanswered", "late_unanswered", "cut")),
            dice.choice((0.0, 0.1, 0.2, 0.4, 0.6, 0.9, 2.0)),
        )
        for number in sorted(dice.sample(range(4), dice.choice((1, 2, 2))))
    )
