"""What the arm form's texts mean: a request, or everything that is wrong with them at once. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TypeVar

from domain.errors import InvalidInput
from domain.policy import LadderStep
from ui.arm_request import ArmRequest, reasons_against
from ui.inputs import parse_duration, parse_ladder, parse_number, parse_opening, parse_percent

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Draft:
    """wish: what to ask for; None while a field is wrong or missing. wrong: every reason. missing: empty fields."""

    wish: ArmRequest | None
    wrong: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FormTexts:
    """The fields as they were typed. at: empty waits for a source; ladder: as "5:25,10:25", or none."""

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


def read_form(texts: FormTexts, request: str, now: datetime) -> Draft:
    """request: the idempotency key the wish will carry. now: wall clock."""
    required: Mapping[str, str] = {"pair": texts.symbol, "budget": texts.budget, "highest price": texts.max_price}
    missing = tuple(name for name, text in required.items() if not text.strip())
    if missing:
        return Draft(None, missing=missing)
    reading = _Reading()
    wish = ArmRequest(
        symbol=texts.symbol.strip().upper(),
        opens_at=reading.of(lambda: parse_opening(texts.at, now), None) if texts.at.strip() else None,
        budget=reading.of(lambda: parse_number("budget", texts.budget), Decimal(1)),
        max_price=reading.of(lambda: parse_number("max price", texts.max_price), Decimal(1)),
        ladder=reading.of(lambda: parse_ladder(texts.ladder), (LadderStep(Decimal(5), Decimal(100)),)),
        stop_percent=reading.of(lambda: parse_percent("stop percent", texts.stop), Decimal(5)),
        time_stop_s=reading.of(lambda: parse_duration("time stop", texts.time_stop), 60),
        arm_lead_s=reading.of(lambda: parse_duration("arm lead", texts.arm_lead), 30),
        grace_s=reading.of(lambda: parse_duration("grace", texts.grace), 30),
        late_entry_s=reading.of(lambda: parse_duration("late entry", texts.late_entry), 0),
        account=texts.account.strip(),
        unlisted=texts.unlisted,
        request=request,
    )
    wrong = (*reading.wrong, *reasons_against(wish, now))
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
