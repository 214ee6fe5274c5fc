"""How fast a job goes: progress for people while it runs, and honest figures at its end."""

import trio

from stmota_daemon.work import Report
from stmota_protocol.api import Phase
from stmota_protocol.steps import Result


class Meter:
    """One phase's progress: bytes done, and how much of the time the wire carried the image's own bytes."""

    def __init__(self, pace: "Pace", phase: Phase, report: Report) -> None:
        self.phase = phase
        self._pace = pace
        self._report = report
        self._moved = 0
        self._wire_us = 0
        self._began_s = trio.current_time()
        self._until_s = self._began_s

    def add(self, length: int, wire_us: int, result: Result, done: int) -> None:
        """Count `length` more bytes, whose own wire time is `wire_us`: `done` in all of the phase.

        `result` says when, at the edge.
        """
        now_s = trio.current_time()
        self._pace.took(self.phase, now_s - self._until_s, result)
        self._until_s = now_s
        self._moved += length
        self._wire_us += wire_us
        elapsed_s = max(now_s - self._began_s, 1e-6)
        share = min(self._wire_us / 1e6 / elapsed_s, 1.0)
        self._report.progress(done, self._moved / elapsed_s, share)


class Pace:
    """Times of a whole job, from the first erase to the last check."""

    def __init__(self) -> None:
        self.phase_seconds: dict[str, float] = {}
        self._edge_began_us: int | None = None
        self._edge_ended_us = 0
        self._host_began_s: float | None = None
        self._host_ended_s = 0.0
        self._one_connection = True

    def meter(self, phase: Phase, report: Report) -> Meter:
        """Begin to measure a phase."""
        if self._host_began_s is None:
            self._host_began_s = trio.current_time()
        return Meter(self, phase, report)

    def took(self, phase: Phase, seconds: float, result: Result) -> None:
        """A batch of a phase has ended."""
        self.phase_seconds[phase.value] = self.phase_seconds.get(phase.value, 0.0) + seconds
        if self._edge_began_us is None:
            self._edge_began_us = result.started_us
        self._edge_ended_us = result.ended_us
        self._host_ended_s = trio.current_time()

    def interrupted(self) -> None:
        """The edge's clock may have begun anew: from now on only the host's counts."""
        self._one_connection = False

    @property
    def seconds(self) -> float:
        """First erase to last check: by the edge's clock, or the host's after an interruption."""
        if self._host_began_s is None or self._edge_began_us is None:
            return 0.0
        if self._one_connection:
            return (self._edge_ended_us - self._edge_began_us) / 1e6
        return self._host_ended_s - self._host_began_s
