"""The panel's door: nothing but its health answers a browser that was not admitted. Pure ASGI, before Streamlit.

A link that works once is exchanged for a cookie. Only addresses of this machine are answered, so that a page of
another site cannot reach the panel under a name of its own, and only pages of the panel itself may open its socket.
"""

from collections.abc import Iterable
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qsl, urlencode, urlsplit

from starlette.datastructures import Headers
from starlette.responses import HTMLResponse, RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from adapters.local.panel_access import BROWSER_LASTS_S, PanelAccess

OPEN_PATHS = ("/_stcore/health",)
HOSTS = ("127.0.0.1", "localhost", "[::1]")
_REFUSED_BY_POLICY = 1008
_CLOSED_DOOR = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Sniper</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><style>
body{{font:16px/1.5 system-ui,sans-serif;margin:15vh auto;max-width:34rem;padding:0 1rem;color:#1b2430}}
code{{background:#e8ebf0;padding:.15em .4em;border-radius:4px}}</style></head>
<body><h1>{title}</h1><p>{text}</p></body></html>"""


class Gate:
    """ASGI middleware. access: who was admitted. hosts: names under which the panel may be asked for."""

    def __init__(self, app: ASGIApp, *, access: PanelAccess, hosts: Iterable[str] = HOSTS) -> None:
        self._app = app
        self._access = access
        self._hosts = frozenset(hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket") or scope["path"] in OPEN_PATHS:
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if _host_and_port(host)[0] not in self._hosts:
            await _refuse(scope, receive, send, 421, "Wrong address", "Open the panel under its own address.")
        elif self._access.admits(_cookie(headers, _cookie_name(host))):
            if scope["type"] == "websocket" and urlsplit(headers.get("origin", "")).netloc != host:
                await _refuse(scope, receive, send, 403, "Not from here", "Another site asked for the panel.")
            else:
                await self._app(scope, receive, send)
        elif scope["type"] == "http" and (browser := self._redeemed(scope)) is not None:
            await _admit(scope, receive, send, host, browser)
        else:
            await _refuse(
                scope,
                receive,
                send,
                401,
                "This link was used, or is none",
                "A link to the panel admits one browser. Ask for a new one: <code>sniper panel</code>",
            )

    def _redeemed(self, scope: Scope) -> str | None:
        """The key of a browser that came with an unused token."""
        token = dict(_query(scope)).get("token")
        return None if not token or scope["method"] != "GET" else self._access.redeem(token)


async def _admit(scope: Scope, receive: Receive, send: Send, host: str, browser: str) -> None:
    """The same page without the token, which must not stay in the address bar."""
    rest = urlencode([(name, value) for name, value in _query(scope) if name != "token"])
    path = "/" + scope["path"].lstrip("/")  # two slashes would name another site
    answer = RedirectResponse(path + (f"?{rest}" if rest else ""), status_code=303)
    answer.set_cookie(
        _cookie_name(host), browser, max_age=int(BROWSER_LASTS_S), httponly=True, samesite="lax", path="/"
    )  # lax: a link from a chat is a visit from another site
    answer.headers["Referrer-Policy"] = "no-referrer"
    answer.headers["Cache-Control"] = "no-store"
    await answer(scope, receive, send)


async def _refuse(scope: Scope, receive: Receive, send: Send, status: int, title: str, text: str) -> None:
    if scope["type"] == "websocket":
        await receive()  # the handshake
        await send({"type": "websocket.close", "code": _REFUSED_BY_POLICY})
        return
    answer = HTMLResponse(_CLOSED_DOOR.format(title=title, text=text), status_code=status)
    answer.headers["Cache-Control"] = "no-store"
    await answer(scope, receive, send)


def _query(scope: Scope) -> list[tuple[str, str]]:
    return parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)


def _cookie(headers: Headers, name: str) -> str:
    try:
        found = SimpleCookie(headers.get("cookie", "")).get(name)
    except CookieError:
        return ""
    return "" if found is None else found.value


def _cookie_name(host: str) -> str:
    """Cookies know no ports: two panels on one machine must not take each other's."""
    return f"sniper_panel_{_host_and_port(host)[1]}"


def _host_and_port(host: str) -> tuple[str, str]:
    name, colon, port = host.rpartition(":")
    return (name, port) if colon and port.isascii() and port.isdigit() else (host, "80")
