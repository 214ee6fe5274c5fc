import trio
from trio.testing import wait_all_tasks_blocked

from stmota_daemon.job_feed import MAX_EVENTS, JobFeed
from stmota_protocol.api import (
    Job,
    JobEvent,
    JobKind,
    JobState,
    NoteEvent,
    Phase,
    PhaseEvent,
    ProgressEvent,
    StateEvent,
)


def state(number: int, job_state: JobState) -> StateEvent:
    job = Job(id="a", kind=JobKind.RESET, bridge="lab", bridge_id=None, state=job_state, created_at=0.0)
    return StateEvent(number=number, at=0.0, job=job)


def progress(number: int, done: int, phase: Phase = Phase.WRITE) -> ProgressEvent:
    return ProgressEvent(
        number=number, at=0.0, phase=phase, done=done, total=100, bytes_per_s=1.0, line_rate_share=1.0
    )


def note(number: int) -> NoteEvent:
    return NoteEvent(number=number, at=0.0, text="x", warning=False)


def phase(number: int) -> PhaseEvent:
    return PhaseEvent(number=number, at=0.0, phase=Phase.ERASE, total=0, text="")


def test_a_late_reader_gets_everything_but_old_progress() -> None:
    feed = JobFeed()
    for event in (state(0, JobState.RUNNING), progress(1, 10), progress(2, 20), note(3), progress(4, 30)):
        feed.add(event)
    assert feed.since(0) == [state(0, JobState.RUNNING), progress(2, 20), note(3), progress(4, 30)]


def test_progress_of_another_phase_is_kept() -> None:
    feed = JobFeed()
    feed.add(progress(0, 10, Phase.ERASE))
    feed.add(progress(1, 10, Phase.WRITE))
    assert len(feed.since(0)) == 2


def test_a_reader_goes_on_where_it_was_even_if_that_event_is_merged_away() -> None:
    feed = JobFeed()
    for event in (note(0), progress(1, 10), progress(5, 20)):
        feed.add(event)
    assert feed.since(2) == [progress(5, 20)]
    assert feed.since(6) == []


async def test_a_fast_reader_sees_every_progress_and_then_the_end() -> None:
    feed = JobFeed()
    seen: list[JobEvent] = []

    async def read() -> None:
        while events := await feed.wait_since(seen[-1].number + 1 if seen else 0):
            seen.extend(events)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(read)
        told: list[JobEvent] = [
            state(0, JobState.RUNNING),
            progress(1, 10),
            progress(2, 20),
            state(3, JobState.DONE),
        ]
        for event in told:
            await wait_all_tasks_blocked()
            feed.add(event)
    assert seen == told


async def test_the_feed_of_an_ended_job_ends_for_who_comes_later() -> None:
    feed = JobFeed([state(0, JobState.QUEUED), state(1, JobState.CANCELLED)])
    assert feed.is_ended
    assert len(await feed.wait_since(0)) == 2
    assert await feed.wait_since(2) == []


def test_a_job_that_talks_too_much_is_cut_short_but_its_states_are_kept() -> None:
    feed = JobFeed()
    kept = [feed.add(note(number)) for number in range(MAX_EVENTS + 5)]
    assert kept.count(False) == 5
    assert not feed.add(phase(2000))
    assert feed.add(state(2001, JobState.DONE))
    assert feed.since(MAX_EVENTS - 1) == [
        NoteEvent(number=MAX_EVENTS - 1, at=0.0, text="too many notes: the rest is dropped", warning=True),
        state(2001, JobState.DONE),
    ]
