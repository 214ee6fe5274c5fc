"""What a running job says, as events of its feed."""

import trio

from stmota_daemon.jobs import JobRegistry
from stmota_daemon.work import Report
from stmota_protocol.api import NoteEvent, Phase, PhaseEvent, ProgressEvent

PROGRESS_EVERY_S = 0.1
"""A progress bar cannot show more, and many followers would make it thousands of messages a second."""
MAX_TEXT = 500
"""Characters of a note: a problem with its remedy is half of that; bounds the store."""


class JobReport(Report):
    """The report of one job."""

    def __init__(self, jobs: JobRegistry, job_id: str) -> None:
        self._jobs = jobs
        self._job_id = job_id
        self._phase = Phase.CONNECT
        self._total = 0
        self._told_at_s = float("-inf")

    def phase(self, phase: Phase, total: int, text: str) -> None:
        """Enter a phase."""
        self._phase, self._total = phase, total
        self._told_at_s = float("-inf")
        self._jobs.tell(
            self._job_id,
            lambda number, at: PhaseEvent(
                number=number, at=at, phase=phase, total=total, text=text[:MAX_TEXT]
            ),
            keep=True,
        )

    def progress(self, done: int, bytes_per_s: float, line_rate_share: float) -> None:
        """Tell progress, but not more often than people can see; a phase's last is always told."""
        now_s = trio.current_time()
        if now_s - self._told_at_s < PROGRESS_EVERY_S and done < self._total:
            return
        self._told_at_s = now_s
        self._jobs.tell(
            self._job_id,
            lambda number, at: ProgressEvent(
                number=number,
                at=at,
                phase=self._phase,
                done=done,
                total=self._total,
                bytes_per_s=bytes_per_s,
                line_rate_share=line_rate_share,
            ),
            keep=False,
        )

    def note(self, text: str, *, warning: bool = False) -> None:
        """Tell people something."""
        self._jobs.tell(
            self._job_id,
            lambda number, at: NoteEvent(number=number, at=at, text=text[:MAX_TEXT], warning=warning),
            keep=True,
        )
