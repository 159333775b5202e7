"""Keys that open a private stream: 64 characters, valid for a while, prolonged with each keep-alive."""

import random
from dataclasses import dataclass

from simulator import errors
from simulator.exchange.accounts import Account
from simulator.exchange.settings import Settings

ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz"


@dataclass(slots=True)
class _Grant:
    account: Account
    expires_ms: int


class ListenKeys:
    """All listen keys of the venue. Times are venue milliseconds."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._grants: dict[str, _Grant] = {}

    def create(self, account: Account, now_ms: int, settings: Settings) -> str:
        """A new key. Raises Refusal when the account holds as many valid ones as it may."""
        self._grants = {key: grant for key, grant in self._grants.items() if now_ms < grant.expires_ms}
        if settings.listen_keys and len(self.of(account, now_ms)) >= settings.listen_keys:
            raise errors.too_many_listen_keys()
        key = "".join(self._rng.choices(ALPHABET, k=64))
        self._grants[key] = _Grant(account, now_ms + settings.listen_key_s * 1000)
        return key

    def of(self, account: Account, now_ms: int) -> list[str]:
        """The account's valid keys, oldest first."""
        return [key for key, grant in self._grants.items() if grant.account is account and now_ms < grant.expires_ms]

    def prolong(self, account: Account, key: str, now_ms: int, settings: Settings) -> None:
        """Valid as long again from now on. Raises Refusal when it is no valid key of this account."""
        if self.account(key, now_ms) is not account:
            raise errors.listen_key_missing()
        self._grants[key].expires_ms = now_ms + settings.listen_key_s * 1000

    def delete(self, account: Account, key: str, now_ms: int) -> None:
        """End a key. Raises Refusal when it is no valid key of this account."""
        if self.account(key, now_ms) is not account:
            raise errors.listen_key_missing()
        del self._grants[key]

    def expire(self, account: str | None) -> None:
        """End every key of the named account; None: of all."""
        self._grants = {
            key: grant for key, grant in self._grants.items() if account is not None and grant.account.name != account
        }

    def account(self, key: str, now_ms: int) -> Account | None:
        """Whose key it is; None when it is unknown or expired."""
        grant = self._grants.get(key)
        return grant.account if grant is not None and now_ms < grant.expires_ms else None
