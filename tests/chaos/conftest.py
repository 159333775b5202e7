"""One Postgres, one scale of time and the threads of the venue for all in-process runs of a file."""

import sys
from collections.abc import Iterator

import pytest

from tests.chaos.ground import Ground
from tests.chaos.many import SWITCH_S


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    """Closed before other files' tests run: it changes the launchpad's module and how threads take turns."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_S)
    try:
        with Ground.open(tmp_path_factory.mktemp("chaos")) as opened:
            yield opened
    finally:
        sys.setswitchinterval(usual)
