"""The control side below /_sim over HTTP: acts at once, and the venue's own truth. Loopback only.

A value that cannot be used is answered 400 with the value, what was expected, and the remedy.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import orjson
from aiohttp import web

from simulator.control.account_acts import AccountAct, KeyAct
from simulator.control.acts import ClockAct, ListingAct, PriceAct, SettingsAct, StateAct, listing_view
from simulator.control.control_error import ControlError, validated
from simulator.control.fault_acts import ClearFaultsAct, FaultAct
from simulator.control.ledger import ledger
from simulator.control.stage import AnyAct, Stage
from simulator.control.truth import books, trades

LOOPBACK = frozenset({"127.0.0.1", "::1"})
MOST_ROWS = 10_000


Handler = Callable[[web.BaseRequest], Awaitable[Any]]


class Control:
    """Serves everything below /_sim."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._handlers: dict[tuple[str, str], Handler] = {
            ("GET", "/_sim/health"): self._health,
            ("POST", "/_sim/accounts"): self._acting(AccountAct),
            ("POST", "/_sim/keys"): self._acting(KeyAct),
            ("GET", "/_sim/listings"): self._list_listings,
            ("POST", "/_sim/listings"): self._acting(ListingAct),
            ("DELETE", "/_sim/listings"): self._withdraw_listing,
            ("POST", "/_sim/state"): self._acting(StateAct),
            ("POST", "/_sim/faults"): self._add_fault,
            ("GET", "/_sim/faults"): self._list_faults,
            ("DELETE", "/_sim/faults"): self._clear_faults,
            ("GET", "/_sim/clock"): self._show_clock,
            ("POST", "/_sim/clock"): self._acting(ClockAct),
            ("POST", "/_sim/price"): self._acting(PriceAct),
            ("GET", "/_sim/settings"): self._show_settings,
            ("POST", "/_sim/settings"): self._change_settings,
            ("GET", "/_sim/ledger"): self._ledger,
            ("GET", "/_sim/requests"): self._list_requests,
            ("GET", "/_sim/trades"): self._list_trades,
            ("GET", "/_sim/books"): self._list_books,
        }

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request of the control side."""
        if request.remote not in LOOPBACK:
            return _respond(403, {"error": "the control side answers on the loopback address only"})
        handler = self._handlers.get((request.method, request.path))
        if handler is None:
            return _respond(404, {"error": f"there is no {request.method} {request.path}"})
        try:
            return _respond(200, await handler(request))
        except ControlError as error:
            detail = {"what": error.what, "value": error.value, "expected": error.expected, "remedy": error.remedy}
            return _respond(400, {"error": detail})

    def _acting(self, model: type[AnyAct]) -> Handler:
        async def act(request: web.BaseRequest) -> Any:
            return self._do(validated(model, await _read_object(request)))

        return act

    def _do(self, act: AnyAct) -> Any:
        return act.apply(self._stage, self._now_ms())

    def _now_ms(self) -> int:
        """The instant of this request, up to which everything has happened."""
        now_ms = self._stage.clock.now_ms()
        self._stage.venue.advance(now_ms)
        return now_ms

    async def _health(self, _: web.BaseRequest) -> Any:
        return {"status": "ok", "now_ms": self._now_ms(), "connections": self._stage.hub.connection_count}

    async def _list_listings(self, _: web.BaseRequest) -> Any:
        now_ms = self._now_ms()
        return {"listings": [listing_view(listing, now_ms) for listing in self._stage.venue.listings.values()]}

    async def _withdraw_listing(self, request: web.BaseRequest) -> Any:
        return self._do(validated(StateAct, {**await _read_object(request), "state": "withdrawn"}))

    async def _add_fault(self, request: web.BaseRequest) -> Any:
        return self._do(validated(FaultAct, {"fault": await _read_object(request)}))

    async def _list_faults(self, _: web.BaseRequest) -> Any:
        return {"faults": self._stage.faults.describe() + self._stage.frame_faults.describe()}

    async def _clear_faults(self, _: web.BaseRequest) -> Any:
        return self._do(ClearFaultsAct())

    async def _show_clock(self, _: web.BaseRequest) -> Any:
        return self._do(ClockAct())

    async def _show_settings(self, _: web.BaseRequest) -> Any:
        return self._stage.venue.settings.model_dump(mode="json")

    async def _change_settings(self, request: web.BaseRequest) -> Any:
        return self._do(SettingsAct(settings=await _read_object(request)))

    async def _ledger(self, _: web.BaseRequest) -> Any:
        self._now_ms()
        return ledger(self._stage.venue)

    async def _list_requests(self, request: web.BaseRequest) -> Any:
        query = request.rel_url.query
        found = self._stage.requests.entries(query.get("client_order_id"), query.get("symbol"))
        return {"requests": found[-_most(query) :]}

    async def _list_trades(self, request: web.BaseRequest) -> Any:
        self._now_ms()
        query = request.rel_url.query
        return {"trades": trades(self._stage.venue, query.get("symbol"), _most(query))}

    async def _list_books(self, request: web.BaseRequest) -> Any:
        self._now_ms()
        query = request.rel_url.query
        return {"books": books(self._stage.venue, query.get("symbol"), _most(query))}


def _most(query: Mapping[str, str]) -> int:
    """How many rows are wanted, the newest or the best."""
    text = query.get("limit")
    if text is None:
        return MOST_ROWS
    if not (text.isascii() and text.isdigit() and 0 < int(text) <= MOST_ROWS):
        raise ControlError(
            "limit", value=text, expected=f"a number from 1 to {MOST_ROWS}", remedy="leave it out for all"
        )
    return int(text)


async def _read_object(request: web.BaseRequest) -> dict[str, Any]:
    text = await request.read()
    try:
        parsed = orjson.loads(text)
    except orjson.JSONDecodeError:
        parsed = None
    if not isinstance(parsed, dict):
        shown = text[:200].decode("utf-8", "replace")
        raise ControlError("body", value=shown, expected="a JSON object", remedy="see docs/simulator.md")
    return parsed


def _respond(status: int, body: Any) -> web.Response:
    return web.Response(status=status, body=orjson.dumps(body, default=str), content_type="application/json")
