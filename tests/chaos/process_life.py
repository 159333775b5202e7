"""A life that is a real process: it can be killed by the kernel, and stopped as a whole."""

import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

from tests.chaos.plan import Mishap, Worker
from tests.chaos.surroundings import Surroundings

_ROOT = Path(__file__).parents[2]
_LEAVES_WITHIN_S = 15.0


class ProcessLife:
    """Its desk runs in tests/chaos/desk_process.py."""

    def __init__(self, around: Surroundings, plan: Worker) -> None:
        self._around = around
        self._plan = plan
        self._door = around.venue.door(plan.name)
        self._process: subprocess.Popen[str] | None = None
        self._listening = threading.Thread(target=self._listen, name=plan.name, daemon=True)
        self._ending = False
        self.dead = False

    def begin(self) -> None:
        post = self._around.post(self._plan, self._door)
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-m", "tests.chaos.desk_process", self._around.scale.told()),
                *(post.name, "fire" if post.may_fire else "guard", post.rest_url, post.ws_url, post.database_url),
                *(str(post.locks), str(post.key)),
            ],
            cwd=_ROOT,
            env={**os.environ, "PYTHONPATH": str(_ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._listening.start()

    def strike(self, mishap: Mishap) -> None:
        assert self._process is not None
        if mishap.kind == "kill":
            self._process.kill()
        elif mishap.kind in ("pause", "suspend"):
            self._process.send_signal(signal.SIGSTOP)
            waking = threading.Timer(
                self._around.scale.real(mishap.for_s), self._process.send_signal, (signal.SIGCONT,)
            )
            waking.start()

    def rest(self) -> None:
        self._write("rest")

    def ask(self) -> None:
        self._write("ask")

    def tell(self) -> None:
        """Its tasks are its own."""

    def _write(self, line: str) -> None:
        if self._process is not None and self._process.stdin is not None and not self.dead:
            with suppress(OSError):  # it died meanwhile
                self._process.stdin.write(f"{line}\n")
                self._process.stdin.flush()

    def end(self) -> None:
        if self._process is None or self._process.stdin is None:
            return
        self._ending = True
        with suppress(OSError):
            self._process.stdin.close()
        try:
            self._process.wait(_LEAVES_WITHIN_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._around.told(self._plan.name, "broke", "it did not leave when it was asked to")
        self._listening.join()

    def _listen(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        for line in self._process.stdout:
            what, _, detail = line.strip().partition(" ")
            self._around.told(self._plan.name, what, detail)
        said = self._process.stderr.read()
        self._process.stdout.close()
        self._process.stderr.close()
        code = self._process.wait()
        self.dead = True
        if code == -signal.SIGKILL and not self._ending:
            self._around.told(self._plan.name, "died", said)
        elif code:
            self._around.told(self._plan.name, "broke", f"exit code {code}: {said}")
        else:
            self._around.told(self._plan.name, "left", said)
