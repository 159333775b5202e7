"""Signatures over the exact bytes that are sent. No sockets, no clock."""

import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from urllib.parse import quote

_PLAIN = re.compile(r"[A-Za-z0-9_.~-]*")
"""What is never escaped."""

Params = Sequence[tuple[str, str]]
"""Parameters in the order in which they are sent: the order is part of what is signed."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """API key and secret of one account; neither shows in repr."""

    api_key: str = field(repr=False)
    api_secret: str = field(repr=False)


def encode(params: Params) -> str:
    """The query text: percent escapes in upper case, spaces as %20, nothing sorted."""
    return "&".join([f"{_escaped(name)}={_escaped(value)}" for name, value in params])


def _escaped(text: str) -> str:
    """As urllib's quote, which takes most of an order's signing; hardly anything has to be escaped."""
    return text if _PLAIN.fullmatch(text) else quote(text, safe="")


def signature(api_secret: str, query: str, body: str = "") -> str:
    """Lower-case hex HMAC-SHA256 of `query` followed at once by `body`, without an `&` between them."""
    return hmac.new(api_secret.encode(), (query + body).encode(), sha256).hexdigest()


def signed_query(params: Params, api_secret: str) -> str:
    """The query text of `params` with its signature as last parameter."""
    query = encode(params)
    return f"{query}&signature={signature(api_secret, query)}"
