"""Acts on the venue's clients and their keys."""

from collections.abc import Callable
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from simulator.control.control_error import ControlError
from simulator.control.stage import AnyAct, Stage
from simulator.exchange.accounts import Account, ApiKey, Permission

DAY_MS = 86_400_000


class KeyChoices(AnyAct):
    """What a key may do: permissions; ips: from where, empty: anywhere; valid_days: from now on, None: for ever."""

    permissions: frozenset[Permission] = frozenset(Permission)
    ips: frozenset[str] = frozenset()
    valid_days: Annotated[float, Field(ge=0)] | None = None

    def made_key(self, name: str, secret: str, owner: Account, now_ms: int, note: str = "") -> ApiKey:
        """A key of the owner with these choices."""
        days = self.valid_days
        expires_ms = None if days is None else now_ms + round(days * DAY_MS)
        return ApiKey(name, secret.encode(), owner, now_ms, self.permissions, self.ips, expires_ms, note)


def _give(key: ApiKey, way: Callable[[ApiKey], None]) -> None:
    """Hand the key out. Raises ControlError when it is somebody else's, or one too many."""
    try:
        way(key)
    except ValueError as error:
        raise ControlError(
            "api_key", value=key.key, expected=f"a key that can be given; {error}", remedy="choose another key"
        ) from error


class AccountAct(KeyChoices):
    """A client of the venue; a known name is changed: what is not given stays, a key replaces all of its keys.

    balances: free amounts by asset, set anew. frozen: it cannot trade. banned_symbols: pairs it cannot trade.
    kyc: 1 to 4. mx_deduct: whether it pays commissions in MX while it has some.
    """

    act: Literal["account"] = "account"
    name: Annotated[str, Field(min_length=1)]
    api_key: Annotated[str, Field(min_length=1)] | None = None
    secret: Annotated[str, Field(min_length=1)] | None = None
    balances: dict[str, Annotated[Decimal, Field(ge=0)]] = Field(default_factory=dict)
    frozen: bool | None = None
    banned_symbols: frozenset[str] | None = None
    kyc: Annotated[int, Field(ge=1, le=4)] | None = None
    mx_deduct: bool | None = None

    @model_validator(mode="after")
    def _key_with_secret(self) -> "AccountAct":
        if (self.api_key is None) is not (self.secret is None):
            raise ValueError("give api_key and secret together")
        return self

    def apply(self, stage: Stage, now_ms: int) -> Any:
        account = stage.venue.account(self.name)
        if self.api_key is not None and self.secret is not None:
            _give(self.made_key(self.api_key, self.secret, account, now_ms), stage.venue.set_only_key)
        for asset, amount in self.balances.items():
            account.balance(asset).free = amount
        for changed in ("frozen", "banned_symbols", "kyc", "mx_deduct"):
            value = getattr(self, changed)
            if value is not None:
                setattr(account, changed, value)
        return {"name": account.name, "uid": account.uid}


class KeyAct(KeyChoices):
    """One more key of a known account, or a change of one it has."""

    act: Literal["key"] = "key"
    account: str
    api_key: Annotated[str, Field(min_length=1)]
    secret: Annotated[str, Field(min_length=1)]
    note: str = ""

    def apply(self, stage: Stage, now_ms: int) -> Any:
        owner = stage.venue.accounts.get(self.account)
        if owner is None:
            names = ", ".join(stage.venue.accounts) or "none"
            raise ControlError(
                "account", value=self.account, expected=f"a known account ({names})", remedy="POST it to /_sim/accounts"
            )
        _give(self.made_key(self.api_key, self.secret, owner, now_ms, self.note), stage.venue.set_key)
        return {"account": owner.name, "api_key": self.api_key, "keys": len(owner.keys)}
