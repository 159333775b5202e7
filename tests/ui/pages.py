"""Pages opened without a browser: they read from memory, and what their buttons ask for is remembered."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, cast

from streamlit.testing.v1 import AppTest

from domain.commands import Receipt
from domain.errors import SniperError
from domain.halts import HaltScope
from domain.policy import PolicyChange
from ui.actions import Actions
from ui.arm_request import Armed, ArmRequest


@dataclass
class StandInHands:
    """Implements what pages need of Hands. asked: (act, its arguments). trouble: raised by the next acts instead.
    armed: what arming answers instead of the usual."""

    asked: list[tuple[str, tuple[Any, ...]]] = field(default_factory=list)
    trouble: SniperError | None = None
    armed: Armed | None = None

    def act(self, work: Callable[[Actions], Awaitable[Any]]) -> Any:
        """In a thread of its own, as the real ones: there is no page there."""
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(lambda: asyncio.run(cast(Any, work(cast(Actions, self))))).result()

    async def arm(self, request: ArmRequest) -> Armed:
        self._note("arm", request)
        return self.armed or Armed(request.request, f"session of {request.symbol} waits", None, 7)

    async def abort(self, session: str, reason: str, request: str) -> Receipt:
        return self._note("abort", session, reason, request)

    async def withdraw(self, target: int) -> Receipt:
        return self._note("withdraw", target)

    async def halt(self, scope: HaltScope, reason: str, request: str) -> Receipt:
        return self._note("halt", scope, reason, request)

    async def release(self, scope: HaltScope, reason: str, request: str) -> Receipt:
        return self._note("release", scope, reason, request)

    async def change_policy(self, session: str, change: PolicyChange, request: str) -> Receipt:
        return self._note("change_policy", session, change, request)

    async def reschedule(self, session: str, opens_at: object, request: str) -> Receipt:
        return self._note("reschedule", session, opens_at, request)

    def _note(self, act: str, *arguments: Any) -> Receipt:
        if self.trouble is not None:
            raise self.trouble
        self.asked.append((act, arguments))
        return Receipt("r", f"{act} done")


def opened(name: str, **query: str) -> AppTest:
    """One page, with its banner."""

    def script(name: str) -> None:
        import importlib

        from ui.banner import banner

        banner()
        importlib.import_module(f"ui.app_pages.{name}").show()

    test = AppTest.from_function(script, kwargs={"name": name}, default_timeout=30)
    for parameter, value in query.items():
        test.query_params[parameter] = value
    return run(test)


def run(page: AppTest) -> AppTest:
    """Once more; a page that breaks fails the test."""
    page.run()
    assert not page.exception, page.exception
    return page


def press(page: AppTest, key: str) -> AppTest:
    page.button(key=key).click()
    return run(page)


def text_of(element: Any) -> str:
    """What a person reads of a Markdown text."""
    return re.sub(r"\\([^\w\s])", r"\1", str(element.value)).replace("\N{WORD JOINER}", "")


def said(page: AppTest) -> str:
    """Every text on the page."""
    kinds = (page.markdown, page.caption, page.error, page.success, page.warning, page.info, page.code)
    metrics = [f"{metric.label}: {metric.value}" for metric in page.metric]
    return "\n".join([text_of(element) for kind in kinds for element in kind] + metrics)
