"""Golden histories: a changed workflow must still replay what runs have already done. Needs no server.

`RECORD_HISTORIES=1 pytest tests/workflows/test_histories.py` writes them anew, but for three of older kinds, which go
on as they were. snipe-misspelt.json: a run whose start, updates and signals held fields and names that there are not,
from when those were passed over. snipe-keyless.json, snipe-emptykey.json: runs that were signalled to abort without a
key and with an empty one, from when the first was passed over and the second refused.
"""

from pathlib import Path

import pytest
from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer

from adapters.payloads import DATA_CONVERTER
from workflows.snipe import Snipe
from workflows.watch_listings import WatchListings

HISTORIES = sorted((Path(__file__).parent / "histories").glob("*.json"))


@pytest.mark.parametrize("path", HISTORIES, ids=lambda path: path.stem)
async def test_a_golden_history_replays(path: Path) -> None:
    """Same commands in the same order."""
    replayer = Replayer(workflows=[Snipe, WatchListings], data_converter=DATA_CONVERTER)

    await replayer.replay_workflow(WorkflowHistory.from_json(path.stem, path.read_text()))


def test_each_workflow_has_golden_histories() -> None:
    """An empty folder would prove nothing."""
    recorded = {path.stem.split("-")[0] for path in HISTORIES}

    assert recorded == {"snipe", "watch_listings"}
