"""Processes of the simulator's tests: started, read line by line, stopped by a signal."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator

import pytest

END_WITHIN_S = 30.0
"""Machines are noisy; the simulator itself ends within a second."""
KILLED_AFTER_S = 120.0
"""So that a test which waits for a line that never comes fails instead of hanging."""


class Running:
    """`stmota sim …` in a process of its own."""

    def __init__(self, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "stmota_simulator", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "COLUMNS": "200"},
        )
        self._watchdog = threading.Timer(KILLED_AFTER_S, self.process.kill)
        self._watchdog.daemon = True
        self._watchdog.start()

    def clean_up(self) -> None:
        """Kill it if it still runs."""
        self._watchdog.cancel()
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()

    def line(self) -> str:
        """The next line of its standard output."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().rstrip("\n")

    def end(self, with_signal: signal.Signals = signal.SIGTERM) -> tuple[int, str, str]:
        """Stop it: exit code, the rest of its output, its errors."""
        self.process.send_signal(with_signal)
        return self.wait()

    def wait(self) -> tuple[int, str, str]:
        """Wait for its end: exit code, the rest of its output, its errors."""
        out, err = self.process.communicate(timeout=END_WITHIN_S)
        return self.process.returncode, out, err


@pytest.fixture
def sim() -> Iterator[Callable[..., Running]]:
    """Start `stmota sim …`; what still runs at the test's end is killed."""
    started: list[Running] = []

    def start(*arguments: str) -> Running:
        running = Running(*arguments)
        started.append(running)
        return running

    yield start
    for running in started:
        running.clean_up()
