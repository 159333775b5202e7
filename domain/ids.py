"""Names that any process can compute again: listings, sessions, workflows, client order ids."""

import hashlib
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from domain.errors import InvalidInput

ORDER_ID_LENGTH = 32
"""Longest client order id that all known clients of the venue use; letters and digits only."""

_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_-]{0,31}")
_ATTEMPT = re.compile(r"[1-9][0-9]{0,8}")
_ASSET = re.compile(r"[A-Z0-9]{1,20}")


@dataclass(frozen=True, slots=True)
class ListingKey:
    """One coin/quote pair about to open. `coin`: the exchange's coin id, or the ticker until the id is known.

    The opening time is no part of it: it may move.
    """

    exchange: str
    coin: str
    quote: str

    def __str__(self) -> str:
        return f"{self.exchange}:{self.coin}:{self.quote}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """The key back from its text. Raises InvalidInput."""
        parts = text.split(":")
        if len(parts) != 3 or not all(parts):
            raise InvalidInput(
                "listing", value=text, expected="exchange:coin:quote", remedy="for example mexc:NEW:USDT"
            )
        return cls(*parts)


@dataclass(frozen=True, slots=True)
class SessionKey:
    """One attempt on one listing by one account. attempt: counted from 1."""

    account: str
    listing: ListingKey
    attempt: int

    def __str__(self) -> str:
        return f"{self.account}/{self.listing}/{self.attempt}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """The key back from its text. Raises InvalidInput."""
        parts = text.split("/")
        if len(parts) != 3 or not _ATTEMPT.fullmatch(parts[2]) or not _NAME.fullmatch(parts[0]):
            raise InvalidInput(
                "session",
                value=text,
                expected="account/exchange:coin:quote/attempt",
                remedy="`sniper sessions` lists them",
            )
        return cls(parts[0], ListingKey.parse(parts[1]), int(parts[2]))

    @property
    def workflow_id(self) -> str:
        """The Temporal workflow id of this session."""
        return f"snipe/{self.account}/{self.listing}/{self.attempt}"


class Leg(StrEnum):
    """What an order of a session is for."""

    ENTRY = "entry"
    """The one purchase."""
    LADDER = "ladder"
    """A take-profit that rests on the exchange."""
    EXIT = "exit"
    """A sale at once: stop, trailing stop, time stop, abort."""


def installation_tag(installation: str) -> str:
    """Six characters that open every client order id of this installation: ours can be told from foreign."""
    return "s" + _digest(installation)[:5]


def client_order_id(installation: str, epoch: int, session: SessionKey, leg: Leg, shot: int) -> str:
    """The name of one order: the same inputs give the same id in every process, other inputs another one.

    installation: random id of this installation; epoch: raised when a backup is restored; shot: counted from 0
    within the leg. At most 32 letters and digits.
    """
    body = _digest(f"{installation}|{epoch}|{session}|{leg}|{shot}")
    return (installation_tag(installation) + leg[0] + body)[:ORDER_ID_LENGTH]


@dataclass(frozen=True, slots=True)
class Installation:
    """Who names the orders: `identity` is random per installation, `epoch` rises when a backup is restored."""

    identity: str
    epoch: int

    def order_id(self, session: SessionKey, leg: Leg, shot: int) -> str:
        """The client order id of one shot of this installation."""
        return client_order_id(self.identity, self.epoch, session, leg, shot)


def split_symbol(symbol: str, quotes: tuple[str, ...] = ("USDT", "USDC", "BTC", "ETH", "MX")) -> tuple[str, str]:
    """Base and quote asset of a pair name. Raises InvalidInput when no known quote ends it."""
    if (found := _base_and_quote(symbol, quotes)) is not None:
        return found
    meant = re.sub(r"[^A-Z0-9]", "", symbol.upper())
    raise InvalidInput(
        "symbol",
        value=symbol,
        expected=f"upper-case letters and digits in one word that ends in one of {', '.join(quotes)}",
        remedy=f"write {meant}" if _base_and_quote(meant, quotes) is not None else "for example NEWUSDT",
    )


def _base_and_quote(symbol: str, quotes: tuple[str, ...]) -> tuple[str, str] | None:
    for quote in quotes:
        base = symbol.removesuffix(quote)
        if base != symbol and _ASSET.fullmatch(base):
            return base, quote
    return None


def assets_of(symbol: str) -> tuple[str, str]:
    """As split_symbol, but two empty names for a symbol that was rejected because it has none."""
    try:
        return split_symbol(symbol)
    except InvalidInput:
        return "", ""


def check_account(name: str) -> str:
    """The account name, if it can be part of ids. Raises InvalidInput."""
    if not _NAME.fullmatch(name):
        raise InvalidInput(
            "account", value=name, expected="1-32 letters, digits, - or _", remedy="the default account is called main"
        )
    return name


def check_own_account(name: str, own: str) -> str:
    """The account name, if it is `own`, the one that this installation trades on. Raises InvalidInput."""
    if check_account(name) != own:
        raise InvalidInput(
            "account",
            value=name,
            expected=f"{own!r}, the one account of this installation",
            remedy="name that one, which SNIPER_ACCOUNT sets",
        )
    return name


def _digest(text: str) -> str:
    """Letters and digits of a hash, 130 bits and more: collisions are out of the question."""
    number = int.from_bytes(hashlib.sha256(text.encode()).digest(), "big")
    alphabet = "0123456789abcdefghijklmnopqrstuvwxyz"
    digits = []
    while number:
        number, rest = divmod(number, 36)
        digits.append(alphabet[rest])
    return "".join(digits)
