"""Ctrl-C (and SIGTERM) while a job runs: the first asks for the job's end, a second one leaves at once."""

import signal
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Any, Self

SIGNALS = (signal.SIGINT, signal.SIGTERM)
LEAVE_WITHIN_S = 5.0
"""How long an answer to the request for the job's end may keep this process; the job has ended by then."""


@contextmanager
def termination_as_interrupt() -> Generator[None]:
    """Make SIGTERM raise KeyboardInterrupt: a command told to end leaves the terminal in order."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


class Interruption:
    """Takes the signals in a `with` block; only the main thread can.

    Signals do not interrupt what the main thread waits for: the job's events go on, up to its end. The
    request runs in a thread of its own. A second signal raises KeyboardInterrupt.
    """

    def __init__(self) -> None:
        self.is_requested = False
        self.is_left = False
        """The block ended by an exception: nobody waits for the request any more."""
        self._request: Callable[[], None] | None = None
        self._thread: threading.Thread | None = None
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number in SIGNALS:
                if signal.getsignal(number) is not signal.SIG_IGN:  # as under nohup
                    self._before[number] = signal.signal(number, self._on_signal)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self.is_left = kind is not None
        if self._thread is not None and not self.is_left:
            self._thread.join(LEAVE_WITHIN_S)

    def on_request(self, request: Callable[[], None]) -> None:
        """Set what asks for the job's end; called at once if a signal has come already."""
        self._request = request
        if self.is_requested:
            self._start()

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self.is_requested:
            raise KeyboardInterrupt
        self.is_requested = True
        if self._request is not None:
            self._start()

    def _start(self) -> None:
        if self._thread is None and self._request is not None:
            self._thread = threading.Thread(target=self._request, daemon=True, name="cancel")
            self._thread.start()
