"""All jobs: their states, their events and their place in the store."""

import logging
import secrets
import time
from collections.abc import Callable

import msgspec

from stmota_daemon.job_feed import JobFeed
from stmota_daemon.job_states import Move, moved
from stmota_daemon.store import Store
from stmota_daemon.work_outcome import WorkOutcome
from stmota_protocol.api import (
    ENDED,
    FlashFile,
    Job,
    JobEvent,
    JobRequest,
    JobState,
    Problem,
    StateEvent,
)

logger = logging.getLogger(__name__)

MAX_LISTED_JOBS = 500
"""Jobs in one answer; older ones are found by their id."""
RESTART_NUMBER_STEP = 100_000
"""Progress events are not stored: after a restart numbers go on this far behind the last stored one, farther
than the progress a phase can tell (10 a second for an hour is 36000), so that no number comes twice."""


class _Active:
    """A job that has not ended, and its feed."""

    def __init__(self, job: Job, events: list[JobEvent]) -> None:
        self.job = job
        self.feed = JobFeed(events)
        self.next_number = events[-1].number + RESTART_NUMBER_STEP if events else 0


class JobRegistry:
    """The jobs of this daemon. `on_change` hears of each move."""

    def __init__(self, store: Store, on_change: Callable[[Job], None] = lambda _job: None) -> None:
        self._store = store
        self._on_change = on_change
        self._active: dict[str, _Active] = {}

    def create(self, request: JobRequest, bridge: str, bridge_id: str | None) -> Job:
        """Make a queued job for a bridge."""
        job = Job(
            id=secrets.token_hex(6),
            kind=request.kind,
            bridge=bridge,
            bridge_id=bridge_id,
            state=JobState.QUEUED,
            created_at=time.time(),
            flash=request.flash,
            trace=request.trace,
            options=request.options,
        )
        self._active[job.id] = _Active(job, [])
        self._publish(job)
        return job

    def take_up(self) -> list[Job]:
        """Take up what an earlier daemon left behind, oldest first; return the jobs that are to run."""
        for job in self._store.unfinished_jobs():
            self._active[job.id] = _Active(job, self._store.events(job.id))
        jobs = [self.move(job_id, Move.RESTART) for job_id in list(self._active)]
        return [job for job in jobs if job.state is JobState.QUEUED]

    def job(self, job_id: str) -> Job | None:
        """Return a job, ended ones too."""
        active = self._active.get(job_id)
        return active.job if active else self._store.job(job_id)

    def jobs(self) -> list[Job]:
        """Return the newest jobs, newest first."""
        return self._store.jobs(MAX_LISTED_JOBS)

    def feed(self, job_id: str) -> JobFeed | None:
        """Return a job's events, those of an ended job too; None for an unknown one."""
        active = self._active.get(job_id)
        if active:
            return active.feed
        events = self._store.events(job_id)
        return JobFeed(events) if events else None

    def move(
        self,
        job_id: str,
        move: Move,
        *,
        problem: Problem | None = None,
        outcome: WorkOutcome | None = None,
    ) -> Job:
        """Move a job that is known; its end carries what became of it. Raises `IllegalMove`."""
        job = self.job(job_id)
        if job is None:
            raise KeyError(job_id)
        state = moved(job.state, move)
        if state is job.state:
            return job
        now = time.time()
        job = msgspec.structs.replace(
            job,
            state=state,
            restarts=job.restarts + (move is Move.RESTART and state is JobState.QUEUED),
            started_at=now if move is Move.START and job.started_at is None else job.started_at,
            ended_at=now if state in ENDED else None,
            problem=problem,
            report=outcome.report if outcome else None,
            target=outcome.target if outcome else None,
            result=outcome.result if outcome else None,
            doctor=outcome.doctor if outcome else None,
        )
        self._publish(job)
        return job

    def add_files(self, job_id: str, files: tuple[FlashFile, ...]) -> None:
        """Add files to a flash that runs: should it be taken up again, it needs them."""
        active = self._active[job_id]
        if active.job.flash is None:
            message = f"job {job_id} flashes nothing"
            raise ValueError(message)
        options = msgspec.structs.replace(active.job.flash, files=(*active.job.flash.files, *files))
        active.job = msgspec.structs.replace(active.job, flash=options)
        self._store.save_job(active.job)

    def rename(self, job_id: str, bridge: str, bridge_id: str | None) -> None:
        """The job's bridge turned out to be one known by another name: say so from now on."""
        active = self._active[job_id]
        active.job = msgspec.structs.replace(active.job, bridge=bridge, bridge_id=bridge_id)
        self._store.save_job(active.job)

    def tell(self, job_id: str, make_event: Callable[[int, float], JobEvent], *, keep: bool) -> None:
        """Add the event that `make_event(number, at)` makes, and store it if it is to be kept.

        A job that has ended tells nothing more.
        """
        active = self._active.get(job_id)
        if active is None:
            return
        event = make_event(active.next_number, time.time())
        active.next_number += 1
        if active.feed.add(event) and keep:
            self._store.add_event(job_id, event)

    def _publish(self, job: Job) -> None:
        logger.info("job %s (%s on %s) is %s", job.id, job.kind.value, job.bridge, job.state.value)
        self._active[job.id].job = job
        self._store.save_job(job)
        self.tell(job.id, lambda number, at: StateEvent(number=number, at=at, job=job), keep=True)
        if job.state in ENDED:
            del self._active[job.id]
        self._on_change(job)
