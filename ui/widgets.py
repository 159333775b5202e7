"""Pieces that several pages show alike: phases, ages, receipts, and buttons that act once."""

from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime
from typing import Any, Literal

import streamlit as st

from adapters.postgres.read_models import SessionLine
from adapters.settings import read_settings
from domain.commands import Receipt
from domain.errors import SniperError, StoreUnavailable, TryAgain
from domain.ids import SessionKey
from domain.session import Outcome, Phase
from ui.actions import Actions
from ui.arm_request import Armed, Verdict, new_request_key
from ui.hands import Hands
from ui.latest import Seen
from ui.literal import literal
from ui.refusal import ActionRefused
from ui.sources import PanelSource, open_source
from ui.vitals import Vitals
from ui.wording import clock, span

STALE_AFTER_S = 3.0
"""Pages look every second: older data means that something is wrong."""
KEPT_RECEIPTS = 8
_RECEIPTS = "receipts"
Color = Literal["red", "orange", "yellow", "blue", "green", "violet", "gray"]

_PHASE_COLORS: dict[Phase, Color] = {
    Phase.PREPARING: "gray",
    Phase.WAITING: "gray",
    Phase.ARMING: "yellow",
    Phase.ARMED: "orange",
    Phase.FIRING: "violet",
    Phase.GUARDING: "blue",
    Phase.CLOSING: "blue",
    Phase.CLOSED: "gray",
    Phase.NEEDS_ATTENTION: "red",
}
_OUTCOME_COLORS: dict[Outcome, Color] = {
    Outcome.COMPLETED: "green",
    Outcome.FAILED: "red",
    Outcome.REJECTED: "orange",
}


@st.cache_resource(show_spinner=False)
def _source() -> PanelSource:
    return open_source()


@st.cache_resource(show_spinner=False)
def _hands() -> Hands:
    return Hands(read_settings())


@st.cache_resource(show_spinner=False)
def vitals() -> Vitals:
    """What the doctor finds."""
    return Vitals(read_settings())


def source() -> PanelSource | None:
    """What pages read; None after telling that the database has not answered yet."""
    try:
        return _source()
    except SniperError as exc:
        st.error(f"{literal(str(exc))}. The page goes on by itself as soon as it answers.", icon=":material/cloud_off:")
        return None


def tell_age(*looks: Seen[Any]) -> None:
    """How old the oldest of these answers is, and why when something is wrong."""
    trouble = next((seen.trouble for seen in looks if seen.trouble), "")
    age = max(seen.age_s for seen in looks)
    if trouble:
        known = all(seen.value is not None for seen in looks)
        kept = f" Shown: the last answer, {span(age)} old." if known else ""
        st.error(
            f"{literal(trouble)}.{kept} The page goes on by itself as soon as it answers.", icon=":material/cloud_off:"
        )
    elif age > STALE_AFTER_S:
        st.warning(f"Data is {span(age)} old.")
    else:
        st.caption(f"Data is {span(age)} old · {clock(datetime.now(UTC))[:8]} UTC")


def phase_badges(line: SessionLine) -> None:
    """Phase or outcome, and what holds it back."""
    if line.phase is Phase.CLOSED and line.outcome is not None:
        st.badge(line.outcome, color=_OUTCOME_COLORS.get(line.outcome, "gray"))
        return
    st.badge(str(line.phase).replace("_", " "), color=_PHASE_COLORS[line.phase])
    if line.halted:
        st.badge("halted", icon=":material/front_hand:", color="red")
    if line.aborting:
        st.badge("aborting", color="red")


def figures(key: str, values: Iterable[tuple[str, str]]) -> None:
    """Numbers side by side, as many to a row as fit: also on a phone. key: unique on the page."""
    with st.container(horizontal=True, key=f"figures-{key}"):
        for label, value in values:
            st.metric(label, value, border=True)


def opening(line: SessionLine, now: datetime) -> str:
    """How far the opening is."""
    seconds = (line.opens_at - now).total_seconds()
    return f"opens in {span(seconds)}" if seconds > 0 else f"opened {span(seconds)} ago"


def link_to(key: SessionKey) -> dict[str, str]:
    """What the address of a session's page says."""
    return {"id": str(key)}


def request_key(slot: str) -> str:
    """The idempotency key of what `slot` names: the same until `renew`, over any number of presses and reruns."""
    name = f"request:{slot}"
    if name not in st.session_state:
        st.session_state[name] = new_request_key()
    return str(st.session_state[name])


def renew(slot: str) -> None:
    """The next press is a new request."""
    st.session_state.pop(f"request:{slot}", None)


def act(what: str, work: Callable[[Actions], Awaitable[Receipt | Armed]]) -> bool:
    """Carry out one request and keep its receipt. False: it was refused, risk rejected its session, or nobody answered;
    the reason is kept.

    Called by a button before its page is drawn, so that the page shows the receipt at once. Pressing again repeats the
    same request, which is carried out once.
    """
    try:
        answer = _hands().act(work)
    except ActionRefused as exc:
        _keep(what, "refused: " + " · ".join(exc.reasons), good=False)
    except (StoreUnavailable, TryAgain) as exc:
        _keep(what, f"not answered: {exc}. Nothing is lost: press again, it is the same request.", good=False)
    except SniperError as exc:
        _keep(what, f"refused: {exc}", good=False)
    else:
        good = not (isinstance(answer, Armed) and answer.verdict is Verdict.REJECTED)
        _keep(what, answer.text, good=good)
        return good
    return False


def refused(what: str, reason: str) -> None:
    """Keep a refusal that needed nobody's answer: the input itself cannot be used."""
    _keep(what, f"refused: {reason}", good=False)


def receipts() -> None:
    """What was asked in this browser tab and what came of it, the newest first.

    Takes its place in the page even when there is none: an element that appears above others would shift them, and the
    browser would close what was opened and forget which tab was chosen.
    """
    kept = st.session_state.get(_RECEIPTS, [])
    with st.container(key="receipts"):
        for number, (at, what, text, good) in enumerate(kept):
            show = st.success if good else st.error
            if number == 0:
                show(f"**{literal(what)}** · {clock(at)[:8]} UTC · {literal(text)}", icon=":material/receipt_long:")
        if len(kept) > 1:
            with st.expander(f"Earlier receipts ({len(kept) - 1})"):
                for at, what, text, good in kept[1:]:
                    st.markdown(
                        f"{':green[✓]' if good else ':red[✗]'} {clock(at)[:8]} **{literal(what)}** {literal(text)}"
                    )


def _keep(what: str, text: str, *, good: bool) -> None:
    kept = st.session_state.get(_RECEIPTS, [])
    st.session_state[_RECEIPTS] = [(datetime.now(UTC), what, text, good), *kept][:KEPT_RECEIPTS]
