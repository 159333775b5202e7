"""The Temporal dev server of one machine: its command line and its health, plus search attributes on any server.

Not here: where the executable comes from (temporal_binary.py), and namespaces of a cluster.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest, ListSearchAttributesRequest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from adapters.local.ports import LOOPBACK
from domain.errors import InvalidInput

SearchAttributeKind = Literal["Text", "Keyword", "Int", "Double", "Bool", "Datetime", "KeywordList"]

PRAGMAS = {
    "journal_mode": "WAL",
    "synchronous": "2",  # FULL: what was acknowledged survives a power cut too, at one fsync per commit
}
FLAGS = (
    "frontend.WorkerCommandsEnabled=true",  # these two cut an activity's cancellation from 0.9 s to 0.05 s
    "system.enableCancelActivityWorkerCommand=true",
)
TIME_SKIPPING_FLAGS = (
    "frontend.WorkflowTimeSkippingEnabled=true",
    "system.workflowTimeSkippingEnabled=true",
)
CONNECT_WITHIN_S = 5.0
SEEN_WITHIN_S = 10.0  # a new search attribute reaches every part of the server through a cache
ASK_EVERY_S = 0.1

_KINDS: Mapping[SearchAttributeKind, IndexedValueType.ValueType] = {
    "Text": IndexedValueType.INDEXED_VALUE_TYPE_TEXT,
    "Keyword": IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD,
    "Int": IndexedValueType.INDEXED_VALUE_TYPE_INT,
    "Double": IndexedValueType.INDEXED_VALUE_TYPE_DOUBLE,
    "Bool": IndexedValueType.INDEXED_VALUE_TYPE_BOOL,
    "Datetime": IndexedValueType.INDEXED_VALUE_TYPE_DATETIME,
    "KeywordList": IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD_LIST,
}


@dataclass(frozen=True, slots=True)
class DevServer:
    """One dev server.

    database: its file. port: of the gRPC frontend. ui_port: of the web interface, None for none.
    search_attributes: name -> kind, registered at start. time_skipping: lets workflows run on clocks of their own.
    """

    executable: Path
    database: Path
    port: int
    namespace: str = "default"
    ui_port: int | None = None
    search_attributes: Mapping[str, SearchAttributeKind] = field(default_factory=dict)
    time_skipping: bool = False

    @property
    def address(self) -> str:
        """host:port for clients."""
        return f"{LOOPBACK}:{self.port}"

    @property
    def argv(self) -> tuple[str, ...]:
        """Its command line; it stays in the foreground."""
        flags = FLAGS + (TIME_SKIPPING_FLAGS if self.time_skipping else ())
        shown = ("--headless",) if self.ui_port is None else ("--ui-port", str(self.ui_port))
        attributes = (f"{name}={kind}" for name, kind in self.search_attributes.items())
        return (
            *(str(self.executable), "server", "start-dev", "--ip", LOOPBACK, "--port", str(self.port)),
            *("--db-filename", str(self.database), "--namespace", self.namespace, "--log-level", "warn"),
            *shown,
            *(part for name, value in PRAGMAS.items() for part in ("--sqlite-pragma", f"{name}={value}")),
            *(part for flag in flags for part in ("--dynamic-config-value", flag)),
            *(part for attribute in attributes for part in ("--search-attribute", attribute)),
        )

    async def is_ready(self) -> bool:
        """Does it answer for its namespace? The SDK's errors mean "not yet"."""
        await connect(self.address, self.namespace)
        return True


async def connect(address: str, namespace: str) -> Client:
    """A client whose namespace has answered; RuntimeError, RPCError or TimeoutError when it does not within 5 s."""
    async with asyncio.timeout(CONNECT_WITHIN_S):
        client = await Client.connect(address, namespace=namespace)
        await client.count_workflows()  # a server accepts connections before it can look into a namespace
        return client


async def require_answering(address: str, namespace: str) -> None:
    """Raises InvalidInput when the server the operator named does not answer for the namespace."""
    try:
        await connect(address, namespace)
    except RPCError as exc:
        if exc.status is RPCStatusCode.NOT_FOUND:
            raise InvalidInput(
                "TEMPORAL_NAMESPACE",
                value=namespace,
                expected=f"a namespace of the server at {address}",
                remedy="create it there, or name another one",
            ) from exc
        raise _not_answering(address, exc) from exc
    except (RuntimeError, TimeoutError) as exc:
        raise _not_answering(address, exc) from exc


async def ensure_search_attributes(client: Client, wanted: Mapping[str, SearchAttributeKind]) -> None:
    """Register what is missing in the client's namespace, and return when the server lists it. May be repeated.

    wanted: name -> kind.
    Raises InvalidInput when a name exists there with another kind.
    """
    known = await _listed(client)
    for name, kind in wanted.items():
        if name in known and known[name] != _KINDS[kind]:
            raise InvalidInput(
                f"search attribute {name}",
                value=IndexedValueType.Name(known[name]),
                expected=f"kind {kind} in namespace {client.namespace!r}",
                remedy="remove it there (temporal operator search-attribute remove), or use another namespace",
            )
    missing = {name: _KINDS[kind] for name, kind in wanted.items() if name not in known}
    if not missing:
        return
    try:
        await client.operator_service.add_search_attributes(
            AddSearchAttributesRequest(namespace=client.namespace, search_attributes=missing)
        )
    except RPCError as exc:
        if exc.status is not RPCStatusCode.ALREADY_EXISTS:  # somebody else was faster
            raise
    async with asyncio.timeout(SEEN_WITHIN_S):
        while not missing.keys() <= (await _listed(client)).keys():
            await asyncio.sleep(ASK_EVERY_S)


async def _listed(client: Client) -> dict[str, IndexedValueType.ValueType]:
    answer = await client.operator_service.list_search_attributes(
        ListSearchAttributesRequest(namespace=client.namespace)
    )
    return dict(answer.custom_attributes)


def _not_answering(address: str, exc: BaseException) -> InvalidInput:
    reason = " ".join(str(exc).split()) or type(exc).__name__
    return InvalidInput(
        "TEMPORAL_ADDRESS",
        value=address,
        expected="host:port of a Temporal server that answers",
        remedy=f"start it or correct the address, or unset it to use our own server ({reason[:120]})",
    )
