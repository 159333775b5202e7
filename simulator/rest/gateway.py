"""The way of a REST call: read it, let faults strike, check limits, key and signature, run the endpoint, answer."""

import asyncio
import logging
import random
from typing import Any

import orjson
from aiohttp import web

from simulator import errors
from simulator.codes import status_of, text_of
from simulator.errors import Refusal
from simulator.exchange.clock import VenueClock
from simulator.exchange.listen_keys import ListenKeys
from simulator.exchange.venue import Venue
from simulator.rest.account_endpoints import ACCOUNT_ENDPOINTS
from simulator.rest.admission import Admission
from simulator.rest.calls import Call, read_parameters
from simulator.rest.endpoints import Context, Endpoint
from simulator.rest.faults import Fault, FaultBook, Parameters
from simulator.rest.market_endpoints import MARKET_ENDPOINTS
from simulator.rest.order_endpoints import ORDER_ENDPOINTS
from simulator.rest.request_log import RequestLog
from simulator.rest.signing import check_key, check_signed, identify
from simulator.rest.web_endpoints import WEB_ENDPOINTS

ENDPOINTS = {**MARKET_ENDPOINTS, **ORDER_ENDPOINTS, **ACCOUNT_ENDPOINTS, **WEB_ENDPOINTS}
LOGGED_METHODS = frozenset({"POST", "DELETE"})
FLUSH_S = 0.02  # what was written of a truncated answer gets this long to leave
PAGE = "<html><head><title>{0}</title></head><body><h1>{0}</h1></body></html>"
STATUS_BODIES: dict[int, Any] = {
    403: PAGE.format("Access Denied"),
    418: {"code": 418, "msg": "IP banned: too many requests"},
    429: {"code": 429, "msg": text_of(429)},
    451: {"msg": "Service unavailable from a restricted location.", "code": 0},
}

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
        self._admission = Admission()

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
        waits, fault = self._faults.pick(call, self._owner_of(call))
        if fault is None and not waits:
            return self._answer(call, endpoint, entry)
        entry["fault"] = fault.kind if fault is not None else waits[0].kind
        await self._wait(waits, "request")
        answer = self._answer(call, endpoint, entry) if fault is None else self._strike(fault, call, endpoint, entry)
        await self._wait(waits, "answer")
        return answer if fault is None else await self._send(answer, fault, request)

    def _owner_of(self, call: Call) -> str | None:
        key = self._venue.by_key.get(call.headers.get("X-MEXC-APIKEY", ""))
        return None if key is None else key.owner.name

    async def _wait(self, waits: list[Fault], direction: str) -> None:
        for fault in waits:
            if fault.params.direction in (direction, "both"):
                await asyncio.sleep(fault.params.wait_s(self._faults.rng))

    def _strike(self, fault: Fault, call: Call, endpoint: Endpoint | None, entry: dict[str, Any]) -> web.Response:
        """Carry the call out, or not, as the fault has it; returns what would be answered."""
        parameters = fault.params
        _log.info("fault.struck kind=%s method=%s path=%s", fault.kind, call.method, call.path)
        if fault.kind == "lose_request":
            return web.Response()
        if fault.kind == "refuse":
            text = text_of(parameters.code) if parameters.msg is None else parameters.msg
            status = status_of(parameters.code) if parameters.http is None else parameters.http
            return self._refuse(Refusal(parameters.code, text, status), entry)
        if fault.kind == "status" and parameters.when == "before":
            entry["status"] = parameters.status
            return _made_up(parameters)
        answer = self._answer(call, endpoint, entry, fault)
        return _made_up(parameters) if fault.kind == "status" else answer

    async def _send(self, answer: web.Response, fault: Fault, request: web.BaseRequest) -> web.StreamResponse:
        if fault.kind in ("lose_request", "lose_answer"):
            return _cut(request)
        if fault.kind == "late_answer":
            await asyncio.sleep(fault.params.wait_s(self._faults.rng))
        elif fault.kind == "garbled_answer":
            answer.body = _garbled(bytes(answer.body or b""), self._faults.rng)  # type: ignore[arg-type]
        elif fault.kind == "truncated_answer":
            return await _truncated(answer, request)
        return answer

    def _answer(
        self, call: Call, endpoint: Endpoint | None, entry: dict[str, Any], fault: Fault | None = None
    ) -> web.Response:
        try:
            body = self._run(call, endpoint, fault)
        except Refusal as refusal:
            return self._refuse(refusal, entry)
        except errors.Challenge:
            return web.Response(status=403, text=PAGE.format("Checking your browser"), content_type="text/html")
        entry["status"] = 200
        return _respond(200, body)

    def _run(self, call: Call, endpoint: Endpoint | None, fault: Fault | None) -> Any:
        now_ms = self._clock.now_ms()
        now_us = self._clock.running_us()
        settings = self._venue.settings
        self._venue.advance(now_ms)
        self._admission.check_address(call.remote, now_us)
        if settings.maintenance:
            raise errors.maintenance(settings.maintenance_status, settings.maintenance_code)
        if endpoint is None:
            raise errors.not_found()
        key = None
        if endpoint.permission is not None:
            key = identify(call, self._venue.by_key)
            check_signed(call, key, now_ms)
            check_key(key, endpoint.permission, call.remote, settings.permission_refusals, now_ms)
        uid = None if key is None else str(key.owner.uid)
        self._admission.admit(endpoint, call.remote, uid, settings, now_us)
        return endpoint.handler(Context(self._venue, self._listen_keys, call, now_ms, key, fault))

    def _refuse(self, refusal: Refusal, entry: dict[str, Any]) -> web.Response:
        entry.update(status=refusal.status, code=refusal.code, msg=refusal.message)
        headers = {} if refusal.retry_after_s is None else {"Retry-After": str(refusal.retry_after_s)}
        return _respond(refusal.status, {"code": refusal.code, "msg": refusal.message}, headers)


def _respond(status: int, body: Any, headers: dict[str, str] | None = None) -> web.Response:
    return web.Response(
        status=status, body=orjson.dumps(body), content_type="application/json", headers=headers or None
    )


def _made_up(parameters: Parameters) -> web.Response:
    """The answer that a fault of kind status gives instead of the real one."""
    status, body = parameters.status, parameters.body
    if body is None:
        body = STATUS_BODIES.get(status, {"code": status, "msg": text_of(status)} if status >= 500 else {})
    headers = dict(parameters.headers)
    if parameters.retry_after_s is not None:
        headers["Retry-After"] = str(parameters.retry_after_s)
    if isinstance(body, str):
        page = body.lstrip().startswith("<")
        return web.Response(
            status=status, text=body, headers=headers, content_type="text/html" if page else "text/plain"
        )
    return _respond(status, body, headers)


def _garbled(body: bytes, rng: random.Random) -> bytes:
    """The body with a third of its bytes wrong; never valid JSON, since it begins with a control character."""
    wrong = bytearray(body)
    for index in range(len(wrong)):
        if rng.random() < 1 / 3:
            wrong[index] ^= 0x15
    return b"\x16" + bytes(wrong[1:])


async def _truncated(answer: web.Response, request: web.BaseRequest) -> web.StreamResponse:
    body = bytes(answer.body or b"")  # type: ignore[arg-type]
    half = web.StreamResponse(status=answer.status, headers={"Content-Type": "application/json"})
    half.content_length = len(body)
    await half.prepare(request)
    await half.write(body[: len(body) // 2])
    await asyncio.sleep(FLUSH_S)
    _cut(request)
    return half


def _cut(request: web.BaseRequest) -> web.Response:
    """Close the connection without another byte; what is returned reaches nobody."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=500)
