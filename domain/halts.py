"""Stopping purchases: what a halt covers. Exits are never held back by one."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from domain.errors import InvalidInput
from domain.ids import SessionKey, check_account


class ScopeKind(StrEnum):
    EVERYTHING = "everything"
    ACCOUNT = "account"
    SESSION = "session"


@dataclass(frozen=True, slots=True)
class HaltScope:
    """What a halt covers. name: the account's, or the session's key as text; empty for everything."""

    kind: ScopeKind = ScopeKind.EVERYTHING
    name: str = ""

    @classmethod
    def of_account(cls, account: str) -> Self:
        """Raises InvalidInput for a name that no account can have."""
        return cls(ScopeKind.ACCOUNT, check_account(account))

    @classmethod
    def of_session(cls, key: SessionKey) -> Self:
        return cls(ScopeKind.SESSION, str(key))

    def __str__(self) -> str:
        return f"{self.kind} {self.name}".rstrip()


EVERYTHING = HaltScope()


class HaltVerb(StrEnum):
    HALT = "halt"
    """Nothing new is bought."""
    HALT_AND_CANCEL = "halt_and_cancel"
    """And open entry orders are cancelled."""
    FLATTEN = "flatten"
    """And positions are sold."""


LONGEST_REASON = 500


def check_reason(text: str) -> str:
    """A reason that later readers understand. Raises InvalidInput for an empty or endless one."""
    reason = " ".join(text.split())
    if 0 < len(reason) <= LONGEST_REASON:
        return reason
    raise InvalidInput(
        "reason", value=text[:40], expected=f"1 to {LONGEST_REASON} characters", remedy="say in a few words why"
    )
