"""What a lock between processes promises."""

import os
import threading
from pathlib import Path

import pytest

from adapters.local import locks


def test_one_holder_at_a_time(tmp_path: Path) -> None:
    """The second is refused and told who holds it; afterwards the lock is free."""
    path = tmp_path / "lock"
    with locks.hold(path, wait=False):
        with pytest.raises(locks.Held, match=str(os.getpid())), locks.hold(path, wait=False):
            pass
        assert locks.holder(path) == os.getpid()

    assert locks.holder(path) is None
    with locks.hold(path, wait=False):
        assert locks.holder(path) == os.getpid()


def test_asking_for_the_holder_does_not_get_in_anybodys_way(tmp_path: Path) -> None:
    """A start is not refused because somebody looks whether one runs."""
    path = tmp_path / "lock"
    path.touch()
    over = threading.Event()

    def ask() -> None:
        while not over.is_set():
            locks.holder(path)

    askers = [threading.Thread(target=ask) for _ in range(2)]
    for asker in askers:
        asker.start()
    try:
        for _ in range(50):
            with locks.hold(path, wait=False):
                pass
    finally:
        over.set()
        for asker in askers:
            asker.join()
