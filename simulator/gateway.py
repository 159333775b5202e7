"""The way of a REST call: read it, let faults strike, check limits and signature, run the endpoint, answer."""

import asyncio
import logging
from typing import Any

import orjson
from aiohttp import web

from simulator.account_endpoints import ACCOUNT_ENDPOINTS
from simulator.calls import Call, read_parameters
from simulator.clock import VenueClock
from simulator.endpoints import Context, Endpoint, Security
from simulator.errors import Refusal
from simulator.faults import Fault, FaultBook
from simulator.limits import Limits
from simulator.listen_keys import ListenKeys
from simulator.market_endpoints import MARKET_ENDPOINTS
from simulator.request_log import RequestLog
from simulator.signing import check_signed, identify
from simulator.venue import Venue

ENDPOINTS = {**MARKET_ENDPOINTS, **ACCOUNT_ENDPOINTS}
LOGGED_METHODS = frozenset({"POST", "DELETE"})
WEIGHT_WINDOW_S = 10
ORDER_WINDOW_S = 1

_log = logging.getLogger(__name__)


class Gateway:
    """Serves everything below /api. Between reading a call and building its answer nothing else can run."""

    def __init__(
        self,
        venue: Venue,
        clock: VenueClock,
        listen_keys: ListenKeys,
        faults: FaultBook,
        requests: RequestLog,
    ) -> None:
        self._venue = venue
        self._clock = clock
        self._listen_keys = listen_keys
        self._faults = faults
        self._requests = requests
        self._by_address = Limits(WEIGHT_WINDOW_S)
        self._by_account = Limits(WEIGHT_WINDOW_S)
        self._order_bucket = Limits(ORDER_WINDOW_S)

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request; a fault may cut its connection instead."""
        arrival_us = self._clock.monotonic_us()
        arrival_ms = self._clock.now_ms()
        raw_path, _, query = request.raw_path.partition("?")
        body = (await request.read()).decode("utf-8", "replace") if request.body_exists else ""
        call = Call(
            method=request.method,
            path=raw_path,
            query=query,
            body=body,
            headers=request.headers,
            remote=request.remote or "",
            arrival_ms=arrival_ms,
            arrival_us=arrival_us,
            parameters=read_parameters(query, body),
        )
        endpoint = ENDPOINTS.get((call.method, call.path))
        logged = endpoint is not None and endpoint.uses_order_bucket and call.method in LOGGED_METHODS
        entry = self._requests.open(call) if logged else {}
        fault = self._faults.pick(call)
        if fault is None:
            return self._answer(call, endpoint, entry)
        entry["fault"] = fault.kind
        return await self._strike(fault, request, call, endpoint, entry)

    async def _strike(
        self, fault: Fault, request: web.BaseRequest, call: Call, endpoint: Endpoint | None, entry: dict[str, Any]
    ) -> web.Response:
        parameters = fault.params
        _log.info("fault.struck kind=%s method=%s path=%s", fault.kind, call.method, call.path)
        if fault.kind == "lose_request":
            return _cut(request)
        if fault.kind == "refuse":
            return self._refuse(Refusal(parameters.code, parameters.msg), entry)
        if fault.kind == "latency":
            await asyncio.sleep(parameters.ms / 1000)
            return self._answer(call, endpoint, entry)
        if fault.kind == "status" and parameters.when == "before":
            entry["status"] = parameters.status
            return _faulty_answer(fault)
        answer = self._answer(call, endpoint, entry)
        if fault.kind == "lose_answer":
            return _cut(request)
        if fault.kind == "late_answer":
            await asyncio.sleep(parameters.ms / 1000)
            return answer
        return _faulty_answer(fault)

    def _answer(self, call: Call, endpoint: Endpoint | None, entry: dict[str, Any]) -> web.Response:
        if endpoint is None:
            return _respond(404, {"code": 404, "msg": "Not Found"})
        try:
            body = self._run(call, endpoint)
        except Refusal as refusal:
            return self._refuse(refusal, entry)
        entry["status"] = 200
        return _respond(200, body)

    def _run(self, call: Call, endpoint: Endpoint) -> Any:
        now_ms = self._clock.now_ms()
        self._venue.advance(now_ms)
        caller = None
        if endpoint.security is Security.SIGNED:
            caller = identify(call, self._venue.by_key)
            check_signed(call, caller, now_ms)
        self._limit(call, endpoint, f"{caller.uid}" if caller is not None else None)
        return endpoint.handler(Context(self._venue, self._listen_keys, call, now_ms, caller))

    def _limit(self, call: Call, endpoint: Endpoint, uid: str | None) -> None:
        """Book the call's weight. Raises Refusal when any of its budgets is used up; then none is touched."""
        settings = self._venue.settings
        now_us = self._clock.monotonic_us()
        checks = [
            (self._by_address, call.remote, endpoint.weight, settings.ip_weight)
            if uid is None
            else (self._by_account, uid, endpoint.weight, settings.uid_weight)
        ]
        if uid is not None and endpoint.uses_order_bucket:
            checks.append((self._order_bucket, uid, 1, settings.orders_per_s))
        for limits, caller, weight, capacity in checks:
            refusal = limits.check(caller, weight, capacity, now_us)
            if refusal is not None:
                raise refusal
        for limits, caller, weight, _ in checks:
            limits.spend(caller, weight, now_us)

    def _refuse(self, refusal: Refusal, entry: dict[str, Any]) -> web.Response:
        entry.update(status=refusal.status, code=refusal.code, msg=refusal.message)
        headers = {} if refusal.retry_after_s is None else {"Retry-After": str(refusal.retry_after_s)}
        return _respond(refusal.status, {"code": refusal.code, "msg": refusal.message}, headers)


def _respond(status: int, body: Any, headers: dict[str, str] | None = None) -> web.Response:
    return web.Response(
        status=status, body=orjson.dumps(body), content_type="application/json", headers=headers or None
    )


def _faulty_answer(fault: Fault) -> web.Response:
    body = fault.params.body
    if isinstance(body, str):
        return web.Response(status=fault.params.status, text=body)
    return _respond(fault.params.status, {} if body is None else body)


def _cut(request: web.BaseRequest) -> web.Response:
    """Close the connection without a byte of answer; what is returned reaches nobody."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=500)
