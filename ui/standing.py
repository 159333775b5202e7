"""Where a session stands now, and what its exits are at: pure arithmetic over what pages have read."""

from dataclasses import dataclass
from decimal import Decimal

from domain.exits import stop_price
from domain.money import NO_BASE, Base, Price
from domain.policy import TradePolicy
from ui.sources import SessionStory


@dataclass(frozen=True, slots=True)
class Standing:
    """held: base. entry: average paid per base before fees; bid: the guard's last; if_sold: quote won or lost if all
    were sold at the bid, fees so far included and those of the sale left out. None: not known, or nothing is held."""

    held: Base = NO_BASE
    entry: Price | None = None
    bid: Decimal | None = None
    if_sold: Decimal | None = None


def standing_of(story: SessionStory) -> Standing:
    """From fills and the newest price."""
    position = story.detail.position
    bid = next((point.bid for point in reversed(story.prices) if point.bid is not None), None)
    if_sold = None
    if bid is not None and position.held > 0:
        if_sold = position.realised_quote + position.held * bid
    return Standing(position.held, position.average_entry, bid, if_sold)


@dataclass(frozen=True, slots=True)
class Mark:
    """A price that means something. kind: entry, stop or ladder."""

    kind: str
    label: str
    price: Decimal


def marks_of(story: SessionStory, policy: TradePolicy) -> tuple[Mark, ...]:
    """Entry, stop and ladder of a position; nothing before there is one."""
    entry = story.detail.position.average_entry
    if entry is None:
        return ()
    stop = stop_price(story.detail.position, policy.exits)
    assert stop is not None  # there is an entry
    steps = [
        Mark("ladder", f"+{step.gain_percent} %: {step.share_percent} %", entry * (1 + step.gain_percent / 100))
        for step in policy.exits.ladder
    ]
    return (
        Mark("entry", "entry", entry),
        Mark("stop", f"stop -{policy.exits.stop_percent} %", stop),
        *steps,
    )
