"""What would have a session rejected if it were armed now, whatever its terms. Pure; the judging is risk's."""

from collections.abc import Iterable

from adapters.postgres.read_models import HaltLine, SessionLine
from domain.halts import ScopeKind
from domain.risk import MAX_SESSIONS
from domain.session import Phase


def obstacles(account: str, halts: Iterable[HaltLine], sessions: Iterable[SessionLine]) -> tuple[str, ...]:
    """halts: those that hold. sessions: at least all that are not closed, of any account."""
    found = [
        f"halted: a halt covers {f'account {account}' if halt.scope == ScopeKind.ACCOUNT else 'everything'} since "
        f"{halt.at:%Y-%m-%d %H:%M:%S} UTC ({halt.reason}); a session that is armed now is rejected, release it first"
        for halt in halts
        if halt.scope == ScopeKind.EVERYTHING or (halt.scope == ScopeKind.ACCOUNT and halt.scope_key == account)
    ]
    taken = [
        line for line in sessions if line.key.account == account and line.phase is not Phase.CLOSED and line.reserved
    ]
    if len(taken) >= MAX_SESSIONS:
        found.append(
            f"sessions: {len(taken)} of {account} are open, at most {MAX_SESSIONS} may be; one that is armed now is "
            "rejected, wait for one to close or abort one"
        )
    return tuple(found)
