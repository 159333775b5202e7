"""Whether everything that a session needs is well, and who trades what now."""

from collections.abc import Sequence
from datetime import UTC, datetime

import streamlit as st
from streamlit.navigation.page import StreamlitPage as Page

from adapters.doctor.findings import Finding, Severity
from adapters.postgres.read_models import SessionLine
from domain.session import Phase
from ui.literal import literal
from ui.sources import PanelSource
from ui.vitals import EVERY_S
from ui.widgets import receipts, source, vitals
from ui.wording import span

_MARKS = {
    Severity.OK: ":green[:material/check_circle:]",
    Severity.INFO: ":gray[:material/info:]",
    Severity.WARNING: ":orange[:material/warning:]",
    Severity.ERROR: ":red[:material/cancel:]",
}


def page() -> Page:
    """As navigation has it."""
    return st.Page(show, title="Health", icon=":material/monitor_heart:", url_path="health")


@st.fragment(run_every="2s")
def show() -> None:
    """The page."""
    receipts()
    _findings()
    found = source()
    if found is not None:
        _desks(found)


def _findings() -> None:
    seen = vitals().findings()
    if seen.value is None:
        st.info("Everything is being examined for the first time.", icon=":material/stethoscope:")
        return
    wrong = [one for one in seen.value if one.severity in (Severity.WARNING, Severity.ERROR)]
    errors = sum(one.severity is Severity.ERROR for one in wrong)
    if errors:
        st.error(f"{errors} of {len(seen.value)} checks failed.", icon=":material/emergency_home:")
    elif wrong:
        st.warning(f"Nothing failed, {len(wrong)} of {len(seen.value)} checks should be looked at.")
    else:
        st.success(_all_well(seen.value), icon=":material/verified:")
    st.caption(
        f"Examined {span(seen.age_s)} ago, again every {EVERY_S:.0f} s. The venue is examined by `sniper doctor`: the "
        "panel never talks to it."
    )
    for one in wrong:
        with st.container(border=True, key=f"finding-{one.name}"):
            st.markdown(f"{_MARKS[one.severity]} **{one.name}** · {literal(one.found)}")
            st.markdown(f"Expected {literal(one.expected)}. **{literal(one.remedy[:1].upper() + one.remedy[1:])}.**")
    with st.expander("All checks", expanded=not wrong):
        st.markdown("\n\n".join(_line(one) for one in seen.value))


def _all_well(findings: Sequence[Finding]) -> str:
    """What was not asked is not called passed."""
    unasked = sum(one.unasked for one in findings)
    if unasked:
        return f"Nothing wrong was found; {unasked} of {len(findings)} could not be asked."
    return f"All {len(findings)} checks passed."


def _line(one: Finding) -> str:
    return f"{_MARKS[one.severity]} **{one.name}** · {literal(one.found)}"


def _desks(found: PanelSource) -> None:
    sessions = found.sessions().value or ()
    running = [line for line in sessions if line.phase is not Phase.CLOSED]
    st.subheader("Who trades what")
    rows = _leases(found, running)
    if rows:
        st.dataframe(rows, hide_index=True)
    else:
        st.caption("No session is in the hands of a desk now.")


def _leases(found: PanelSource, running: Sequence[SessionLine]) -> list[dict[str, str]]:
    now = datetime.now(UTC)
    rows = []
    for line in running:
        story = found.story(line.key).value
        lease = None if story is None else story.detail.lease
        if lease is None:
            continue
        left = (lease.expires_at - now).total_seconds()
        state = f"for {left:.1f} s more" if lease.live and left > 0 else "released" if lease.released else "ended"
        rows.append({"Session": str(line.key), "Desk": lease.holder, "Lease": str(lease.token), "Held": state})
    return rows
