"""What the chart and the numbers beside it are made of."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

from adapters.postgres.read_models import PricePoint
from domain.events import FillSeen
from domain.orders import Side
from tests.ui.stand_ins import NOW, OPENING, a_detail, a_fill, a_line
from ui.chart import price_chart
from ui.sources import SessionStory
from ui.standing import marks_of, standing_of
from ui.timeline import Recorded

SEEN = (PricePoint(OPENING, Decimal("0.051"), Decimal("0.052")), PricePoint(OPENING + timedelta(seconds=1), None, None))


def a_story(*, bought: bool = True, prices: tuple[PricePoint, ...] = SEEN) -> SessionStory:
    fills = (a_fill(),) if bought else ()
    entries = tuple(Recorded(number, OPENING, FillSeen(fill)) for number, fill in enumerate(fills, 1))
    return SessionStory(a_detail(a_line(), *fills), entries, prices)


def values(spec: dict[str, Any], mark: str) -> list[dict[str, Any]]:
    """The data of every layer that draws `mark`."""
    return [row for layer in spec["layer"] if layer["mark"]["type"] == mark for row in layer["data"]["values"]]


def test_nothing_to_draw_is_no_chart() -> None:
    """An empty frame would look like a fault."""
    assert price_chart(a_story(bought=False, prices=())) is None


def test_the_chart_shows_price_opening_fills_entry_stop_and_ladder() -> None:
    """A missing bid is a gap, not a zero."""
    spec = price_chart(a_story())

    assert spec is not None
    assert [row["bid"] for row in values(spec, "line")] == [0.051]
    assert [(row["side"], row["price"]) for row in values(spec, "point")] == [("bought", 0.05)]
    levels = {row["label"]: round(row["price"], 6) for row in values(spec, "text")}
    assert levels == {
        "entry": 0.05,
        "stop -5 %": 0.0475,
        "+5 %: 25 %": 0.0525,
        "+10 %: 25 %": 0.055,
        "+15 %: 25 %": 0.0575,
        "+25 %: 25 %": 0.0625,
    }


def test_before_a_position_there_are_no_levels() -> None:
    """Nothing is known yet that they could be counted from."""
    assert marks_of(a_story(bought=False), a_line().policy) == ()


def test_what_a_sale_would_bring_counts_what_was_sold_already() -> None:
    """800 bought for 40 with a fee of 0.02, 400 sold for 22, 400 held at a bid of 0.051."""
    sold = a_fill(Side.SELL, quantity=Decimal(400), quote=Decimal(22), fee=Decimal(0), at=NOW)
    story = SessionStory(a_detail(a_line(), a_fill(), sold), (), SEEN)

    standing = standing_of(story)

    assert (standing.held, standing.bid) == (Decimal(400), Decimal("0.051"))
    assert standing.if_sold == Decimal(22) - Decimal(40) - Decimal("0.02") + Decimal("20.400")
