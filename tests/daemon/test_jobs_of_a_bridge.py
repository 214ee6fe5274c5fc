"""Jobs in a bridge's queue, on the virtual clock, with an edge and work that the tests direct."""

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from bridge_lab import RESET, OpenLab
from fake_edge import FakeEdge, FakeWork
from stmota_daemon.config import BridgeConfig
from stmota_daemon.link import LinkHeld, LinkLost
from stmota_daemon.work import Board, Report, WorkFailed
from stmota_daemon.work_outcome import WorkOutcome
from stmota_protocol.api import (
    BridgeState,
    Job,
    JobKind,
    JobRequest,
    JobState,
    NetworkPlace,
    Problem,
    ProblemCode,
    TargetInfo,
)
from stmota_protocol.messages import Console
from stmota_protocol.steps import Batch, Wait

TARGET = TargetInfo(
    product_id=0x410, chip="STM32F103 medium density (0x410)", family="F1", bootloader_version="2.2",
    commands=(), flash_start=0x0800_0000, flash_size=65536, flash_size_source="chip", unique_id=None,
    read_protected=None, write_protected=None, boot_options={},
)  # fmt: skip


async def test_a_held_bridge_names_its_holder_and_fails_jobs_at_once(
    open_lab: OpenLab, autojump_clock: MockClock, edge: FakeEdge
) -> None:
    edge.refusal = LinkHeld("kims-laptop", 12.0)
    async with open_lab() as lab:
        await trio.sleep(30)
        bridge = lab.task.snapshot()
        assert (bridge.state, bridge.holder) == (BridgeState.HELD, "kims-laptop")
        before = trio.current_time()
        job = await lab.ended(lab.bridges.submit(RESET))
        assert trio.current_time() - before < 1
        assert job.problem is not None
        assert job.problem.code is ProblemCode.HELD
        assert job.problem.message == "the bridge lab (host:1) is held by kims-laptop"


async def test_a_job_of_an_unreachable_bridge_fails_after_a_bounded_wait(
    open_lab: OpenLab, autojump_clock: MockClock, edge: FakeEdge
) -> None:
    edge.refusal = LinkLost("off")
    async with open_lab() as lab:
        job = await lab.ended(lab.bridges.submit(RESET))
        assert trio.current_time() == pytest.approx(10.0)
        assert job.state is JobState.FAILED
        assert job.problem is not None
        assert job.problem.code is ProblemCode.UNREACHABLE


async def test_a_job_gets_a_link_that_comes_back_in_time(
    open_lab: OpenLab, autojump_clock: MockClock, edge: FakeEdge
) -> None:
    edge.refusal = LinkLost("off")
    async with open_lab() as lab:
        job = lab.bridges.submit(RESET)
        await trio.sleep(8)
        edge.refusal = None
        assert (await lab.ended(job)).state is JobState.DONE


async def test_a_job_whose_link_is_lost_is_given_the_next_one(
    open_lab: OpenLab, autojump_clock: MockClock, edge: FakeEdge, work: FakeWork
) -> None:
    async def lose_and_ask_again(board: Board, report: Report, job: Job) -> WorkOutcome:
        first = await board.link(10)
        edge.link.lose(LinkLost("reset by peer"))
        second = await board.link(10)
        assert second is not first
        assert await board.link(10) is second
        return WorkOutcome()

    work.behaviour = lose_and_ask_again
    async with open_lab() as lab:
        assert (await lab.ended(lab.bridges.submit(RESET))).problem is None


async def test_jobs_of_a_bridge_run_one_by_one_in_order(
    open_lab: OpenLab, autojump_clock: MockClock, work: FakeWork
) -> None:
    running = 0

    async def alone(board: Board, report: Report, job: Job) -> WorkOutcome:
        nonlocal running
        running += 1
        assert running == 1
        await trio.sleep(1)
        running -= 1
        return WorkOutcome()

    work.behaviour = alone
    async with open_lab() as lab:
        jobs = [lab.bridges.submit(RESET) for _ in range(5)]
        await wait_all_tasks_blocked()
        assert lab.task.snapshot().queued_jobs == 4
        for job in jobs:
            assert (await lab.ended(job)).state is JobState.DONE
        assert work.begun == [job.id for job in jobs]


async def test_a_job_that_would_not_wait_is_refused_while_another_runs(
    open_lab: OpenLab, autojump_clock: MockClock, work: FakeWork
) -> None:
    async with open_lab() as lab:
        lab.bridges.submit(RESET)
        with pytest.raises(Exception, match="the bridge lab has a job at work"):
            lab.bridges.submit(JobRequest(kind=JobKind.RESET, wait=False))


async def never(board: Board, report: Report, job: Job) -> WorkOutcome:
    await trio.sleep_forever()
    raise AssertionError


async def test_a_running_job_that_is_cancelled_cleans_up_before_it_says_so(
    open_lab: OpenLab, autojump_clock: MockClock, work: FakeWork
) -> None:
    work.behaviour = never
    async with open_lab() as lab:
        job = lab.bridges.submit(RESET)
        await trio.sleep(5)
        lab.bridges.cancel(job.id)
        found = lab.jobs.job(job.id)
        assert found is not None
        assert found.state is JobState.CANCELLING
        assert (await lab.ended(job)).state is JobState.CANCELLED
        assert trio.current_time() == 6.0
        assert work.cleaned_up == [job.id]
        assert lab.state is BridgeState.IDLE


async def test_a_queued_job_that_is_cancelled_never_begins(
    open_lab: OpenLab, autojump_clock: MockClock, work: FakeWork
) -> None:
    work.behaviour = never
    async with open_lab() as lab:
        first, second = lab.bridges.submit(RESET), lab.bridges.submit(RESET)
        await wait_all_tasks_blocked()
        lab.bridges.cancel(second.id)
        assert (await lab.ended(second)).state is JobState.CANCELLED
        lab.bridges.cancel(first.id)
        await lab.ended(first)
        await trio.sleep(1)
        assert work.begun == [first.id]


async def test_a_job_that_fails_while_it_is_cancelled_is_cancelled(
    open_lab: OpenLab, autojump_clock: MockClock, work: FakeWork
) -> None:
    async def fail(board: Board, report: Report, job: Job) -> WorkOutcome:
        try:
            await trio.sleep_forever()
        finally:
            raise WorkFailed(Problem(code=ProblemCode.SILENT, message="nothing came"))

    work.behaviour = fail
    async with open_lab() as lab:
        job = lab.bridges.submit(RESET)
        await trio.sleep(1)
        lab.bridges.cancel(job.id)
        assert (await lab.ended(job)).state is JobState.CANCELLED


async def test_a_bug_in_a_job_fails_that_job_only(
    open_lab: OpenLab, autojump_clock: MockClock, work: FakeWork, caplog: pytest.LogCaptureFixture
) -> None:
    async def bug(board: Board, report: Report, job: Job) -> WorkOutcome:
        if len(work.begun) == 1:
            message = "oops"
            raise ZeroDivisionError(message)
        return WorkOutcome()

    work.behaviour = bug
    async with open_lab() as lab:
        first, second = lab.bridges.submit(RESET), lab.bridges.submit(RESET)
        problem = (await lab.ended(first)).problem
        assert problem is not None
        assert problem.message == "the daemon met a bug: ZeroDivisionError: oops"
        assert (await lab.ended(second)).state is JobState.DONE
    assert "ZeroDivisionError" in caplog.text


async def test_the_next_daemon_takes_up_what_ran_and_what_waited(
    open_lab: OpenLab, autojump_clock: MockClock, work: FakeWork
) -> None:
    work.behaviour = never
    async with open_lab() as lab:
        running, waiting = lab.bridges.submit(RESET), lab.bridges.submit(RESET)
        await trio.sleep(1)
    assert work.cleaned_up == [running.id]
    work.behaviour = FakeWork().behaviour
    async with open_lab() as lab:
        for job in (running, waiting):
            assert (await lab.ended(job)).state is JobState.DONE
    assert work.begun == [running.id, running.id, waiting.id]


async def test_a_job_still_has_its_link_while_it_cleans_up_at_the_daemons_end(
    open_lab: OpenLab, autojump_clock: MockClock, edge: FakeEdge, work: FakeWork
) -> None:
    reset = Batch((Wait(1),))

    async def clean_up_over_the_link(board: Board, report: Report, job: Job) -> WorkOutcome:
        try:
            await trio.sleep_forever()
        finally:
            with trio.move_on_after(5, shield=True):
                await trio.sleep(1)
                await (await board.link(1)).begin_run().execute(reset)
        raise AssertionError

    work.behaviour = clean_up_over_the_link
    async with open_lab() as lab:
        lab.bridges.submit(RESET)
        await trio.sleep(1)
    assert edge.link.batches[-1] == reset
    assert trio.current_time() < 5


async def test_a_job_of_a_bridge_that_the_next_daemon_does_not_know_fails(
    open_lab: OpenLab, autojump_clock: MockClock, edge: FakeEdge, work: FakeWork
) -> None:
    edge.refusal = LinkLost("off")
    async with open_lab() as lab:
        job = lab.bridges.submit(RESET)
    async with open_lab(BridgeConfig("other", NetworkPlace(host="other", port=2))) as lab:
        found = await lab.ended(job)
        assert found.problem is not None
        assert found.problem.code is ProblemCode.UNKNOWN_BRIDGE


async def test_the_chip_that_a_job_found_is_remembered(
    open_lab: OpenLab, autojump_clock: MockClock, work: FakeWork
) -> None:
    async def find(board: Board, report: Report, job: Job) -> WorkOutcome:
        return WorkOutcome(target=TARGET)

    work.behaviour = find
    async with open_lab() as lab:
        await trio.sleep(1)
        job = await lab.ended(lab.bridges.submit(JobRequest(kind=JobKind.INFO)))
        assert job.target == TARGET
        assert lab.task.snapshot().chip == TARGET.chip
    async with open_lab() as lab:
        await trio.sleep(1)
        assert lab.task.snapshot().chip == TARGET.chip


async def test_a_job_sees_the_first_line_after_its_mark(
    open_lab: OpenLab, autojump_clock: MockClock, edge: FakeEdge, work: FakeWork
) -> None:
    found: list[str | None] = []

    async def watch(board: Board, report: Report, job: Job) -> WorkOutcome:
        await board.link(10)
        edge.link.say(Console(0, 0, b"old line\nold pa"))
        await trio.sleep(0.1)
        mark = board.log_mark()
        edge.link.say(Console(15, 0, b"\r\n\r\nHel"))
        await trio.sleep(3)
        edge.link.say(Console(22, 0, b"lo\n"))
        found.append(await board.log_text_since(mark, 5))
        found.append(await board.log_text_since(board.log_mark(), 5))
        return WorkOutcome()

    work.behaviour = watch
    async with open_lab() as lab:
        await lab.ended(lab.bridges.submit(RESET))
    assert found == ["Hello", None]
