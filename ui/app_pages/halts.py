"""What must not be bought now, and letting it go on."""

from collections.abc import Sequence

import streamlit as st
from streamlit.navigation.page import StreamlitPage as Page

from adapters.postgres.read_models import HaltLine
from adapters.settings import read_settings
from domain.errors import InvalidInput
from domain.halts import EVERYTHING, HaltScope, ScopeKind
from domain.ids import SessionKey
from ui.literal import literal
from ui.widgets import act, receipts, refused, renew, request_key, source, tell_age
from ui.wording import day_and_clock

_KINDS = {"Everything": ScopeKind.EVERYTHING, "One account": ScopeKind.ACCOUNT, "One session": ScopeKind.SESSION}


def page() -> Page:
    """As navigation has it."""
    return st.Page(show, title="Halts", icon=":material/front_hand:", url_path="halts")


def show() -> None:
    st.markdown(
        "Under a halt nothing new is bought. Positions are guarded on, and exits are never held back. A session that "
        "is armed meanwhile, or about to be, ends, and a release does not bring it back. "
        "`sniper halt` and `sniper release` do the same."
    )
    _holding()
    _place()


@st.fragment(run_every="1s")
def _holding() -> None:
    receipts()
    found = source()
    if found is None:
        return
    holding, past = found.halts(), found.past_halts()
    tell_age(holding, past)
    if holding.value is None:
        return
    st.subheader("In force")
    if not holding.value:
        st.caption("Nothing is halted.")
    for halt in holding.value:
        _release(halt)
    if past.value:
        with st.expander(f"Released ({len(past.value)})"):
            st.dataframe(_past(past.value), hide_index=True)


def _release(halt: HaltLine) -> None:
    scope = HaltScope(ScopeKind(halt.scope), halt.scope_key)
    with st.container(border=True, horizontal=True, vertical_alignment="center", key=f"halt-{halt.id}"):
        st.markdown(f":red[:material/front_hand:] **{literal(str(scope).capitalize())}**")
        st.caption(f"halt {halt.id} · since {day_and_clock(halt.at)[:-4]} UTC · {literal(halt.reason)}")
        st.space("stretch")
        with st.popover("Release", icon=":material/play_arrow:", key=f"release-{halt.id}"):
            st.text_input("Why is it safe again?", key=f"release-reason-{halt.id}", live=True)
            st.button(
                literal(f"Release {scope}"),
                type="primary",
                key=f"release-now-{halt.id}",
                on_click=_do_release,
                args=(halt.id, scope),
            )


def _past(halts: Sequence[HaltLine]) -> list[dict[str, str]]:
    return [
        {
            "Scope": f"{halt.scope} {halt.scope_key}".rstrip(),
            "From (UTC)": day_and_clock(halt.at)[:-4],
            "Until (UTC)": "" if halt.released_at is None else day_and_clock(halt.released_at)[:-4],
            "Reason": halt.reason,
            "Released because": halt.released_because,
        }
        for halt in halts
    ]


def _place() -> None:
    st.subheader("Place a halt")
    with st.container(border=True):
        kind = st.radio("What", list(_KINDS), horizontal=True, key="halt-kind", persist_state="session")
        if _KINDS[kind] is ScopeKind.ACCOUNT:
            own = read_settings().sniper_account
            st.text_input("Account", value=own, key="halt-account", persist_state="session", live=True)
        elif _KINDS[kind] is ScopeKind.SESSION:
            st.text_input(
                "Session", placeholder="main/mexc:NEW:USDT/1", key="halt-session", persist_state="session", live=True
            )
        st.text_input("Reason", key="halt-reason", persist_state="session", live=True)
        st.button("Halt", type="primary", icon=":material/front_hand:", key="halt-now", on_click=_do_place)


def _do_place() -> None:
    reason = st.session_state["halt-reason"]  # read here: acts are carried out in a thread that has no page
    try:
        scope = _scope(_KINDS[st.session_state["halt-kind"]])
    except InvalidInput as exc:
        refused("Halt", str(exc))
        return
    slot = f"halt {scope}"  # another scope is another request
    key = request_key(slot)
    if act(f"Halt {scope}", lambda actions: actions.halt(scope, reason, key)):
        renew(slot)


def _scope(kind: ScopeKind) -> HaltScope:
    if kind is ScopeKind.ACCOUNT:
        return HaltScope.of_account(st.session_state["halt-account"])
    if kind is ScopeKind.SESSION:
        return HaltScope.of_session(SessionKey.parse(st.session_state["halt-session"].strip()))
    return EVERYTHING


def _do_release(halt: int, scope: HaltScope) -> None:
    slot = f"release {halt}"
    key = request_key(slot)
    reason = st.session_state.get(f"release-reason-{halt}", "")
    if act(f"Release {scope}", lambda actions: actions.release(scope, reason, key)):
        renew(slot)
