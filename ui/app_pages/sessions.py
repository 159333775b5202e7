"""The sessions page: what runs, what ran, and everything one session did. It only looks.

Reads projections; while the database is away it says so and keeps the last answer with its age.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import streamlit as st

from adapters.postgres.read_models import SessionLine
from domain.errors import SniperError
from domain.money import plain
from domain.orders import Fill, Order
from domain.session import Phase
from ui.latest import Seen
from ui.sources import PanelSource, SessionStory, open_source
from ui.timeline import lines
from ui.wording import Units, average, clock, day_and_clock, money, policy_in_words, relative, signed, span

STALE_AFTER_S = 3.0
"""The page looks every second: older data means that something is wrong."""
_CHOICE = "session"


@st.cache_resource(show_spinner=False)
def _source() -> PanelSource:
    return open_source()


def show() -> None:
    """The page."""
    st.title("Sessions")
    _page()


@st.fragment(run_every="1s")
def _page() -> None:
    try:
        source = _source()
    except SniperError as exc:
        st.error(f"{exc}. The page goes on by itself as soon as it answers.")
        return
    now = datetime.now(UTC)
    seen = source.sessions()
    _tell_age(seen)
    if seen.value is None:
        return
    if not seen.value:
        st.info("No sessions yet. `sniper arm NEWUSDT --max-price 0.06` makes one.")
        return
    st.dataframe([_row(line, now) for line in seen.value], hide_index=True, width="stretch")
    names = [str(line.key) for line in seen.value]
    chosen = st.selectbox("Session", names, key=_CHOICE)
    _detail(source, next(line for line in seen.value if str(line.key) == chosen), now)


def _tell_age(seen: Seen[Any]) -> None:
    if seen.trouble:
        kept = "" if seen.value is None else f" Shown below: the last answer, {span(seen.age_s)} old."
        st.error(f"{seen.trouble}.{kept} The page goes on by itself as soon as it answers.")
    elif seen.age_s > STALE_AFTER_S:
        st.warning(f"Data is {span(seen.age_s)} old.")
    else:
        st.caption(f"Data is {span(seen.age_s)} old; times are UTC, the exchange's clock.")


def _row(line: SessionLine, now: datetime) -> dict[str, str]:
    quote = Units.of(line.symbol).quote
    return {
        "Symbol": line.symbol,
        "Phase": _phase(line),
        "Opening": _countdown(line.opens_at, now),
        "Outcome": str(line.outcome or ""),
        "Result": "" if line.result is None else signed(line.result, quote),
        "Account": line.key.account,
        "Attempt": str(line.key.attempt),
        "Opens at": day_and_clock(line.opens_at),
        "Last event": f"{span((now - line.updated_at).total_seconds())} ago",
    }


def _phase(line: SessionLine) -> str:
    words = str(line.phase).replace("_", " ")
    marks = [word for word, is_so in (("halted", line.halted), ("aborting", line.aborting)) if is_so]
    return f"{words} ({', '.join(marks)})" if marks and line.phase is not Phase.CLOSED else words


def _countdown(opens_at: datetime, now: datetime) -> str:
    seconds = (opens_at - now).total_seconds()
    return f"in {span(seconds)}" if seconds > 0 else f"{span(seconds)} ago"


def _detail(source: PanelSource, line: SessionLine, now: datetime) -> None:
    seen = source.story(line.key)
    if seen.value is None:
        st.info("Nothing is known of this session yet." if not seen.trouble else "This session cannot be read now.")
        return
    story = seen.value
    units = Units.of(line.symbol)
    if line.attention:
        st.warning(f"Needs attention: {line.attention}")
    _figures(story, line, units, now)
    st.caption(policy_in_words(line.policy, units))
    st.subheader("Timeline")
    opens_at = story.detail.line.opens_at
    told = [f"{clock(at.at)}  {relative(at.at, opens_at):>11}  {at.text}" for at in lines(story.entries, units)]
    st.code("\n".join(told) or "nothing yet", language=None, wrap_lines=True, height=360)
    st.subheader("Orders")
    _table([_order(order, units) for order in story.detail.orders], "No orders.")
    st.subheader("Fills")
    _table([_fill(fill, units) for fill in story.detail.fills], "No fills.")


def _figures(story: SessionStory, line: SessionLine, units: Units, now: datetime) -> None:
    position = story.detail.position
    entry = position.average_entry
    result = line.result if line.phase is Phase.CLOSED else None
    figures = (
        ("Phase", _phase(line)),
        ("Opening", _countdown(line.opens_at, now)),
        ("Holds", money(position.held, units.base)),
        (f"Average entry ({units.quote})", "none" if entry is None else plain(average(entry))),
        ("Result", _rounded(result, units.quote)),
    )
    for column, (label, value) in zip(st.columns(len(figures)), figures, strict=True):
        column.metric(label, value)


def _rounded(result: Decimal | None, quote: str) -> str:
    return "open" if result is None else signed(result.quantize(Decimal("0.0001")), quote)


def _table(rows: Sequence[dict[str, str]], empty: str) -> None:
    if rows:
        st.dataframe(list(rows), hide_index=True, width="stretch")
    else:
        st.caption(empty)


def _order(order: Order, units: Units) -> dict[str, str]:
    return {
        "Side": str(order.side),
        "Status": str(order.status).replace("_", " "),
        f"Price ({units.quote})": plain(order.price),
        f"Quantity ({units.base})": plain(order.quantity),
        f"Executed ({units.base})": plain(order.executed),
        "Client order id": order.client_order_id or "",
    }


def _fill(fill: Fill, units: Units) -> dict[str, str]:
    return {
        "At": clock(fill.at),
        "Side": str(fill.side),
        f"Price ({units.quote})": plain(fill.price),
        f"Quantity ({units.base})": plain(fill.quantity),
        f"Value ({units.quote})": plain(fill.quote),
        "Fee": money(fill.fee, fill.fee_asset),
        "Trade": fill.trade_id,
    }
