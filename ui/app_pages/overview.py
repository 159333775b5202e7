"""The first page: sessions that run, targets that wait, and what has ended."""

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal

import streamlit as st
from streamlit.navigation.page import StreamlitPage as Page

from adapters.postgres.read_models import SessionLine, TargetLine
from domain.money import plain
from domain.session import Phase
from ui.app_pages import session
from ui.literal import literal
from ui.session_acts import abort_button
from ui.sources import PanelSource
from ui.standing import Standing, standing_of
from ui.widgets import act, figures, link_to, opening, phase_badges, receipts, source, tell_age
from ui.wording import Units, average, bound_in_words, day_and_clock, entry_in_words, money


def page() -> Page:
    """As navigation has it."""
    return st.Page(show, title="Sessions", icon=":material/list_alt:", url_path="sessions", default=True)


@st.fragment(run_every="1s")
def show() -> None:
    receipts()
    found = source()
    if found is None:
        return
    sessions, targets = found.sessions(), found.targets()
    if sessions.value is None or targets.value is None:
        tell_age(sessions, targets)
        return
    now = datetime.now(UTC)
    running = [line for line in sessions.value if line.phase is not Phase.CLOSED]
    ended = [line for line in sessions.value if line.phase is Phase.CLOSED]
    waiting = [target for target in targets.value if target.status == "waiting"]
    _figures(running, ended, waiting, now)
    tell_age(sessions, targets)
    if not sessions.value and not waiting:
        st.info("No sessions yet. Arm a listing on the page **Arm**, or with `sniper arm`.", icon=":material/target:")
    if running:
        st.subheader("Running")
        for line in running:
            _card(found, line, now)
    if waiting:
        st.subheader("Waiting for a source to name the opening")
        for target in waiting:
            _target(target, now)
    if ended:
        st.subheader("Ended")
        _ended(ended)


def _figures(
    running: Sequence[SessionLine], ended: Sequence[SessionLine], waiting: Sequence[TargetLine], now: datetime
) -> None:
    reserved = sum((line.reserved for line in running), Decimal(0))
    today = [line for line in ended if line.closed_at is not None and line.closed_at.date() == now.date()]
    result = sum((line.result for line in today if line.result is not None), Decimal(0))
    attention = [line for line in running if line.attention]
    figures(
        "overview",
        (
            ("Running", f"{len(running)}" + (f" · {len(attention)} need you" if attention else "")),
            ("Waiting targets", str(len(waiting))),
            ("Reserved", f"{plain(reserved)} USDT"),
            ("Result today (UTC)", f"{result:+.4f} USDT" if today else "none yet"),
        ),
    )


def _card(found: PanelSource, line: SessionLine, now: datetime) -> None:
    units = Units.of(line.symbol)
    story = found.story(line.key).value
    standing = standing_of(story) if story is not None else Standing()
    with st.container(border=True, key=f"card-{line.key}"):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.subheader(line.symbol, anchor=False, width="content")
            phase_badges(line)
            st.caption(f"attempt {line.key.attempt} · {line.key.account} · {opening(line, now)}")
            st.space("stretch")
            st.page_link(session.page(), label="Open", icon=":material/open_in_new:", query_params=link_to(line.key))
            abort_button(line)
        if line.attention:
            st.error(f"Needs you: {literal(line.attention)}", icon=":material/error:")
        if standing.held:
            entry = "unknown" if standing.entry is None else plain(average(standing.entry))
            if_sold = "unknown" if standing.if_sold is None else f"{standing.if_sold:+.4f}"
            shown = [
                (f"Holds ({units.base})", plain(standing.held)),
                (f"Average entry ({units.quote})", entry),
                (f"Best bid ({units.quote})", "unknown" if standing.bid is None else plain(standing.bid)),
                (f"If sold now ({units.quote})", if_sold),
            ]
        else:
            shown = [
                ("Budget", money(line.policy.budget_quote, units.quote)),
                ("At most", bound_in_words(line.policy.entry, units)),
                ("Strategy", str(line.policy.entry.strategy)),
            ]
        figures(f"card-{line.key}", shown)


def _target(target: TargetLine, now: datetime) -> None:
    units = Units.of(target.symbol)
    with st.container(border=True, horizontal=True, vertical_alignment="center", key=f"target-{target.id}"):
        st.markdown(f"**{target.symbol}**")
        st.caption(
            f"target {target.id} · {target.account} · {money(target.policy.budget_quote, units.quote)}, "
            f"{entry_in_words(target.policy.entry, units)}"
        )
        if target.seen_opens_at is not None and target.missed(now):
            st.badge("missed", icon=":material/event_busy:", color="orange")
            st.caption(
                f"It opened at {day_and_clock(target.seen_opens_at)[:-4]} UTC and was not bought. It waits for another "
                "opening: withdraw it, or arm the pair with a late entry."
            )
        st.space("stretch")
        st.button(
            "Withdraw",
            key=f"withdraw-{target.id}",
            icon=":material/undo:",
            on_click=_withdraw,
            args=(target.id, target.symbol),
        )


def _withdraw(target: int, symbol: str) -> None:
    act(f"Withdraw {symbol}", lambda actions: actions.withdraw(target))


def _ended(lines: Sequence[SessionLine]) -> None:
    st.dataframe(
        [
            {
                "Session": f"session?id={line.key}",
                "Symbol": line.symbol,
                "Outcome": str(line.outcome or ""),
                "Result": "" if line.result is None else f"{line.result:+.4f} {Units.of(line.symbol).quote}",
                "Spent": "" if line.spent is None else plain(line.spent),
                "Opening (UTC)": day_and_clock(line.opens_at)[:-4],
                "Remark": line.attention or line.reason,
            }
            for line in lines
        ],
        hide_index=True,
        column_config={"Session": st.column_config.LinkColumn("Session", display_text=r"id=(.*)$", width="medium")},
    )
