"""Every workflow loads in Temporal's sandbox without a module that was not passed through on purpose."""

from dataclasses import replace

import pytest
from temporalio import workflow
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions
from temporalio.workflow import SandboxImportNotificationPolicy

from workflows.snipe import Snipe
from workflows.watch_listings import WatchListings


@pytest.mark.parametrize("kind", [Snipe, WatchListings])
async def test_a_workflow_passes_all_of_ours_through(kind: type) -> None:
    """A plain import of domain or activities would load a second copy of every class."""
    definition = workflow._Definition.must_from_class(kind)
    strict = replace(
        SandboxRestrictions.default,
        import_notification_policy=SandboxImportNotificationPolicy.WARN_ON_DYNAMIC_IMPORT
        | SandboxImportNotificationPolicy.RAISE_ON_UNINTENTIONAL_PASSTHROUGH,
    )

    SandboxedWorkflowRunner(restrictions=strict).prepare_workflow(definition)
