"""What every page says first: where trades go, what is halted, and the button that stops purchases."""

import streamlit as st

from adapters.settings import read_settings
from adapters.venue_kind import VenueKind
from domain.halts import EVERYTHING
from ui.literal import literal_badge
from ui.widgets import act, renew, request_key, source


def banner() -> None:
    """Shown above each page; refreshes by itself."""
    st.html(_STYLE)
    _line()


@st.fragment(run_every="1s")
def _line() -> None:
    with st.container(horizontal=True, vertical_alignment="center", key="banner"):
        mode, about = _mode()
        st.badge(mode, icon=":material/science:", color="blue", help=about)
        found = source()
        halts = None if found is None else found.halts().value
        for halt in halts or ():
            scope = f"{halt.scope} {halt.scope_key}".rstrip()
            st.badge(literal_badge(f"{scope} halted: {halt.reason}"), icon=":material/front_hand:", color="red")
        everything_halted = any(halt.scope == EVERYTHING.kind for halt in halts or ())
        st.space("stretch")
        st.button(
            "Halted" if everything_halted else "Halt everything",
            type="primary",
            icon=":material/front_hand:",
            disabled=everything_halted,
            help="Nothing new is bought until you release it on the page Halts. Positions are guarded on.",
            on_click=_halt_everything,
            key="halt-everything",
        )


def _halt_everything() -> None:
    key = request_key("halt everything")
    if act("Halt everything", lambda actions: actions.halt(EVERYTHING, "button in the panel", key)):
        renew("halt everything")


@st.cache_resource(show_spinner=False)
def _mode() -> tuple[str, str]:
    """Where trades go, and what that means."""
    settings = read_settings()
    if settings.sniper_venue is VenueKind.PAPER:
        mode, about = "on paper", "No order leaves: only the public data come from there."
    else:
        mode, about = "simulator", "Where every order goes: an address of this machine, meant to be the simulator's."
    url = settings.mexc_rest_url
    return (mode if url is None else f"{mode} {url.partition('://')[2]}"), about


_STYLE = """<style>
.block-container { padding-top: 4.2rem; padding-bottom: 3rem; max-width: 1280px; }
.st-key-halt-everything button { background: #c62828; border-color: #c62828; color: #fff; }
.st-key-halt-everything button:disabled { opacity: .55; }
[class*="st-key-figures"] { display: grid; grid-template-columns: repeat(auto-fit, minmax(152px, 1fr)); gap: .6rem; }
[class*="st-key-figures"] > div { width: auto !important; }
[data-testid="stMetric"] { padding: .6rem .8rem; }
[data-testid="stMetric"] > div { padding: 0; }
[data-testid="stMetric"] .stMarkdownEllipsis, [data-testid="stMetric"] .stMarkdownEllipsis p {
  white-space: normal; overflow: visible; overflow-wrap: anywhere;
}
[data-testid="stMetricValue"] { font-size: 1.3rem; font-variant-numeric: tabular-nums; }
[data-testid="stMetricLabel"] { opacity: .75; }
.stCode code, .stDataFrame { font-variant-numeric: tabular-nums; }
@media (max-width: 640px) {
  .block-container { padding-left: .8rem; padding-right: .8rem; }
  [data-testid="stMetricValue"] { font-size: 1.1rem; }
}
</style>"""
