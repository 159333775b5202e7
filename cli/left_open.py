"""What a stack leaves behind when it stops: positions that nobody guards, sessions and targets that wait.

Loaded only by commands that need it.
"""

from dataclasses import dataclass

from adapters.local.state import StackState
from adapters.postgres.read_models import SessionDetail, SessionLine, TargetLine
from adapters.postgres.reader import Reader
from domain.errors import SniperError
from domain.money import plain
from domain.session import Phase
from ui.reading import LOOK_BACK
from ui.wording import Units, day_and_clock

_WAIT = (Phase.PREPARING, Phase.WAITING)
"""Nothing was sent, and nothing will be before the stack runs again."""


@dataclass(frozen=True, slots=True)
class LeftOpen:
    """at_work: sessions that arm, buy, hold or close. waiting: those that only wait. targets: that wait.

    forgotten: the venue is the stack's own simulator, which takes orders and coins with it.
    not_known: why nobody can say what is left open; None: it is known.
    """

    at_work: tuple[SessionDetail, ...] = ()
    waiting: tuple[SessionLine, ...] = ()
    targets: tuple[TargetLine, ...] = ()
    forgotten: bool = False
    not_known: str | None = None

    @property
    def texts(self) -> tuple[str, ...]:
        """One line for people about each, or one that says that nobody knows."""
        if self.not_known is not None:
            return (f"what is left open is not known ({self.not_known})",)
        lost = "it is closed as failed at the next `sniper up`, as the simulator forgets its orders and coins"
        unguarded = "nobody guards it while the stack is down"
        later = "it waits on after the next `sniper up`; an opening until then is missed"
        return (
            *(f"{_in_words(one)}: {unguarded}" + (f", {lost}" if self.forgotten else "") for one in self.at_work),
            *(
                f"session {line.key} waits for {day_and_clock(line.opens_at)} UTC: {lost if self.forgotten else later}"
                for line in self.waiting
            ),
            *(f"target {target.id} waits for {target.symbol}: {later}" for target in self.targets),
        )

    @property
    def names_at_work(self) -> str:
        """Of the sessions that must not be left alone, with what they hold."""
        return ", ".join(map(_in_words, self.at_work))


def left_open(state: StackState) -> LeftOpen:
    """As the running stack's books say now. Raises SniperError when they do not answer or cannot be understood."""
    try:
        return _as_written(state)
    except SniperError:
        raise
    except Exception as exc:  # tables or rows of another version: whatever breaks on them, a stack must stop on demand
        said = str(exc).strip().partition("\n")[0]
        raise SniperError(f"the books are of another version or broken: {type(exc).__name__}: {said}") from exc


def _as_written(state: StackState) -> LeftOpen:
    with Reader(state.database_url, name="sniper-stop", connections=1) as reader:
        unclosed = reader.unclosed()
        details = [reader.session(line.key) for line in unclosed if line.phase not in _WAIT]
        return LeftOpen(
            at_work=tuple(detail for detail in details if detail is not None),
            waiting=tuple(line for line in unclosed if line.phase in _WAIT),
            targets=tuple(one for one in reader.targets(limit=LOOK_BACK) if one.status == "waiting"),
            forgotten=state.api_key is not None,
        )


def _in_words(detail: SessionDetail) -> str:
    line, held = detail.line, detail.position.held
    holds = f", holds {plain(held)} {Units.of(line.symbol).base}" if held > 0 else ""
    return f"session {line.key} is {str(line.phase).replace('_', ' ')}{holds}"
