"""What our Temporal dev server promises. Runs the real server, found as the stack finds it."""

import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest
from temporalio.client import Client, WorkflowExecutionStatus

from adapters.local.child import Child, Run
from adapters.local.ports import free_port
from adapters.local.supervisor import Supervisor
from adapters.local.temporal_binary import find_binary
from adapters.local.temporal_server import DevServer, connect, ensure_search_attributes, require_answering
from domain.errors import InvalidInput
from tests.stack.helpers import Heard, eventually


def dev_server(folder: Path, *, time_skipping: bool = False) -> DevServer:
    """A server with its database in `folder`."""
    executable = find_binary(os.environ)
    assert executable is not None, "make the server first: python -m adapters.local.temporal_binary"
    return DevServer(
        executable,
        folder / "temporal.db",
        free_port(),
        search_attributes={"SniperTestPhase": "Keyword"},
        time_skipping=time_skipping,
    )


def temporal_child(server: DevServer, folder: Path) -> Child:
    """The server as the stack runs it."""

    async def ready(_: Run) -> bool:
        return await server.is_ready()

    return Child("temporal", server.argv, dict(os.environ), ready, folder / "temporal.log")


@pytest.fixture
def heard() -> Heard:
    """What the supervisor said."""
    return Heard()


@pytest.fixture
async def supervisor(heard: Heard) -> AsyncIterator[Supervisor]:
    """Runs the server of a test and stops it after it."""
    made = heard.supervisor()
    yield made
    await made.stop()


async def _start(client: Client) -> str:
    workflow_id = f"kept-{uuid4()}"
    await client.start_workflow("Nobody", id=workflow_id, task_queue="nobody-polls")
    return workflow_id


@pytest.mark.server
async def test_a_killed_server_comes_back_with_its_workflows(
    supervisor: Supervisor, heard: Heard, tmp_path: Path
) -> None:
    """A workflow that was acknowledged is still running after kill -9, at the same address."""
    server = dev_server(tmp_path)
    await supervisor.start(temporal_child(server, tmp_path))
    workflow_id = await _start(await connect(server.address, server.namespace))

    os.kill(supervisor.run_of("temporal").pid, signal.SIGKILL)
    await eventually(lambda: "ready again" in heard.text())

    client = await connect(server.address, server.namespace)
    description = await client.get_workflow_handle(workflow_id).describe()
    assert description.status is WorkflowExecutionStatus.RUNNING


@pytest.mark.server
async def test_search_attributes_are_ensured_more_than_once(supervisor: Supervisor, tmp_path: Path) -> None:
    """Those given at start are there, missing ones are added, and repeating it changes nothing."""
    server = dev_server(tmp_path, time_skipping=True)
    await supervisor.start(temporal_child(server, tmp_path))
    client = await connect(server.address, server.namespace)

    await ensure_search_attributes(client, {"SniperTestPhase": "Keyword", "SniperTestOpens": "Datetime"})
    await ensure_search_attributes(client, {"SniperTestPhase": "Keyword", "SniperTestOpens": "Datetime"})

    with pytest.raises(InvalidInput, match="SniperTestOpens"):
        await ensure_search_attributes(client, {"SniperTestOpens": "Int"})


@pytest.mark.server
async def test_a_missing_namespace_is_one_clear_line(supervisor: Supervisor, tmp_path: Path) -> None:
    """A server that answers without our namespace is told apart from one that does not answer."""
    server = dev_server(tmp_path)
    await supervisor.start(temporal_child(server, tmp_path))

    await require_answering(server.address, "default")
    with pytest.raises(InvalidInput, match="TEMPORAL_NAMESPACE: got 'elsewhere'"):
        await require_answering(server.address, "elsewhere")


async def test_an_address_nobody_answers_at_is_one_clear_line() -> None:
    """The line names the address and what to do."""
    with pytest.raises(InvalidInput, match=r"TEMPORAL_ADDRESS: got '127\.0\.0\.1:1'") as refused:
        await require_answering("127.0.0.1:1", "default")

    assert "\n" not in str(refused.value)


def test_time_skipping_is_asked_for() -> None:
    """Workflows get clocks of their own only where somebody wants them."""
    plain = DevServer(Path("temporal"), Path("file.db"), 7233)
    skipping = DevServer(Path("temporal"), Path("file.db"), 7233, time_skipping=True)

    assert not any("TimeSkipping" in argument for argument in plain.argv)
    assert "frontend.WorkflowTimeSkippingEnabled=true" in skipping.argv
