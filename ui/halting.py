"""What a halt does to sessions that are open: the words of its receipt."""

from collections.abc import Iterable, Sequence

from adapters.postgres.read_models import SessionLine
from domain.halts import HaltScope, ScopeKind
from domain.session import Phase
from ui.wording import span

_SHOWN = 3
"""How many names a receipt lists before it counts the rest."""


def reach_of(scope: HaltScope, open_sessions: Iterable[SessionLine]) -> str:
    """Which of the open sessions a halt of `scope` ends now or later, and which go on."""
    covered = [line for line in open_sessions if _covers(scope, line)]
    bought = [line for line in covered if line.entry_ended or line.phase in (Phase.GUARDING, Phase.CLOSING)]
    waiting = [line for line in covered if line.phase is Phase.WAITING and line not in bought]
    ended = [line for line in covered if line not in bought and line not in waiting]
    told = []
    if ended:
        told.append(f"{_named(ended)} {_verb(ended, 'buys', 'buy')} no more and {_verb(ended, 'ends', 'end')} by it")
    if waiting:
        leads = sorted({line.policy.arm_lead_s for line in waiting})
        lead = " or ".join(span(lead) for lead in leads)
        told.append(
            f"{_named(waiting)} {_verb(waiting, 'waits', 'wait')} on, and {_verb(waiting, 'ends', 'end')} if it still "
            f"holds {lead} before the opening"
        )
    if bought:
        told.append(f"{_named(bought)} {_verb(bought, 'goes', 'go')} on: the entry is over, any position is guarded")
    if ended or waiting:
        told.append("a release does not bring back what has ended")
    return "; ".join(told) or "no open session is affected"


def _covers(scope: HaltScope, line: SessionLine) -> bool:
    match scope.kind:
        case ScopeKind.EVERYTHING:
            return True
        case ScopeKind.ACCOUNT:
            return line.key.account == scope.name
        case ScopeKind.SESSION:
            return str(line.key) == scope.name


def _named(lines: Sequence[SessionLine]) -> str:
    names = [str(line.key) for line in lines[:_SHOWN]]
    rest = len(lines) - len(names)
    listed = ", ".join(names) + (f" and {rest} more" if rest else "")
    return f"{len(lines)} session{'' if len(lines) == 1 else 's'} ({listed})"


def _verb(lines: Sequence[SessionLine], one: str, many: str) -> str:
    return one if len(lines) == 1 else many
