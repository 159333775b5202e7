"""The picture of one session: what the price did, where we bought and sold, and what the exits wait for.

A Vega-Lite specification: plain data, drawn by the browser. Prices lose digits here that no eye can see.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from domain.events import FillSeen
from domain.orders import Fill
from ui.sources import SessionStory
from ui.standing import Mark, marks_of
from ui.timeline import happened_at

Spec = dict[str, Any]

_INK = "#66788c"
_BUY, _SELL = "#0f6fde", "#e07b00"
_COLORS: Mapping[str, str] = {"entry": _BUY, "stop": "#d03838", "ladder": "#2f8f3a"}
_HEIGHT = 320


def price_chart(story: SessionStory) -> Spec | None:
    """None while there is nothing to draw: no price was seen and nothing was bought."""
    if not story.prices and not _fills_in_time(story):
        return None
    line = story.detail.line
    fills = _fills_in_time(story)
    last = max([point.at for point in story.prices] + [at for at, _ in fills])
    layers = [_bids(story)] if story.prices else []
    layers.append(_opening(line.opens_at))
    for mark in marks_of(story, line.policy):
        layers += _level(mark, last)
    if fills:
        layers.append(_fills(fills))
    return {"height": _HEIGHT, "layer": layers}


def _bids(story: SessionStory) -> Spec:
    rows = [{"at": _instant(point.at), "bid": float(point.bid)} for point in story.prices if point.bid is not None]
    return {
        "data": {"values": rows},
        "mark": {"type": "line", "color": _INK, "strokeWidth": 1.6, "interpolate": "step-after"},
        "encoding": {"x": _time("at"), "y": _price("bid"), "tooltip": [_when("at"), _number("bid", "best bid")]},
    }


def _opening(opens_at: datetime) -> Spec:
    return {
        "data": {"values": [{"at": _instant(opens_at)}]},
        "mark": {"type": "rule", "color": _INK, "strokeDash": [1, 3]},
        "encoding": {"x": _time("at"), "tooltip": [_when("at")]},
    }


def _level(mark: Mark, last: datetime) -> list[Spec]:
    """A line across the picture, with its name at the right end."""
    data = {"values": [{"price": float(mark.price), "label": mark.label, "at": _instant(last)}]}
    color = _COLORS[mark.kind]
    dash = [1, 0] if mark.kind == "entry" else [5, 4]
    return [
        {
            "data": data,
            "mark": {"type": "rule", "color": color, "strokeDash": dash, "strokeWidth": 1.2},
            "encoding": {"y": _price("price")},
        },
        {
            "data": data,
            "mark": {"type": "text", "color": color, "align": "right", "dy": -6, "fontSize": 11},
            "encoding": {"x": _time("at"), "y": _price("price"), "text": {"field": "label", "type": "nominal"}},
        },
    ]


def _fills_in_time(story: SessionStory) -> list[tuple[datetime, Fill]]:
    """The venue tells whole seconds only: a fill then stands where its record does."""
    return [(happened_at(entry, {}), entry.event.fill) for entry in story.entries if isinstance(entry.event, FillSeen)]


def _fills(fills: Sequence[tuple[datetime, Fill]]) -> Spec:
    rows = [
        {
            "at": _instant(at),
            "price": float(fill.price),
            "quantity": str(fill.quantity),
            "side": "bought" if fill.side == "buy" else "sold",
        }
        for at, fill in fills
    ]
    sides = ["bought", "sold"]
    return {
        "data": {"values": rows},
        "mark": {"type": "point", "filled": True, "size": 90, "opacity": 0.95},
        "encoding": {
            "x": _time("at"),
            "y": _price("price"),
            "shape": {
                "field": "side",
                "type": "nominal",
                "scale": {"domain": sides, "range": ["triangle-up", "triangle-down"]},
                "legend": {"title": None, "orient": "top-left"},
            },
            "color": {
                "field": "side",
                "type": "nominal",
                "scale": {"domain": sides, "range": [_BUY, _SELL]},
                "legend": {"title": None, "orient": "top-left"},
            },
            "tooltip": [
                _when("at"),
                {"field": "side", "type": "nominal"},
                _number("price", "price"),
                {"field": "quantity", "type": "nominal"},
            ],
        },
    }


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _time(field: str) -> Spec:
    axis = {"format": "%H:%M:%S", "labelOverlap": True, "title": None}
    return {"field": field, "type": "temporal", "scale": {"type": "utc"}, "axis": axis}


def _price(field: str) -> Spec:
    return {"field": field, "type": "quantitative", "scale": {"zero": False}, "axis": {"format": "~g", "title": None}}


def _when(field: str) -> Spec:
    return {"field": field, "type": "temporal", "title": "at", "format": "%H:%M:%S.%L", "formatType": "utc"}


def _number(field: str, title: str) -> Spec:
    return {"field": field, "type": "quantitative", "title": title, "format": "~g"}
