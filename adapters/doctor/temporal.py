"""Temporal: does it answer, is our namespace prepared, does the listing watch run, does anybody work."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from temporalio.api.enums.v1 import IndexedValueType, TaskQueueType
from temporalio.api.operatorservice.v1 import ListSearchAttributesRequest
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import (
    DescribeNamespaceRequest,
    DescribeTaskQueueRequest,
    GetSystemInfoRequest,
)
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from adapters.doctor import judging
from adapters.doctor.findings import Verdict, error, ok
from adapters.doctor.latency import fastest_ms
from adapters.temporal import connect
from domain.errors import InvalidInput

CONNECT_WITHIN_S = 3.0
_ANSWER_WITHIN = timedelta(seconds=3)
_SYSTEM_ERROR = re.compile(r'message: "([^"]+)"')
_LONGEST_REASON = 160
_KIND_PREFIX = "INDEXED_VALUE_TYPE_"
_TASKS = {
    "workflow": TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
    "activity": TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY,
}


class TemporalProbes:
    """Questions to one server. `server` comes first: it connects. cure: where to look when nobody answers."""

    def __init__(self, address: str, namespace: str, *, cure: str) -> None:
        self._address = address
        self._namespace = namespace
        self._cure = cure
        self._connected: Client | None = None

    async def server(self) -> Verdict:
        """Is it there, and new enough?"""
        try:
            client = await connect(self._address, self._namespace, CONNECT_WITHIN_S)
        except InvalidInput as exc:
            return error(
                f"{self._address} does not answer: {_reason(exc)}",
                expected="a Temporal server that answers",
                remedy=self._cure,
                gone="Temporal is not reachable",
            )
        self._connected = client
        service = client.workflow_service
        answer = await service.get_system_info(GetSystemInfoRequest(), timeout=_ANSWER_WITHIN)
        latency_ms = await fastest_ms(lambda: service.get_system_info(GetSystemInfoRequest(), timeout=_ANSWER_WITHIN))
        return judging.temporal(answer.server_version, latency_ms)

    async def namespace(self) -> Verdict:
        """Does it know ours?"""
        try:
            await self._client.workflow_service.describe_namespace(
                DescribeNamespaceRequest(namespace=self._namespace), timeout=_ANSWER_WITHIN
            )
        except RPCError as exc:
            if exc.status is not RPCStatusCode.NOT_FOUND:
                raise
            return error(
                f"the server at {self._address} has no namespace {self._namespace!r}",
                expected="a namespace of that server",
                remedy="create it (`temporal operator namespace create`), or correct TEMPORAL_NAMESPACE",
                gone=f"namespace {self._namespace!r} does not exist",
            )
        return ok(f"{self._namespace!r} exists")

    async def search_attributes(self, wanted: Mapping[str, str]) -> Verdict:
        """Is everything registered by which our workflows are found? wanted: name -> kind."""
        answer = await self._client.operator_service.list_search_attributes(
            ListSearchAttributesRequest(namespace=self._namespace), timeout=_ANSWER_WITHIN
        )
        found = {name: _kind(number) for name, number in answer.custom_attributes.items()}
        return judging.search_attributes(found, wanted, self._namespace)

    async def worker(self, queue: str, tasks: Sequence[str], *, trouble: str, cure: str) -> Verdict:
        """Does somebody work there? tasks: "workflow", "activity". trouble, cure: as judging.worker takes them."""
        ages = {task: await self._last_poll_s(queue, task) for task in tasks}
        return judging.worker(queue, ages, trouble=trouble, cure=cure)

    async def listing_watch(self, workflow_id: str, *, cure: str) -> Verdict:
        """Does it run, and succeed?"""
        try:
            found = await self._client.get_workflow_handle(workflow_id).describe(rpc_timeout=_ANSWER_WITHIN)
        except RPCError as exc:
            if exc.status is not RPCStatusCode.NOT_FOUND:
                raise
            return judging.listing_watch(None, attempts=0, failure="", cure=cure)
        pending = [(one.attempt, one.last_failure.message) for one in found.raw_description.pending_activities]
        attempts, failure = max(pending, default=(0, ""))
        status = "unknown" if found.status is None else found.status.name
        return judging.listing_watch(status, attempts=attempts, failure=failure, cure=cure)

    async def _last_poll_s(self, queue: str, task: str) -> float | None:
        """Seconds since the latest poll; None: the server remembers none."""
        answer = await self._client.workflow_service.describe_task_queue(
            DescribeTaskQueueRequest(
                namespace=self._namespace, task_queue=TaskQueue(name=queue), task_queue_type=_TASKS[task]
            ),
            timeout=_ANSWER_WITHIN,
        )
        polls = [poller.last_access_time.ToDatetime(UTC) for poller in answer.pollers]
        return None if not polls else max(0.0, (datetime.now(UTC) - max(polls)).total_seconds())

    @property
    def _client(self) -> Client:
        assert self._connected is not None, "`server` is asked first"
        return self._connected


def _reason(exc: InvalidInput) -> str:
    """The system's own words, out of the long text around them."""
    told = " ".join(str(exc.__cause__).split())
    inner = _SYSTEM_ERROR.search(told)
    return inner[1] if inner else told[:_LONGEST_REASON] or f"nothing within {CONNECT_WITHIN_S:g} s"


def _kind(number: IndexedValueType.ValueType) -> str:
    """As workflows.names writes it: INDEXED_VALUE_TYPE_KEYWORD_LIST is KeywordList."""
    words = IndexedValueType.Name(number).removeprefix(_KIND_PREFIX).split("_")
    return "".join(word.title() for word in words)
