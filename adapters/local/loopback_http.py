"""One HTTP request to a child on this machine, for readiness questions and the simulator's account."""

import asyncio
import http.client
import json
from collections.abc import Mapping
from typing import Any

from adapters.local.ports import LOOPBACK

TIMEOUT_S = 3.0


async def call(method: str, port: int, path: str, body: Mapping[str, Any] | None = None) -> tuple[int, str]:
    """Status and text of the answer; OSError or http.client.HTTPException when there is none.

    body: sent as JSON, None for no body.
    """
    return await asyncio.to_thread(_call, method, port, path, body)


def _call(method: str, port: int, path: str, body: Mapping[str, Any] | None) -> tuple[int, str]:
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=TIMEOUT_S)
    try:
        if body is None:
            connection.request(method, path)
        else:
            connection.request(method, path, json.dumps(body), {"Content-Type": "application/json"})
        answer = connection.getresponse()
        return answer.status, answer.read().decode(errors="replace")
    finally:
        connection.close()
