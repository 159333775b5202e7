"""One session: where it stands, what it did, and the buttons that change it."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

import streamlit as st
from streamlit.navigation.page import StreamlitPage as Page

from adapters.postgres.read_models import SessionLine
from domain.errors import InvalidInput
from domain.events import ClockMeasured
from domain.flights import FlightRecord, flights, summary
from domain.ids import SessionKey
from domain.money import plain
from domain.orders import Fill, Order
from domain.session import Phase
from ui.chart import price_chart
from ui.flights import LEAVE_AT_IN_WORDS, clock_known, panel_row, unsent_row
from ui.literal import literal
from ui.session_acts import abort_button, exits_button, halt_button, opening_button
from ui.sources import SessionStory
from ui.standing import standing_of
from ui.timeline import Recorded, checks_of, lines
from ui.widgets import figures, opening, phase_badges, receipts, source, tell_age
from ui.wording import (
    Units,
    average,
    clock,
    kind_in_words,
    money,
    order_price,
    order_quantity,
    policy_in_words,
    relative,
)


def page() -> Page:
    """As navigation has it: reached by links, not by the menu."""
    return st.Page(show, title="Session", url_path="session", visibility="hidden")


@st.fragment(run_every="1s")
def show() -> None:
    receipts()
    found = source()
    key = _asked_for()
    if found is None or key is None:
        return
    seen = found.story(key)
    if seen.value is None:
        st.warning(literal(seen.trouble or "Nothing is known of this session yet."))
        return
    story = seen.value
    line = story.detail.line
    units = Units.of(line.symbol)
    _head(line)
    tell_age(seen)
    records = flights(entry.event for entry in story.entries)
    _figures(story, records, units)
    st.caption(policy_in_words(line.policy, units))
    chart = price_chart(story)
    with st.container():  # keeps its place while there is no chart, so that the tabs below stay as they were chosen
        if chart is not None:
            st.vega_lite_chart(chart, width="stretch")
    timeline, checks, shots, fills, orders = st.tabs(["Timeline", "Checks", "Shots", "Fills", "Orders"])
    with timeline:
        _timeline(story, units)
    with checks:
        _checks(story.entries)
    with shots:
        _shots(story, records, units)
    with fills:
        _table([_fill(fill, units) for fill in story.detail.fills], "No fills.")
    with orders:
        _table([_order(order, units) for order in story.detail.orders], "No orders.")


def _asked_for() -> SessionKey | None:
    """The session that the address names."""
    name = st.query_params.get("id", "")
    if not name:
        st.info("Choose a session on the page **Sessions**.")
        return None
    try:
        return SessionKey.parse(name)
    except InvalidInput as exc:
        st.error(literal(str(exc)))
        return None


def _head(line: SessionLine) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.header(line.symbol, anchor=False, width="content")
        phase_badges(line)
        st.caption(f"{line.key} · {opening(line, datetime.now(UTC))}")
        if line.phase is not Phase.CLOSED:
            st.space("stretch")
            opening_button(line)
            exits_button(line)
            halt_button(line)
            abort_button(line)
    with st.container():
        if line.attention:
            st.error(f"Needs you: {literal(line.attention)}", icon=":material/error:")


def _figures(story: SessionStory, records: Sequence[FlightRecord], units: Units) -> None:
    line, position, standing = story.detail.line, story.detail.position, standing_of(story)
    over = line.phase is Phase.CLOSED
    result = line.result if over else standing.if_sold
    measured = [entry.event for entry in story.entries if isinstance(entry.event, ClockMeasured)]
    late = [one.lateness_us for one in records if one.lateness_us is not None]
    shown = [
        (f"Opens (UTC, {line.opens_at:%m-%d})", clock(line.opens_at)[:-4]),
        (f"Bought ({units.base})", plain(position.bought) if position.bought else "nothing"),
        (f"Holds ({units.base})", plain(position.held) if position.held else "nothing"),
        (f"Average entry ({units.quote})", "none" if standing.entry is None else plain(average(standing.entry))),
        (f"{'Result' if over else 'If sold now'} ({units.quote})", "open" if result is None else f"{result:+.4f}"),
        ("Venue's clock", f"± {measured[-1].bound * 1000:.2f} ms" if measured else "not measured"),
        ("First shot late by", f"{late[0]:+,} µs" if late else "not yet"),
    ]
    if not over:
        shown.insert(4, (f"Best bid ({units.quote})", "unknown" if standing.bid is None else plain(standing.bid)))
    figures("session", shown)


def _timeline(story: SessionStory, units: Units) -> None:
    opens_at = story.detail.line.opens_at
    told = [f"{clock(at.at)} {relative(at.at, opens_at):>11}  {at.text}" for at in lines(story.entries, units)]
    st.code("\n".join(told) or "nothing yet", language=None, wrap_lines=True, height=420)


def _checks(entries: Iterable[Recorded]) -> None:
    checks = checks_of(entries)
    if not checks:
        st.caption("Nothing was asked yet.")
    for check in checks:
        mark = ":green[:material/check_circle:]" if check.passed else ":red[:material/cancel:]"
        st.markdown(f"{mark} **{check.name}** · {literal(check.reason or check.found)}")


def _shots(story: SessionStory, records: Sequence[FlightRecord], units: Units) -> None:
    """What left, in the order in which it left, then what is committed and has not left."""
    with st.container():  # keeps its place before the first shot
        if records:
            st.caption(literal(f"{clock_known(summary(records))}; {LEAVE_AT_IN_WORDS}"))
    sent = {one.client_order_id for one in records}
    unsent = [
        line.intent
        for line in story.detail.intents
        if line.settled_as != "withdrawn" and line.intent.client_order_id not in sent
    ]
    rows = [panel_row(one, units) for one in records] + [unsent_row(one, units) for one in unsent]
    _table(rows, "No shots yet.")


def _table(rows: Sequence[dict[str, str]], empty: str) -> None:
    if rows:
        st.dataframe(list(rows), hide_index=True)
    else:
        st.caption(empty)


def _order(order: Order, units: Units) -> dict[str, str]:
    return {
        "Side": str(order.side),
        "Status": str(order.status).replace("_", " "),
        "Kind": kind_in_words(order.kind),
        "Price": order_price(order, units),
        "Quantity": order_quantity(order, units),
        f"Executed ({units.base})": plain(order.executed),
        "Client order id": order.client_order_id or "",
    }


def _fill(fill: Fill, units: Units) -> dict[str, str]:
    return {
        "At (UTC)": clock(fill.at),
        "Side": str(fill.side),
        f"Price ({units.quote})": plain(fill.price),
        f"Quantity ({units.base})": plain(fill.quantity),
        f"Value ({units.quote})": plain(fill.quote),
        "Fee": money(fill.fee, fill.fee_asset),
        "Trade": fill.trade_id,
    }
