"""Buttons of one session: abort, halt, other exits, another opening. Each is one typed command with a receipt."""

from datetime import UTC, datetime
from typing import TypeVar

import streamlit as st

from adapters.postgres.read_models import SessionLine
from domain.errors import InvalidInput
from domain.halts import HaltScope
from domain.money import plain
from domain.policy import PolicyChange
from domain.session import may_have_fired
from ui.inputs import parse_duration, parse_ladder, parse_opening, parse_percent
from ui.widgets import act, refused, renew, request_key

T = TypeVar("T")


def abort_button(line: SessionLine) -> None:
    """Two presses apart from each other: a slip of the thumb sells nothing."""
    with st.popover("Abort", icon=":material/block:", key=f"abort-{line.key}", disabled=line.aborting):
        st.markdown(
            "Buys nothing more, cancels our orders, **sells any position at once**. "
            "A target that waits for the pair is withdrawn too."
        )
        st.text_input("Reason", key=f"abort-reason-{line.key}", placeholder="kept in the journal", live=True)
        st.button(
            f"Abort {line.symbol} now",
            type="primary",
            key=f"abort-now-{line.key}",
            on_click=_abort,
            args=(str(line.key),),
        )


def halt_button(line: SessionLine) -> None:
    """Halts this session alone; its release is on the page Halts."""
    st.button(
        "Halt",
        icon=":material/front_hand:",
        key=f"halt-{line.key}",
        disabled=line.halted,
        help="This session buys nothing new until the halt is released on the page Halts.",
        on_click=_halt,
        args=(line,),
    )


def exits_button(line: SessionLine) -> None:
    """Ladder, stop and time stop of a session that runs."""
    exits = line.policy.exits
    with st.popover("Exits", icon=":material/tune:", key=f"exits-{line.key}"):
        st.caption("What is left as it is stays. Holds from the next second on.")
        st.text_input("Stop, % below entry", key=f"stop-{line.key}", value=plain(exits.stop_percent), live=True)
        ladder = ",".join(f"{plain(step.gain_percent)}:{plain(step.share_percent)}" for step in exits.ladder) or "none"
        st.text_input("Take profits, gain:share in %", key=f"ladder-{line.key}", value=ladder, live=True)
        st.text_input("Time stop, e.g. 60m", key=f"time-{line.key}", value=f"{exits.time_stop_s}s", live=True)
        st.button("Change exits", type="primary", key=f"exits-now-{line.key}", on_click=_change, args=(line,))


def opening_button(line: SessionLine) -> None:
    """Another opening for a session that has not fired."""
    if may_have_fired(line.phase):
        return
    with st.popover("Opening", icon=":material/schedule:", key=f"opening-{line.key}"):
        st.text_input(
            "Opens at (UTC), or +30s",
            key=f"opens-{line.key}",
            value=f"{line.opens_at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
            live=True,
        )
        st.button(
            "Move the opening", type="primary", key=f"opens-now-{line.key}", on_click=_move, args=(str(line.key),)
        )


def _abort(session: str) -> None:
    key = request_key(f"abort {session}")
    reason = st.session_state.get(f"abort-reason-{session}") or "button in the panel"
    act(f"Abort {session}", lambda actions: actions.abort(session, reason, key))


def _halt(line: SessionLine) -> None:
    slot = f"halt {line.key}"
    key = request_key(slot)
    scope = HaltScope.of_session(line.key)
    if act(f"Halt {line.symbol}", lambda actions: actions.halt(scope, "button in the panel", key)):
        renew(slot)


def _change(line: SessionLine) -> None:
    what = f"Change exits of {line.symbol}"
    values = st.session_state
    exits = line.policy.exits
    try:
        stop = parse_percent("stop percent", values[f"stop-{line.key}"])
        ladder = parse_ladder(values[f"ladder-{line.key}"])
        time_stop = parse_duration("time stop", values[f"time-{line.key}"])
    except InvalidInput as exc:
        refused(what, str(exc))
        return
    change = PolicyChange(
        ladder=_if_other(ladder, exits.ladder),
        stop_percent=_if_other(stop, exits.stop_percent),
        time_stop_s=_if_other(time_stop, exits.time_stop_s),
    )
    slot = f"exits {line.key} {change}"  # another wish is another request
    key = request_key(slot)
    if act(what, lambda actions: actions.change_policy(str(line.key), change, key)):
        renew(slot)  # back to what was asked for before is a wish of its own


def _move(session: str) -> None:
    what = f"Move the opening of {session}"
    text = st.session_state[f"opens-{session}"]
    try:
        opens_at = parse_opening(text, datetime.now(UTC))
    except InvalidInput as exc:
        refused(what, str(exc))
        return
    slot = f"opening {session} {text}"
    key = request_key(slot)
    if act(what, lambda actions: actions.reschedule(session, opens_at, key)):
        renew(slot)  # "+30s" once more means another 30 s


def _if_other(new: T, old: T) -> T | None:
    return None if new == old else new
