"""Whether the next shot of an entry may leave: memory only, so that any thread can ask just before a send."""

from dataclasses import replace

from desk.session_desk import SessionDesk
from domain.errors import SniperError
from domain.exchange_time import ClockEstimate
from domain.session import Phase, SessionRecord


class Disarmed(SniperError):
    """The opening or what is bought changed, or a clock jumped, before anything was sent: the session is handed back to
    be armed anew."""


class EntryGivenUp(SniperError):
    """Nothing more is bought; its text is the reason. result: what the report will say."""

    def __init__(self, reason: str, *, result: str = "nothing") -> None:
        self.result = result
        super().__init__(reason)


class InDoubt(SniperError):
    """Nobody knows yet what became of another shot: this one waits until it is known."""


class AimLost(SniperError):
    """What is known of the exchange's clock is not what this shot was aimed by, and others have left: it is aimed
    anew."""


class LastLook:
    """Of one entry, armed for one version of its plan: the one that risk approved.

    fired: client order ids that left. stopped: why no further shot of this entry goes; empty while they go.
    doubt: shots whose outcome nobody knows yet; while there is one, no other leaves.
    """

    def __init__(self, desk: SessionDesk, armed_for: SessionRecord) -> None:
        self._desk = desk
        self._armed_for = armed_for
        self.fired: set[str] = set()
        self.doubt: set[str] = set()
        self.stopped = ""

    def still_wanted(self) -> None:
        """Raises EntryGivenUp after abort, halt or the end of its books, Disarmed after a change of plan."""
        record = self._desk.record
        if record.aborting:
            raise EntryGivenUp("aborted")
        if record.halted:
            raise EntryGivenUp("halted")
        if record.phase in (Phase.CLOSING, Phase.CLOSED):
            raise EntryGivenUp("the books of the session are being closed")
        if self.stopped:
            raise EntryGivenUp(self.stopped)
        if not self.fired and self._buys_otherwise(record):
            raise Disarmed("opening or entry policy changed")

    def may_wait(self) -> None:
        """As `still_wanted`, while a shot is waited for; raises LeaseLost too."""
        self.still_wanted()
        self._desk.keeper.check()

    def __call__(self, aimed_by: ClockEstimate) -> None:
        """The last thing before a send. Raises LeaseLost, EntryGivenUp, Disarmed, InDoubt or AimLost, and then nothing
        leaves.

        aimed_by: what was known of the exchange's clock when the shot was aimed.
        """
        self._desk.keeper.check()
        self.still_wanted()
        if self.doubt:
            raise InDoubt("the outcome of another shot is not known")
        if self._desk.watch.stale():
            raise EntryGivenUp("the session's row could not be read for 2 s, so a halt might be missed")
        if (why := self._why_aim_is_off(aimed_by)) is not None:
            raise AimLost(why) if self.fired else Disarmed(why)

    def time_is_known(self) -> bool:
        """Whether a shot can be aimed: there is exchange time, good enough for the policy."""
        known = self._desk.kit.exchange_clock.estimate()
        return known is not None and not self._is_vague(known, self._desk.kit.clock.monotonic())

    def _buys_otherwise(self, record: SessionRecord) -> bool:
        """Whether the purchase is not the one that was armed. Exits are no part of it: they were judged when the change
        was asked for, no approval rests on them, and whoever watches the position reads them from the row."""
        armed_for = self._armed_for
        if record.policy_revision == armed_for.policy_revision:
            return False
        same_entry = replace(record.policy, exits=armed_for.policy.exits) == armed_for.policy
        return not same_entry or record.opens_at != armed_for.opens_at

    def _why_aim_is_off(self, aimed: ClockEstimate) -> str | None:
        """What of the exchange's clock is not true any more; None: the aim holds."""
        known = self._desk.kit.exchange_clock.estimate()
        now = self._desk.kit.clock.monotonic()
        if known is None:
            return "the machine was suspended after the shot was aimed"
        if abs(known.offset_at(now) - aimed.offset_at(now)) > known.bound_at(now) + aimed.bound_at(now):
            return "the exchange's clock jumped after the shot was aimed"
        return "the exchange's clock is not known well enough any more" if self._is_vague(known, now) else None

    def _is_vague(self, known: ClockEstimate, now: float) -> bool:
        return known.bound_at(now) > self._armed_for.policy.entry.clock_bound_ms / 1000
