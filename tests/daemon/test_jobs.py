from pathlib import Path

import pytest
import trio
import trio.testing

from stmota_daemon.job_report import JobReport
from stmota_daemon.job_states import IllegalMove, Move
from stmota_daemon.jobs import RESTART_NUMBER_STEP, JobRegistry
from stmota_daemon.store import Store
from stmota_protocol.api import (
    Job,
    JobKind,
    JobRequest,
    JobState,
    NoteEvent,
    Phase,
    PhaseEvent,
    Problem,
    ProblemCode,
    ProgressEvent,
    StateEvent,
)

RESET = JobRequest(kind=JobKind.RESET)
PROBLEM = Problem(code=ProblemCode.SILENT, message="nothing came")


def test_a_job_is_stored_before_anybody_hears_of_it(tmp_path: Path) -> None:
    store = Store(tmp_path)
    heard: list[tuple[Job, Job | None]] = []
    jobs = JobRegistry(store, lambda job: heard.append((job, store.job(job.id))))
    job = jobs.create(RESET, "lab", "00" * 8)
    jobs.move(job.id, Move.START)
    failed = jobs.move(job.id, Move.FAIL, problem=PROBLEM)
    assert [told.state for told, _ in heard] == [JobState.QUEUED, JobState.RUNNING, JobState.FAILED]
    assert all(told == stored for told, stored in heard)
    assert failed.problem == PROBLEM
    assert failed.ended_at is not None


def test_an_ended_job_and_its_events_are_read_from_the_store(tmp_path: Path) -> None:
    jobs = JobRegistry(Store(tmp_path))
    job = jobs.create(RESET, "lab", None)
    cancelled = jobs.move(job.id, Move.CANCEL)
    assert jobs.job(job.id) == cancelled
    feed = jobs.feed(job.id)
    assert feed is not None
    assert [event.job.state for event in feed.since(0) if isinstance(event, StateEvent)] == [
        JobState.QUEUED,
        JobState.CANCELLED,
    ]
    assert jobs.move(job.id, Move.CANCEL) == cancelled


def test_unknown_jobs_are_none(tmp_path: Path) -> None:
    jobs = JobRegistry(Store(tmp_path))
    assert jobs.job("x") is None
    assert jobs.feed("x") is None
    with pytest.raises(KeyError):
        jobs.move("x", Move.CANCEL)


def test_a_restarted_daemon_takes_up_what_was_queued_or_running(tmp_path: Path) -> None:
    before = JobRegistry(Store(tmp_path))
    queued, running, cancelling, done = (before.create(RESET, "lab", None).id for _ in range(4))
    for job_id in (running, cancelling, done):
        before.move(job_id, Move.START)
    before.move(cancelling, Move.CANCEL)
    before.move(done, Move.SUCCEED)
    after = JobRegistry(Store(tmp_path))
    assert [job.id for job in after.take_up()] == [queued, running]
    states = {job.id: job.state for job in after.jobs()}
    assert states == {
        queued: JobState.QUEUED,
        running: JobState.QUEUED,
        cancelling: JobState.CANCELLED,
        done: JobState.DONE,
    }


async def test_a_reader_from_before_a_restart_misses_nothing_after_it(tmp_path: Path) -> None:
    before = JobRegistry(Store(tmp_path))
    job = before.create(RESET, "lab", None)
    before.move(job.id, Move.START)
    report = JobReport(before, job.id)
    report.phase(Phase.WRITE, 100, "writing")
    for done in range(0, 101, 10):
        report.progress(done, 1.0, 1.0)
    feed = before.feed(job.id)
    assert feed is not None
    last_seen = feed.since(0)[-1].number
    after = JobRegistry(Store(tmp_path))
    after.take_up()
    feed = after.feed(job.id)
    assert feed is not None
    [event] = feed.since(last_seen + 1)
    assert isinstance(event, StateEvent)
    assert event.job.state is JobState.QUEUED
    assert event.number == 2 + RESTART_NUMBER_STEP


async def test_progress_is_told_ten_times_a_second_and_at_its_end(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    jobs = JobRegistry(Store(tmp_path))
    job = jobs.create(RESET, "lab", None)
    report = JobReport(jobs, job.id)
    feed = jobs.feed(job.id)
    assert feed is not None
    told: list[int] = []
    report.phase(Phase.WRITE, 1000, "writing")
    for done in range(1, 1001):
        await trio.sleep(0.001)
        report.progress(done, 1000.0, 0.5)
        [event] = feed.since(2)
        assert isinstance(event, ProgressEvent)
        if event.done not in told:
            told.append(event.done)
    assert told[0] == 1
    assert told[-1] == 1000
    assert len(told) == 11


def test_notes_and_phases_are_stored_with_their_text_capped(tmp_path: Path) -> None:
    store = Store(tmp_path)
    jobs = JobRegistry(store)
    job = jobs.create(RESET, "lab", None)
    report = JobReport(jobs, job.id)
    report.note("x" * 1000, warning=True)
    _, note = store.events(job.id)
    assert isinstance(note, NoteEvent)
    assert note.text == "x" * 500
    assert note.warning


async def test_an_ended_job_says_nothing_more(tmp_path: Path) -> None:
    store = Store(tmp_path)
    jobs = JobRegistry(store)
    job = jobs.create(RESET, "lab", None)
    jobs.move(job.id, Move.CANCEL)
    JobReport(jobs, job.id).phase(Phase.START, 0, "late")
    assert not any(isinstance(event, PhaseEvent) for event in store.events(job.id))


def test_a_move_that_is_not_allowed_changes_nothing(tmp_path: Path) -> None:
    jobs = JobRegistry(Store(tmp_path))
    job = jobs.create(RESET, "lab", None)
    with pytest.raises(IllegalMove):
        jobs.move(job.id, Move.SUCCEED)
    assert jobs.job(job.id) == job
