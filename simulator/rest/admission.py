"""Whether a call is admitted: weights, requests per second, and bans of addresses that do not listen.

Times are microseconds of the venue's running clock, which never goes back.
"""

from dataclasses import dataclass

from simulator import errors
from simulator.exchange.settings import Settings
from simulator.rest.endpoints import Endpoint, Quota
from simulator.rest.limits import Limits

WEIGHT_WINDOW_S = 10
PERSISTENCE_US = 10_000_000  # a refused call counts towards a ban when it follows another within this
LONGEST_BAN_S = 3 * 24 * 3600


@dataclass(slots=True)
class _Conduct:
    """How an address has behaved. refused: 429 answers in a row. bans: how often it was banned."""

    refused: int = 0
    refused_us: int = 0
    bans: int = 0
    banned_until_us: int = 0


class Admission:
    """All request limits of the venue."""

    def __init__(self) -> None:
        self._by_address = Limits(WEIGHT_WINDOW_S)
        self._by_account = Limits(WEIGHT_WINDOW_S)
        self._order_bucket = Limits(1)
        self._all_requests = Limits(1)
        self._quotas = {quota: Limits(quota.window_s) for quota in Quota}
        self._conduct: dict[str, _Conduct] = {}

    def check_address(self, address: str, now_us: int) -> None:
        """Raises Refusal while the address is banned."""
        conduct = self._conduct.get(address)
        if conduct is not None and now_us < conduct.banned_until_us:
            raise errors.banned(_seconds(conduct.banned_until_us - now_us))

    def admit(self, endpoint: Endpoint, address: str, uid: str | None, settings: Settings, now_us: int) -> None:
        """Book the call. Raises Refusal when any of its budgets is used up; then none is touched.

        uid: of the account of a signed call; None for open ones.
        """
        checks = [
            (self._by_address, address, endpoint.weight, settings.ip_weight)
            if uid is None
            else (self._by_account, uid, endpoint.weight, settings.uid_weight)
        ]
        if uid is not None:
            checks.append((self._all_requests, uid, 1, settings.requests_per_s))
            if endpoint.uses_order_bucket:
                checks.append((self._order_bucket, uid, 1, settings.orders_per_s))
        if endpoint.quota is not None:
            checks.append((self._quotas[endpoint.quota], uid or address, 1, endpoint.quota.capacity(settings)))
        for limits, caller, weight, capacity in checks:
            refusal = limits.check(caller, weight, capacity, now_us)
            if refusal is not None:
                self._note_refusal(address, settings, now_us)
                raise refusal
        for limits, caller, weight, _ in checks:
            limits.spend(caller, weight, now_us)

    def _note_refusal(self, address: str, settings: Settings, now_us: int) -> None:
        conduct = self._conduct.setdefault(address, _Conduct())
        conduct.refused = conduct.refused + 1 if now_us - conduct.refused_us < PERSISTENCE_US else 1
        conduct.refused_us = now_us
        if settings.ban_after and conduct.refused >= settings.ban_after:
            length_s = min(settings.ban_s * 2**conduct.bans, LONGEST_BAN_S)
            conduct.banned_until_us = now_us + length_s * 1_000_000
            conduct.bans += 1
            conduct.refused = 0


def _seconds(us: int) -> int:
    return max(1, -(-us // 1_000_000))
