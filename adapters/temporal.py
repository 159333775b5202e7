"""The Temporal client: one way to connect, one data converter, and updates sent to running sessions."""

import asyncio

import structlog
from temporalio.client import Client, WorkflowExecutionStatus, WorkflowUpdateFailedError
from temporalio.service import RPCError, RPCStatusCode

from adapters.payloads import DATA_CONVERTER
from domain.commands import MovedOpening
from domain.errors import InvalidInput, TryAgain

log = structlog.get_logger()

_CONNECT_WITHIN_S = 5.0
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
    """Implements domain.ports.RunningSnipes with updates of a fixed id, so that a repeated one counts once."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def runs(self, workflow_id: str) -> bool:
        """Raises TryAgain when Temporal does not answer."""
        try:
            found = await self._client.get_workflow_handle(workflow_id).describe()
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return False
            raise TryAgain(f"Temporal could not be asked about {workflow_id}: {error}") from error
        return found.status in _LOOKED_AFTER

    async def reschedule(self, moved: MovedOpening) -> None:
        handle = self._client.get_workflow_handle(moved.workflow_id)
        try:
            await handle.execute_update("reschedule", moved.reschedule, id=moved.reschedule.request)
        except WorkflowUpdateFailedError as error:
            log.warning("reschedule.refused", workflow_id=moved.workflow_id, reason=str(error.cause))
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise TryAgain(f"{moved.workflow_id} could not be told of its new opening: {error}") from error
