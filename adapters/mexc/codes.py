"""What an answer of the venue means: the one place where statuses and codes become families of domain.errors.

The table holds every code the venue documents or was seen to send. Texts are looked at only where one code carries
several meanings. Not here: failures of the connection itself, which say nothing about the venue's decision.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

import orjson

from domain.errors import (
    AccessDenied,
    ClockRefused,
    NotTradable,
    OrderRejected,
    OutcomeUnknown,
    PriceRefused,
    RateLimited,
    Refused,
    SizeRefused,
    SniperError,
    TryAgain,
)


class Purpose(StrEnum):
    """What an unclear answer leaves open."""

    READ = "read"
    """Nothing: the question can be asked again."""
    WRITE = "write"
    """Whether the order, or its cancellation, was carried out."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP answer, whoever read it. retry_after: that header's text, None without it."""

    status: int
    body: bytes
    retry_after: str | None = None


UNKNOWN_SYMBOL = -1121
UNKNOWN_ORDER_AT_CANCEL = -2011
UNKNOWN_ORDER_AT_QUERY = -2013

_FAMILIES: Mapping[type[SniperError], str] = {
    # -1121 unknown symbol, 26 operation not allowed for this pair, 10004 and 10007 closed to the API, 30000 suspended,
    # 30001 direction not allowed (a listed pair before its opening), 30014 and 30021 invalid symbol, 30016 disabled,
    # 30025 nobody sells yet, 30020 and 70011 pair not open to this client, 30041 this type cannot be placed now
    NotTradable: "-1121 26 10004 10007 30000 30001 30014 30016 30020 30021 30025 30041 70011",
    PriceRefused: "30010 30087",
    SizeRefused: "30002 30003",  # less than the smallest, more than the largest order
    # 4xx, 5xx, 6xx, 33333, 44444, 7000xx a parameter; 10095-10102, 30004, 30005 funds; 10098 risk control;
    # 20001 unsupported; 30018, 30019, 30051 no market orders; 30026 ids; 30027-30032 position and
    # number of orders; 88xxx margin texts of the same kind
    OrderRejected: "400 513 600 601 10095 10096 10097 10098 10101 10102 20001 30004 30005 30018 30019"
    " 30026 30027 30028 30029 30032 30051 33333 44444 88004 88009 88013 88015 700004 700005 700008 700013",
    # 401-406, 511 authority, expiry, address; 602, 700002 signature; 701-704 permissions; 10001, 10015, 60005, 140001,
    # 140002 user or account; 10072, 700001, 700006, 700007 key
    AccessDenied: "401 402 403 406 511 602 701 702 703 704 10001 10015 10072 60005 140001 140002"
    " 700001 700002 700006 700007",
    ClockRefused: "10073 700003",
    RateLimited: "429 510",
    TryAgain: "604 801 11444",  # maintenance: the venue says it did not look
    # 500-504, 20002 internal; 603 "repeated request", so an earlier one arrived; 10203 an error while processing
    OutcomeUnknown: "500 501 503 504 603 10203 20002",
    # unknown orders and records, time windows, transfers, withdrawals: never an answer to placing an order
    Refused: "-2011 -2013 -1127 -1128 22222 10099 10100 10103 10200 10201 10202 10206 10211 10212 10216 10219 10222"
    " 10232 10259 10265 10268",
}
_BY_CODE: Mapping[int, type[SniperError]] = {
    int(code): family for family, codes in _FAMILIES.items() for code in codes.split()
}
_ACCOUNT_MANAGEMENT = range(730000, 731000)
"""User, sub-account and API-key management; the venue numbers them by the hundred."""
_BY_STATUS: Mapping[int, type[SniperError]] = {
    401: AccessDenied,
    418: RateLimited,
    429: RateLimited,
    451: AccessDenied,  # restricted location
}
_NOT_WAITED_FOR = (408, 499)
"""A proxy gave up waiting: the venue itself may have been at work."""
_FINE = (None, 0, 200)
"""What the member `code` of a successful answer may be; most have none."""

_CAP = re.compile(
    r"Order price cannot exceed\s*([0-9]{1,20}(?:\.[0-9]{1,40})?(?:[eE][+-]?[0-9]{1,2})?)"
    r"(?![0-9]|[.,][0-9]|[eE][+-]?[0-9])"
)
"""Small prices come with an exponent. A number that does not end where it was read to would be another price."""
_LONGEST_TEXT = 200


def family_of(code: int) -> type[SniperError] | None:
    """The family of a venue code by number alone; None for a number nobody has seen."""
    if code in _ACCOUNT_MANAGEMENT:
        return AccessDenied
    return _BY_CODE.get(code)


def unclear(message: str, purpose: Purpose) -> SniperError:
    """The error for an answer that is missing, late or unreadable after the request may have arrived."""
    return OutcomeUnknown(message) if purpose is Purpose.WRITE else TryAgain(message)


def accepted_body(reply: Reply, purpose: Purpose) -> object:
    """The JSON value of a successful answer. Raises what the answer means otherwise."""
    document = _json(reply.body)
    code, text = _code_and_text(document)
    if 200 <= reply.status < 300 and document is not _NO_JSON and code in _FINE:
        return document
    raise _meaning(reply, code, text, document is not _NO_JSON, purpose)


def _meaning(reply: Reply, code: int | None, text: str, readable: bool, purpose: Purpose) -> SniperError:
    message = f"the venue answered HTTP {reply.status}"
    message += f", code {code}: {text!r}" if code is not None else f": {text!r}" if text else " without a known body"
    if reply.status in (418, 429) or (reply.status == 403 and (reply.retry_after is not None or not readable)):
        return RateLimited(message, retry_after_s=_seconds(reply.retry_after))  # 403 without JSON: its firewall
    if reply.status >= 500 or not readable:
        family = _BY_STATUS.get(reply.status)
        return unclear(message, purpose) if family is None else family(message)
    if not 200 <= reply.status < 500 or 300 <= reply.status < 400:
        return unclear(message, purpose)
    family = _family(reply.status, code, text)
    if family is None and reply.status in _NOT_WAITED_FOR:
        return unclear(message, purpose)
    if family is None:  # a code nobody has seen: a no with a 4xx, and no answer we understand with a 2xx
        family = OrderRejected if reply.status >= 400 else OutcomeUnknown
    if family is OutcomeUnknown:
        return unclear(message, purpose)
    if family is RateLimited:
        return RateLimited(message, retry_after_s=_seconds(reply.retry_after))
    if family is PriceRefused:
        return PriceRefused(message, code=code, cap=_cap(text))
    return family(message, code=code) if issubclass(family, Refused) else family(message)


def _family(status: int, code: int | None, text: str) -> type[SniperError] | None:
    """The family of a definite answer. Texts decide where a code has two meanings."""
    lowered = text.lower()
    if "duplicate newclientorderid" in lowered:
        return OutcomeUnknown  # an order of this id exists: somebody's, possibly ours
    if code == 400 and "api key" in lowered:
        return AccessDenied
    if code == 500 and "invalid type" in lowered:
        return OrderRejected
    if "symbol not support api" in lowered:
        return NotTradable
    if _CAP.search(text):
        return PriceRefused
    if code == 400 and lowered.endswith("scale is invalid"):
        return SizeRefused
    by_code = family_of(code) if code is not None else None
    return by_code or _BY_STATUS.get(status) or (AccessDenied if status == 403 else None)


def _cap(text: str) -> Decimal | None:
    found = _CAP.search(text)
    return Decimal(found.group(1)) if found else None


def _seconds(retry_after: str | None) -> float | None:
    """Only the form in whole seconds is documented; another one counts as not said."""
    return float(retry_after) if retry_after is not None and re.fullmatch(r"[0-9]{1,7}", retry_after) else None


_NO_JSON = object()


def _json(body: bytes) -> object:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return _NO_JSON


def _code_and_text(document: object) -> tuple[int | None, str]:
    """An old variant carries its text under `data`."""
    if not isinstance(document, dict):
        return None, ""
    code, text = document.get("code"), document.get("msg")
    if not isinstance(text, str):
        text = document["data"] if isinstance(document.get("data"), str) else ""
    is_code = isinstance(code, int) and not isinstance(code, bool)
    return code if is_code else None, text.strip()[:_LONGEST_TEXT]
