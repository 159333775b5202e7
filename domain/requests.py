"""Whether a running session can do what somebody asks of it. None: yes; otherwise the reason, in one line."""

from datetime import UTC, datetime

from domain.commands import Abort, ChangePolicy, OverfullStart, RecordChange, Reschedule, StartSnipe, Wish
from domain.errors import InvalidInput
from domain.ids import SessionKey
from domain.listings import Listing
from domain.policy import PolicyChange, TradePolicy, complaints
from domain.session import Phase, SessionRecord, may_have_fired

CANCELLED = "workflow-cancelled"
"""The key of the abort that a cancelled run carries out."""
KEYLESS = "abort-without-request"
"""The key of every abort that names none: one is as good as many."""
EMPTY_KEY = "request: got an empty key, expected one that is yours alone; repeat it to repeat the request safely"
_OF_A_LISTING = "listing-revision-"


def why_no_start(start: StartSnipe) -> str | None:
    """Only what would keep a run from being told at all; everything else is weighed while preparing."""
    if start.opens_at.utcoffset() is None:
        return f"opening: got {start.opens_at}, expected a time with its zone; append Z for UTC"
    try:
        readable = SessionKey.parse(str(start.key)) == start.key
    except InvalidInput as error:
        return str(error)
    return None if readable else f"session: got {start.key}, expected names without : and /; choose others"


def why_overfull(start: StartSnipe) -> str | None:
    """Asked at the first start only: a run that began with such fields goes on without them."""
    if not isinstance(start, OverfullStart):
        return None
    return why_unread("start", start.wrong)


def why_unread(name: str, wrong: tuple[str, ...]) -> str | None:
    """name: of the request. wrong: its fields that are."""
    return f"{name}: {'; '.join(wrong)}; docs/automation.md shows a whole one" if wrong else None


def content_of(wish: Wish) -> Wish:
    """What a key stands for. Of an abort no more than that it is one: other words for its reason stop nothing else."""
    return Abort("", wish.request) if isinstance(wish, Abort) else wish


def used_for_another_wish(request: str) -> str:
    """Why a key that was used already is refused with other contents."""
    return (
        f"request: got {request!r}, expected a key that was not used for another wish; repeat it unchanged, or take "
        "another key"
    )


def why_kept_key(wish: Wish) -> str | None:
    """Why a key that stands for an abort of the run's own is refused to another wish: it would stop that abort."""
    if isinstance(wish, Abort) or wish.request not in (CANCELLED, KEYLESS):
        return None
    return f"request: got {wish.request!r}, which stands for an abort, expected a key of your own; take another key"


def move_of(listing: Listing) -> Reschedule:
    """What the listing watch tells a session; a revision of one listing counts once.

    Its key names the listing, as a pair has another one once its coin's id is known, and that one's revisions count
    anew. A revision that was told under its number alone, as before, counts once more: it names the same opening.
    """
    return Reschedule(listing.opens_at, f"{_OF_A_LISTING}{listing.revision}-of-{listing.key}")


def why_no_abort(request: Abort, phase: Phase) -> str | None:
    return _why_no_key(request.request) or _why_over(phase, "nothing is left to stop")


def why_no_reschedule(request: Reschedule, phase: Phase, now: datetime) -> str | None:
    """now: any clock good to a second. Only a listing may have opened already: then the session arms at once, to enter
    late or to end as missed."""
    if request.opens_at.utcoffset() is None:
        return f"opening: got {request.opens_at}, expected a time with its zone; append Z for UTC"
    if may_have_fired(phase):
        return f"opening: the session is {phase}, expected one that has not fired; arm a new attempt"
    if request.opens_at <= now and not request.request.startswith(_OF_A_LISTING):
        return (
            f"opening: got {request.opens_at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC, expected a time after "
            f"{now:%Y-%m-%d %H:%M:%S} UTC; abort the session instead"
        )
    return _why_no_key(request.request)


def why_no_policy(request: ChangePolicy, policy: TradePolicy, phase: Phase) -> str | None:
    if request.change == PolicyChange():
        return "policy: got no change, expected at least one value; name what shall change"
    if request.change.max_price is not None and may_have_fired(phase):
        return f"max price: the session is {phase}, expected one that has not fired; change its exits instead"
    wrong = complaints(request.change.applied_to(policy))
    return "; ".join(wrong) or _why_no_key(request.request) or _why_over(phase, "arm a new attempt")


def check_in_time(change: RecordChange, record: SessionRecord, *, shot: bool) -> None:
    """Asked when a change is written: a run believes that its session is arming for as long as its desk fires, and the
    row knows better. Raises InvalidInput when the desk has gone too far; never for a change that the row holds already.

    shot: an order of its entry is known to have left. Until then a desk that fires can still wait for another opening.
    """
    if record.policy_revision >= change.revision or not may_have_fired(record.phase):
        return
    if change.reschedule is not None and (shot or record.phase is not Phase.FIRING):
        raise _has_fired(record.phase, "arm a new attempt")
    if change.policy is not None and change.policy.entry != record.policy.entry:
        raise _has_fired(record.phase, "change its exits instead")


def _has_fired(phase: Phase, remedy: str) -> InvalidInput:
    return InvalidInput("session", value=str(phase), expected="one that has not fired", remedy=remedy)


def _why_no_key(request: str) -> str | None:
    return None if request else EMPTY_KEY


def _why_over(phase: Phase, remedy: str) -> str | None:
    if phase not in (Phase.CLOSING, Phase.CLOSED):
        return None
    return f"the session is {phase}, expected one that is running; {remedy}"
