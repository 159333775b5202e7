"""What the arm form's texts mean: a request, or everything that is wrong with them at once. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TypeVar

from domain.errors import InvalidInput
from domain.policy import EntryStrategy, LadderStep
from ui.arm_request import ArmRequest, reasons_against
from ui.inputs import (
    parse_count,
    parse_duration,
    parse_ladder,
    parse_milliseconds,
    parse_number,
    parse_opening,
    parse_percent,
)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Draft:
    """wish: what to ask for; None while a field is wrong or missing. wrong: every reason. missing: empty fields."""

    wish: ArmRequest | None
    wrong: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FormTexts:
    """The fields as they were typed. at: empty waits for a source; ladder: as "5:25,10:25", or none.

    max_price, late_max_price: empty: none. Those of one strategy: empty means the policy's own, and so does a field
    that is not shown.
    """

    symbol: str
    at: str
    budget: str
    max_price: str
    ladder: str
    stop: str
    time_stop: str
    arm_lead: str
    grace: str
    late_entry: str
    account: str
    unlisted: bool
    strategy: EntryStrategy = EntryStrategy.IOC_CAP
    markup: str = "10"
    late_max_price: str = ""
    window: str = ""
    burst_shots: str = ""
    burst_spacing: str = ""
    burst_start: str = ""
    tranches: str = ""
    tranche_every: str = ""


def read_form(texts: FormTexts, request: str, now: datetime, account: str) -> Draft:
    """request: the idempotency key the wish will carry. now: wall clock. account: the one of this installation."""
    required: Mapping[str, str] = {"pair": texts.symbol, "budget": texts.budget}
    missing = tuple(name for name, text in required.items() if not text.strip())
    if missing:
        return Draft(None, missing=missing)
    reading = _Reading()
    wish = ArmRequest(
        symbol=texts.symbol.strip().upper(),
        opens_at=reading.of(lambda: parse_opening(texts.at, now), None) if texts.at.strip() else None,
        budget=reading.of(lambda: parse_number("budget", texts.budget), Decimal(1)),
        max_price=reading.of_one(parse_number, "max price", texts.max_price),
        ladder=reading.of(lambda: parse_ladder(texts.ladder), (LadderStep(Decimal(5), Decimal(100)),)),
        stop_percent=reading.of(lambda: parse_percent("stop percent", texts.stop), Decimal(5)),
        time_stop_s=reading.of(lambda: parse_duration("time stop", texts.time_stop), 60),
        arm_lead_s=reading.of(lambda: parse_duration("arm lead", texts.arm_lead), 30),
        grace_s=reading.of(lambda: parse_duration("grace", texts.grace), 30),
        late_entry_s=reading.of(lambda: parse_duration("late entry", texts.late_entry), 0),
        strategy=texts.strategy,
        markup_percent=reading.of(lambda: parse_percent("markup", texts.markup), Decimal(10)),
        late_max_price=reading.of_one(parse_number, "late max price", texts.late_max_price),
        window_s=reading.of_one(parse_duration, "entry window", texts.window),
        burst_shots=reading.of_one(parse_count, "burst shots", texts.burst_shots),
        burst_spacing_ms=reading.of_one(parse_milliseconds, "burst spacing", texts.burst_spacing),
        burst_first_ms=reading.of_one(parse_milliseconds, "burst start", texts.burst_start),
        tranche_parts=reading.of_one(parse_count, "tranches", texts.tranches),
        tranche_every_s=reading.of_one(parse_duration, "tranche interval", texts.tranche_every),
        account=texts.account.strip(),
        unlisted=texts.unlisted,
        request=request,
    )
    wrong = (*reading.wrong, *reasons_against(wish, now, account))
    return Draft(None if wrong else wish, wrong)


class _Reading:
    """Reads field after field and remembers what could not be read."""

    def __init__(self) -> None:
        self.wrong: list[str] = []

    def of(self, read: Callable[[], T], harmless: T) -> T:
        """The field's value; `harmless` stands in for one that is wrong, so that the others are judged as well."""
        try:
            return read()
        except InvalidInput as exc:
            self.wrong.append(str(exc))
            return harmless

    def of_one(self, parse: Callable[[str, str], T], what: str, text: str) -> T | None:
        """The value of a field that may be left empty; None when it is, or is wrong."""
        return self.of(lambda: parse(what, text), None) if text.strip() else None
