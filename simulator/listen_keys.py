"""Keys that open a private stream: 64 characters, valid for an hour, prolonged by another with each keep-alive."""

import random
from dataclasses import dataclass

from simulator import errors
from simulator.accounts import Account

VALID_MS = 60 * 60 * 1000
MAX_KEYS = 60  # per account
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

    def create(self, account: Account, now_ms: int) -> str:
        """A new key. Raises Refusal when the account holds 60 valid ones."""
        if len(self.of(account, now_ms)) >= MAX_KEYS:
            raise errors.too_many_listen_keys()
        key = "".join(self._rng.choices(ALPHABET, k=64))
        self._grants[key] = _Grant(account, now_ms + VALID_MS)
        return key

    def of(self, account: Account, now_ms: int) -> list[str]:
        """The account's valid keys, oldest first."""
        return [key for key, grant in self._grants.items() if grant.account is account and now_ms < grant.expires_ms]

    def prolong(self, account: Account, key: str, now_ms: int) -> None:
        """Another hour from now. Raises Refusal when it is no valid key of this account."""
        if self.account(key, now_ms) is not account:
            raise errors.listen_key_missing()
        self._grants[key].expires_ms = now_ms + VALID_MS

    def delete(self, account: Account, key: str, now_ms: int) -> None:
        """End a key. Raises Refusal when it is no valid key of this account."""
        if self.account(key, now_ms) is not account:
            raise errors.listen_key_missing()
        del self._grants[key]

    def account(self, key: str, now_ms: int) -> Account | None:
        """Whose key it is; None when it is unknown or expired."""
        grant = self._grants.get(key)
        return grant.account if grant is not None and now_ms < grant.expires_ms else None
