"""The Temporal client: one way to connect, one data converter, and moved openings told to running sessions."""

import asyncio
from datetime import timedelta

from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from adapters.payloads import DATA_CONVERTER
from domain.commands import MovedOpening
from domain.errors import InvalidInput, TryAgain

_CONNECT_WITHIN_S = 5.0
_ANSWERS_WITHIN = timedelta(seconds=5)
"""A server that lives answers in milliseconds; the SDK would ask for ever."""
_LOOKED_AFTER = (
    WorkflowExecutionStatus.RUNNING,
    WorkflowExecutionStatus.COMPLETED,
    WorkflowExecutionStatus.CONTINUED_AS_NEW,
)


async def connect(address: str, namespace: str, within_s: float = _CONNECT_WITHIN_S) -> Client:
    """A client that speaks our types. Raises InvalidInput when nobody answers in time."""
    try:
        async with asyncio.timeout(within_s):
            return await Client.connect(address, namespace=namespace, data_converter=DATA_CONVERTER)
    except (TimeoutError, RuntimeError, RPCError) as error:
        raise InvalidInput(
            "TEMPORAL_ADDRESS",
            value=address,
            expected=f"a Temporal server that answers within {within_s:g} s",
            remedy="start one with `make up`, or correct the address",
        ) from error


class TemporalSnipes:
    """Implements domain.ports.RunningSnipes with signals: the server keeps one for a run that cannot take it now."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def runs(self, workflow_id: str) -> bool:
        """Raises TryAgain when Temporal does not answer."""
        try:
            found = await self._client.get_workflow_handle(workflow_id).describe(rpc_timeout=_ANSWERS_WITHIN)
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return False
            raise TryAgain(f"Temporal could not be asked about {workflow_id}: {error}") from error
        return found.status in _LOOKED_AFTER

    async def reschedule(self, moved: MovedOpening) -> None:
        """Returns once the server has it, whatever the run is at: an update would wait for the run. The run carries
        out the same request once and journals a refusal. A run that reached its end is no error.

        Raises TryAgain when the server does not take it, and when nobody runs the session.
        """
        handle = self._client.get_workflow_handle(moved.workflow_id)
        try:
            await handle.signal("reschedule", moved.reschedule, rpc_timeout=_ANSWERS_WITHIN)
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND and await self.runs(moved.workflow_id):
                return
            raise TryAgain(f"{moved.workflow_id} could not be told of its new opening: {error}") from error
