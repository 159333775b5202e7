"""Nobody passes the gate without a link that works once, and no other site passes it with one."""

import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from adapters.local.panel_access import BROWSER_LASTS_S, LINK_LASTS_S, PanelAccess
from ui.gate import Gate

BASE = "http://127.0.0.1:8501"
NewBrowser = Callable[[], httpx.AsyncClient]


async def _page(request: Request) -> PlainTextResponse:
    return PlainTextResponse("inside")


class Clock:
    """Seconds since the epoch, as the test wishes."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def access(tmp_path: Path) -> PanelAccess:
    return PanelAccess(tmp_path)


@pytest.fixture
def gate(access: PanelAccess) -> ASGIApp:
    """Pages, and a socket that takes everybody who gets that far."""
    pages = Starlette(routes=[Route(path, _page) for path in ("/", "/session", "/_stcore/health")])

    async def inside(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.accept"})
        else:
            await pages(scope, receive, send)

    return Gate(inside, access=access)


@pytest.fixture
async def new_browser(gate: ASGIApp) -> AsyncIterator[NewBrowser]:
    """Makes browsers that were never here."""
    made: list[httpx.AsyncClient] = []

    def make() -> httpx.AsyncClient:
        made.append(httpx.AsyncClient(transport=httpx.ASGITransport(app=gate), base_url=BASE))
        return made[-1]

    yield make
    for browser in made:
        await browser.aclose()


async def opens_socket(gate: ASGIApp, browser: httpx.AsyncClient, origin: str = BASE) -> bool:
    """Whether the panel's socket takes this browser's pages."""
    cookies = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
    headers = {"host": "127.0.0.1:8501", "origin": origin, "cookie": cookies}
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {
        "type": "websocket",
        "path": "/_stcore/stream",
        "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }
    await gate(scope, receive, send)
    return [message["type"] for message in sent] == ["websocket.accept"]


async def test_without_a_link_only_the_health_answers(gate: ASGIApp, new_browser: NewBrowser) -> None:
    """And the refusal says how to get in."""
    browser = new_browser()
    refused = await browser.get("/")

    assert refused.status_code == 401
    assert "sniper panel" in refused.text
    assert (await browser.get("/_stcore/health")).text == "inside"
    assert not await opens_socket(gate, browser)


async def test_a_link_admits_one_browser_and_leaves_the_address_bar(
    gate: ASGIApp, new_browser: NewBrowser, access: PanelAccess
) -> None:
    """The second one to use it stays outside; the first one stays inside."""
    browser, stranger = new_browser(), new_browser()
    link = f"/session?id=main&token={access.new_token()}"
    first = await browser.get(link)

    assert (first.status_code, first.headers["location"]) == (303, "/session?id=main")
    assert "HttpOnly" in first.headers["set-cookie"]
    assert (await browser.get("/session?id=main")).text == "inside"
    assert (await stranger.get(link)).status_code == 401
    assert await opens_socket(gate, browser)


@pytest.mark.parametrize("token", ["", "guessed", "../../../etc/passwd", "x" * 10_000, "\udcff"])
async def test_a_guess_admits_nobody(new_browser: NewBrowser, access: PanelAccess, token: str) -> None:
    """Whatever it looks like."""
    access.new_token()
    readable = token.encode("utf-8", "replace").decode()

    assert (await new_browser().get("/", params={"token": readable})).status_code == 401
    assert access.redeem(token) is None
    assert not access.admits(token)


async def test_another_site_cannot_use_the_browsers_admission(
    gate: ASGIApp, new_browser: NewBrowser, access: PanelAccess
) -> None:
    """Neither through a name of its own for this machine, nor by opening the socket from its page."""
    browser = new_browser()
    await browser.get(f"/?token={access.new_token()}")

    assert (await browser.get("/", headers={"host": "evil.example:8501"})).status_code == 421
    for origin in ("http://evil.example", "http://127.0.0.1:9999", ""):
        assert not await opens_socket(gate, browser, origin)


async def test_a_link_never_leads_to_another_site(new_browser: NewBrowser, access: PanelAccess) -> None:
    """Two slashes at the beginning of a path would be a host."""
    answer = await new_browser().get(f"{BASE}//evil.example/x?token={access.new_token()}")

    assert answer.headers["location"] == "/evil.example/x"


@pytest.mark.parametrize("host", ["", "127.0.0.1:", "127.0.0.1:99999x", "127.0.0.1.evil.example", "[::1", "0"])
async def test_a_host_that_is_not_this_machine_is_refused(new_browser: NewBrowser, host: str) -> None:
    """However it is written."""
    assert (await new_browser().get("/", headers={"host": host})).status_code == 421


async def test_two_panels_on_one_machine_do_not_take_each_others_cookie(
    new_browser: NewBrowser, access: PanelAccess
) -> None:
    """Cookies know no ports."""
    answer = await new_browser().get(f"/?token={access.new_token()}")

    assert answer.headers["set-cookie"].startswith("sniper_panel_8501=")


def test_links_and_browsers_grow_old(tmp_path: Path) -> None:
    """A link after a day, a browser after a week."""
    clock = Clock()
    access = PanelAccess(tmp_path, clock=clock)
    token = access.new_token()
    (file,) = (tmp_path / "panel" / "links").iterdir()
    os.utime(file, (0, 0))
    clock.now = LINK_LASTS_S + 1
    stale = access.redeem(token)
    clock.now = 0.0
    browser = access.redeem(access.new_token())
    assert browser is not None
    (file,) = (tmp_path / "panel" / "browsers").iterdir()
    os.utime(file, (0, 0))

    assert stale is None
    assert access.admits(browser)
    clock.now = BROWSER_LASTS_S + 1
    assert not access.admits(browser)


def test_only_this_user_can_read_who_was_admitted(tmp_path: Path) -> None:
    """And the files hold digests, not keys."""
    access = PanelAccess(tmp_path)
    token = access.new_token()
    (file,) = (tmp_path / "panel" / "links").iterdir()

    assert (tmp_path / "panel").stat().st_mode & 0o077 == 0
    assert token not in file.name
