"""Starts and ends the SDK's local server once, so that its executable is downloaded.

Run as `python -m adapters.local.temporal_fetch FOLDER VERSION`; a file of its own because the SDK imports slowly.
"""

import asyncio
import sys

from temporalio.testing import WorkflowEnvironment


async def fetch(folder: str, version: str) -> None:
    """Leave the CLI of `version` (like 1.8.2) in `folder`; RuntimeError when it cannot be downloaded or started."""
    environment = await WorkflowEnvironment.start_local(
        download_dest_dir=folder, dev_server_download_version=f"v{version}", dev_server_log_level="error"
    )
    await environment.shutdown()


if __name__ == "__main__":
    asyncio.run(fetch(sys.argv[1], sys.argv[2]))
