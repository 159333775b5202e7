"""Who is calling, and did they sign it? The venue's side of signatures and timing; pure."""

import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from urllib.parse import quote

import orjson

from simulator import errors
from simulator.exchange.accounts import ApiKey, Permission
from simulator.rest.calls import Call, pairs

DEFAULT_RECV_WINDOW_MS = 5_000
MAX_RECV_WINDOW_MS = 60_000
AHEAD_MS = 1_000  # how far a timestamp may lie before the venue's time
_KEY_FORMAT = re.compile(r"[A-Za-z0-9_-]{1,128}")
_MISSING = {
    Permission.ACCOUNT_READ: 701,
    Permission.ACCOUNT_WRITE: 702,
    Permission.DEAL_READ: 703,
    Permission.DEAL_WRITE: 704,
}
_JSON_SIGNATURE = re.compile(r'("signature"\s*:\s*"[^"]*"\s*,\s*)|(\s*,?\s*"signature"\s*:\s*"[^"]*")')


def identify(call: Call, by_key: Mapping[str, ApiKey]) -> ApiKey:
    """The key the call names. Raises Refusal without a key, or with one nobody has."""
    name = call.headers.get("X-MEXC-APIKEY")
    if not name:
        raise errors.api_key_required()
    if not _KEY_FORMAT.fullmatch(name):
        raise errors.invalid_key_format()
    key = by_key.get(name)
    if key is None:
        raise errors.unknown_api_key()
    return key


def check_key(key: ApiKey, permission: Permission, address: str, refusals: str, now_ms: int) -> None:
    """Raises Refusal when the key has expired, may not be used from this address, or does not allow this.

    refusals: see permission_refusals of the settings.
    """
    if key.expires_ms is not None and now_ms >= key.expires_ms:
        raise errors.key_expired()
    if key.ips and address not in key.ips:
        raise errors.address_not_listed(address)
    if permission not in key.permissions:
        if refusals == "700007":
            raise errors.no_permission()
        raise errors.lacks_permission(_MISSING[permission], permission.value)


def check_signed(call: Call, key: ApiKey, now_ms: int) -> None:
    """Raises Refusal unless content type, timing and signature of a signed call are right."""
    if call.method != "GET" and not call.headers.get("Content-Type", "").lower().startswith("application/json"):
        raise errors.invalid_content_type()
    given = call.parameters.get("signature")
    if not given:
        raise errors.missing_parameter("signature")
    _check_timing(call.parameters, now_ms)
    claimed = given.lower().encode()
    if not any(hmac.compare_digest(claimed, digest(key.secret, text).encode()) for text in _signed_texts(call)):
        raise errors.invalid_signature()


def digest(secret: bytes, text: str) -> str:
    """The lower-case hexadecimal HMAC-SHA256 of `text`."""
    return hmac.new(secret, text.encode(), hashlib.sha256).hexdigest()


def cut_signature(text: str) -> str:
    """A form or query text without its signature pair, wherever that stands; all else stays byte for byte."""
    if "signature=" not in text:
        return text
    return "&".join(part for part in text.split("&") if not part.startswith("signature="))


def _check_timing(parameters: Mapping[str, str], now_ms: int) -> None:
    timestamp = _whole(parameters.get("timestamp"))
    if timestamp is None:
        raise errors.missing_parameter("timestamp")
    window = DEFAULT_RECV_WINDOW_MS
    if parameters.get("recvWindow"):
        given = _whole(parameters["recvWindow"])
        if given is None:
            raise errors.missing_parameter("recvWindow")
        window = given
    if window > MAX_RECV_WINDOW_MS:
        raise errors.recv_window_too_large()
    if timestamp >= now_ms + AHEAD_MS or now_ms - timestamp > window:
        raise errors.outside_recv_window()


def _signed_texts(call: Call) -> list[str]:
    """What the client may have signed: the bytes as sent and, for stacks that escape anew, their re-encoded form."""
    query = cut_signature(call.query)
    if call.body.lstrip().startswith("{"):
        return [query + body for body in _json_bodies(call.body)]
    exact = query + cut_signature(call.body)
    if "%" not in exact and "+" not in exact:
        return [exact]
    return [exact, _encoded(query) + _encoded(cut_signature(call.body))]


def _json_bodies(body: str) -> list[str]:
    if '"signature"' not in body:
        return [body]
    try:
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError:
        return [body]
    if not isinstance(parsed, dict):
        return [body]
    parsed.pop("signature", None)
    return [_JSON_SIGNATURE.sub("", body, count=1), orjson.dumps(parsed).decode(), json.dumps(parsed)]


def _encoded(text: str) -> str:
    return "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in pairs(text))


def _whole(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 20 else None
