"""The form that arms a listing. What is typed stays, whoever answers or not; what is wrong is told while typing."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import assert_never

import streamlit as st
from streamlit.navigation.page import StreamlitPage as Page

from adapters.settings import read_settings
from domain.listings import Listing
from domain.money import plain
from domain.policy import BUDGET_LIMIT, DEFAULT_BUDGET, EntryPolicy, EntryStrategy
from ui.actions import Actions
from ui.app_pages import session
from ui.arm_form import Draft, FormTexts, read_form
from ui.arm_request import Armed, ArmRequest, Verdict
from ui.literal import literal
from ui.obstacles import obstacles
from ui.sources import PanelSource
from ui.widgets import act, link_to, receipts, renew, request_key, source
from ui.wording import STRATEGIES, Units, day_and_clock, entry_steps, ladder_in_words, money, span

_ARMED = "armed"
"""What the last press in this tab made; until "Arm another" is pressed."""
_SLOT = "arm"
_OWN = "own"
_USUAL = EntryPolicy(max_price=None)
_STRATEGIES = {words: strategy for strategy, words in STRATEGIES.items()}
_LADDERS = {
    "5, 10, 15, 25 %: a quarter each": "5:25,10:25,15:25,25:25",
    "15, 25, 40, 50 %: a quarter each": "15:25,25:25,40:25,50:25",
    "conservative 3:30 7:40 12:30": "3:30,7:40,12:30",
    "balanced 5:25 12:35 20:25 35:15": "5:25,12:35,20:25,35:15",
    "aggressive 8:20 18:30 35:30 60:20": "8:20,18:30,35:30,60:20",
    "none, only stop and time stop": "none",
    _OWN: "",
}


def page() -> Page:
    """As navigation has it."""
    return st.Page(show, title="Arm", icon=":material/target:", url_path="arm")


def show() -> None:
    receipts()
    found = source()
    coming = (found.upcoming().value if found is not None else None) or ()
    form, beside = st.columns([3, 2], gap="large")
    with form:
        _what(coming)
        _how_much()
        _how()
        _exits()
        _more()
    with beside, st.container(border=True):
        _summary(_draft(), coming, _in_the_way(found))


def _what(coming: Sequence[Listing]) -> None:
    st.subheader("What")
    with st.container():  # its place is kept: the form below does not move when the first listing becomes known
        if coming:
            st.pills(
                "Coming listings", [listing.symbol for listing in coming[:12]], key="arm-coming", on_change=_take_coming
            )
    left, right = st.columns(2)
    with left:
        _text("Pair", "arm-symbol", placeholder="NEWUSDT", about="Base and quote in one word.")
    with right:
        _text(
            "Opens at (UTC)",
            "arm-at",
            placeholder="empty: when a source names it",
            about="For example 2026-12-01T12:00:00Z, or +30s. Empty: the listing watch finds the time and follows it.",
        )
    st.checkbox("Take it though no source has named it", key="arm-unlisted", persist_state="session")


def _how_much() -> None:
    st.subheader("How much")
    left, right = st.columns(2)
    with left:
        _text("Budget, fees included", "arm-budget", value=plain(DEFAULT_BUDGET), about=f"At most {BUDGET_LIMIT}.")
    with right:
        _text(
            "Highest price",
            "arm-price",
            placeholder="per coin; empty: best ask + markup",
            about="Empty: the best ask seen after the opening plus the markup, and nothing is sent before one is seen.",
        )


def _how() -> None:
    st.subheader("How")
    chosen = st.selectbox("Strategy", list(_STRATEGIES), key="arm-strategy", persist_state="session")
    left, right = st.columns(2)
    for number, (label, key, value, about) in enumerate(_fields_of(_STRATEGIES[chosen])):
        with right if number % 2 else left:
            _text(label, key, value=value, about=about)


def _fields_of(strategy: EntryStrategy) -> Sequence[tuple[str, str, str, str]]:
    """Label, key, usual value and help of what can be chosen for one strategy."""
    markup = (
        "Markup, % above best ask",
        "arm-markup",
        plain(_USUAL.markup_percent),
        "How far above the best ask an order may reach, where one is known; never above the highest price.",
    )
    window = ("Entry window", "arm-window", f"{_USUAL.window_s}s", "From the opening; what rests then is cancelled.")
    match strategy:
        case EntryStrategy.IOC_CAP | EntryStrategy.MARKET:
            return (markup,)
        case EntryStrategy.LIMIT:
            return (markup, window)
        case EntryStrategy.BURST:
            return (
                markup,
                ("Orders", "arm-burst-shots", str(_USUAL.burst_shots), "2 to 5, each on its own slice of the budget."),
                ("Apart", "arm-burst-spacing", f"{_USUAL.burst_spacing_ms}ms", "From one arrival to the next."),
                ("First one", "arm-burst-start", f"{_USUAL.burst_first_ms}ms", "From the opening; -20ms is before it."),
            )
        case EntryStrategy.TRANCHE:
            return (
                markup,
                window,
                ("Parts", "arm-tranches", str(_USUAL.tranche_parts), "2 to 10, each an equal part of the budget."),
                ("Apart", "arm-tranche-every", f"{_USUAL.tranche_every_s}s", "From one beginning to the next."),
            )
        case _:
            assert_never(strategy)


def _exits() -> None:
    st.subheader("Exits")
    chosen = st.selectbox("Take profits", list(_LADDERS), key="arm-ladder", persist_state="session")
    with st.container():
        if chosen == _OWN:
            _text(
                "Own ladder", "arm-own-ladder", placeholder="5:50,20:50", about="Gain and share in percent, up to six."
            )
    left, right = st.columns(2)
    with left:
        _text("Stop, % below entry", "arm-stop", value="5", about="From 1 to 50; there is always a stop.")
    with right:
        _text("Time stop", "arm-time", value="60m", about="Sells what is left this long after the first fill.")


def _more() -> None:
    with st.expander("More"):
        left, right = st.columns(2)
        with left:
            _text(
                "Arm lead", "arm-lead", value="30s", about="How long before the opening the desk takes over, up to 10m."
            )
            _text(
                "Late entry",
                "arm-late",
                value="0s",
                about="How long after the opening it may begin to buy, up to 10m; 0s: a missed opening is not chased.",
            )
        with right:
            _text(
                "Grace",
                "arm-grace",
                value="30s",
                about="How long after the opening to try again while it is closed or nothing is offered, up to 2m.",
            )
            _text(
                "Price bound when late",
                "arm-late-price",
                placeholder="empty: the highest price",
                about="Price bound of a first shot that leaves late; needs late entry.",
            )
            _text("Account", "arm-account", value=_account())


def _text(label: str, key: str, *, value: str = "", placeholder: str | None = None, about: str | None = None) -> None:
    """Kept for the whole visit, also on other pages; told to us while somebody types."""
    st.text_input(label, value=value, key=key, placeholder=placeholder, help=about, live=True, persist_state="session")


def _take_coming() -> None:
    chosen = st.session_state.get("arm-coming")
    if chosen:
        st.session_state["arm-symbol"] = chosen
        st.session_state["arm-at"] = ""
        st.session_state["arm-unlisted"] = False


def _draft() -> Draft:
    def typed(name: str) -> str:
        return str(st.session_state.get(f"arm-{name}") or "")

    ladder = _LADDERS.get(typed("ladder"), "")
    strategy = _STRATEGIES.get(typed("strategy"), _USUAL.strategy)
    shown = {key.removeprefix("arm-") for _, key, _, _ in _fields_of(strategy)}

    def own(name: str) -> str:
        """What is typed for the chosen strategy; a field of another one keeps its text unseen."""
        return typed(name) if name in shown else ""

    texts = FormTexts(
        symbol=typed("symbol"),
        at=typed("at"),
        budget=typed("budget"),
        max_price=typed("price"),
        ladder=ladder or typed("own-ladder"),
        stop=typed("stop") or "5",
        time_stop=typed("time") or "60m",
        arm_lead=typed("lead") or "30s",
        grace=typed("grace") or "30s",
        late_entry=typed("late") or "0s",
        strategy=strategy,
        markup=typed("markup") or plain(_USUAL.markup_percent),
        late_max_price=typed("late-price"),
        window=own("window"),
        burst_shots=own("burst-shots"),
        burst_spacing=own("burst-spacing"),
        burst_start=own("burst-start"),
        tranches=own("tranches"),
        tranche_every=own("tranche-every"),
        account=typed("account") or _account(),
        unlisted=bool(st.session_state.get("arm-unlisted")),
    )
    return read_form(texts, request_key(_SLOT), datetime.now(UTC), _account())


def _summary(draft: Draft, coming: Sequence[Listing], in_the_way: Sequence[str]) -> None:
    st.subheader("What will happen")
    armed = st.session_state.get(_ARMED)
    if armed is not None:
        _done(armed)
        return
    if draft.missing:
        st.caption(f"Still empty: {', '.join(draft.missing)}.")
    for obstacle in in_the_way:
        st.warning(literal(obstacle), icon=":material/front_hand:")
    for reason in draft.wrong:
        st.error(literal(reason), icon=":material/error:")
    if draft.wish is not None:
        st.markdown("\n".join(f"1. {step}" for step in _steps(draft.wish, coming)))
    st.button(
        "Arm",
        type="primary",
        icon=":material/target:",
        key="arm-now",
        width="stretch",
        disabled=draft.wish is None,
        on_click=_arm,
        args=(draft.wish,),
    )
    st.caption("A press that is repeated makes no second session.")


def _in_the_way(found: PanelSource | None) -> tuple[str, ...]:
    """What would have a session rejected now."""
    if found is None:
        return ()
    return obstacles(_account(), found.halts().value or (), found.sessions().value or ())


def _done(armed: Armed) -> None:
    if armed.verdict is Verdict.PENDING:
        st.info(literal(armed.text), icon=":material/hourglass_top:")
    else:
        st.success(literal(armed.text), icon=":material/check_circle:")
    for warning in armed.warnings:
        st.warning(literal(warning), icon=":material/front_hand:")
    if armed.session is not None:
        st.page_link(
            session.page(),
            label=f"Open {armed.session}",
            icon=":material/open_in_new:",
            query_params=link_to(armed.session),
        )
    else:
        st.caption("Its session appears on the page Sessions as soon as a source names the opening.")
    st.button("Arm another", key="arm-another", on_click=_another, width="stretch")


def _steps(wish: ArmRequest, coming: Sequence[Listing]) -> list[str]:
    units = Units.of(wish.symbol)
    exits = wish.policy.exits
    named = next((listing for listing in coming if listing.symbol == wish.symbol), None)
    opens_at = wish.opens_at or (named.opens_at if named is not None else None)
    if opens_at is None:
        when = "Waits until a source names the opening, and follows it when it moves."
    else:
        lead = opens_at - timedelta(seconds=wish.arm_lead_s)
        away = (opens_at - datetime.now(UTC)).total_seconds()
        when = f"Waits for {day_and_clock(opens_at)[:-4]} UTC, in {span(away)}; armed from {lead:%H:%M:%S} UTC on."
    return [
        when,
        f"Reserves {money(wish.budget, units.quote)}, or ends with every reason why not.",
        *entry_steps(wish.policy, units),
        f"Takes profit at {ladder_in_words(exits.ladder)}.",
        f"Sells all when the best bid falls {plain(exits.stop_percent)} % below the entry, or after "
        f"{span(exits.time_stop_s)}.",
    ]


def _arm(wish: ArmRequest) -> None:
    made: list[Armed] = []

    async def carry_out(actions: Actions) -> Armed:
        made.append(await actions.arm(wish))
        return made[0]

    if act(f"Arm {wish.symbol}", carry_out):
        st.session_state[_ARMED] = made[0]
    elif made:
        renew(_SLOT)  # it was rejected: what is pressed next is another attempt


def _another() -> None:
    st.session_state.pop(_ARMED, None)
    renew(_SLOT)


def _account() -> str:
    return read_settings().sniper_account
