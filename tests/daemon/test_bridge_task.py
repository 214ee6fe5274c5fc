"""Bridges and their tasks on the virtual clock, with an edge and work that the tests direct."""

from itertools import groupby

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from bridge_lab import LAB, RESET, OpenLab
from fake_edge import FakeEdge, FakeWork, identity
from stmota_daemon.config import BridgeConfig
from stmota_daemon.connector import LONGEST_PAUSE_S
from stmota_daemon.link import LinkHeld, LinkLost
from stmota_daemon.work import Board, Report, WorkFailed
from stmota_daemon.work_outcome import WorkOutcome
from stmota_protocol.api import (
    BridgeEvent,
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
from stmota_protocol.steps import Batch, Configure, Parity, UartSettings, Wait

TARGET = TargetInfo(
    product_id=0x410, chip="STM32F103 medium density (0x410)", family="F1", bootloader_version="2.2",
    commands=(), flash_start=0x0800_0000, flash_size=65536, flash_size_source="chip", unique_id=None,
    read_protected=None, write_protected=None, boot_options={},
)  # fmt: skip


async def test_a_bridge_is_connecting_then_idle_then_busy_then_idle(
    open_lab: OpenLab, autojump_clock: MockClock, edge: FakeEdge
) -> None:
    async with open_lab() as lab:
        news = lab.events.subscribe()
        states = [lab.state]
        await edge.opened.wait()
        await wait_all_tasks_blocked()
        job = await lab.ended(lab.bridges.submit(RESET))
        assert job.state is JobState.DONE
        await wait_all_tasks_blocked()
        states += [event.bridge.state for _, event in await news.next() if isinstance(event, BridgeEvent)]
        # Queued and taken from the queue, a bridge is told of twice in one state.
        assert [state for state, _ in groupby(states)] == [
            BridgeState.CONNECTING,
            BridgeState.IDLE,
            BridgeState.BUSY,
            BridgeState.IDLE,
        ]
        bridge = lab.task.snapshot()
        assert (bridge.id, bridge.round_trip_ms) == ("0000000000000001", 2.0)


async def test_pauses_between_attempts_grow_to_ten_seconds(
    open_lab: OpenLab, autojump_clock: MockClock, edge: FakeEdge
) -> None:
    edge.refusal = LinkLost("host:1: connection refused")
    async with open_lab() as lab:
        await trio.sleep(60)
        pauses = [round(b - a, 3) for a, b in zip(edge.attempts, edge.attempts[1:], strict=False)]
        assert pauses[:7] == [0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10.0]
        assert set(pauses[7:]) == {LONGEST_PAUSE_S}
        assert lab.state is BridgeState.UNREACHABLE
        problem = lab.task.snapshot().problem
        assert problem is not None
        assert problem.message == "the bridge lab (host:1) cannot be reached: connection refused"
        assert problem.remedy is not None


async def test_news_of_a_bridge_ends_the_pause(
    open_lab: OpenLab, autojump_clock: MockClock, edge: FakeEdge
) -> None:
    edge.refusal = LinkLost("off")
    async with open_lab() as lab:
        await trio.sleep(35)
        edge.refusal = None
        before = trio.current_time()
        lab.task.connector.urge()
        await edge.opened.wait()
        assert trio.current_time() - before < 1


async def test_a_lost_link_is_opened_again_and_a_good_one_resets_the_pauses(
    open_lab: OpenLab, autojump_clock: MockClock, edge: FakeEdge
) -> None:
    async with open_lab() as lab:
        for _ in range(3):
            await trio.sleep(20)
            assert lab.state is BridgeState.IDLE
            edge.link.lose(LinkLost("reset by peer"))
        await trio.sleep(1)
        assert lab.state is BridgeState.IDLE
    assert [round(at, 1) for at in edge.attempts] == [0.0, 20.2, 40.2, 60.2]


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


async def test_each_new_link_is_set_to_the_consoles_settings(
    open_lab: OpenLab, autojump_clock: MockClock, edge: FakeEdge
) -> None:
    uart = UartSettings(9600, parity=Parity.EVEN)
    async with open_lab(BridgeConfig("lab", LAB.place, console=uart)):
        await trio.sleep(1)
        assert edge.link.batches == [Batch((Configure(uart),))]


async def test_the_console_is_logged_acknowledged_and_wanted_from_there(
    open_lab: OpenLab, autojump_clock: MockClock, edge: FakeEdge
) -> None:
    async with open_lab() as lab:
        await trio.sleep(1)
        edge.link.say(Console(0, 5_000_000, b"boot\nlogin:"))
        await wait_all_tasks_blocked()
        assert edge.link.acknowledged[-1] == 5
        await trio.sleep(1)
        assert edge.link.acknowledged[-1] == 11
        edge.link.lose(LinkLost("reset by peer"))
        await trio.sleep(1)
        edge.link.say(Console(5, 6_000_000, b"login: kim\n"))
        await wait_all_tasks_blocked()
        log = lab.task.log
        assert log is not None
        assert [record.text for record in log.since(0)] == ["boot", "login:", " kim"]
        assert log.since(0)[0].at == 1005.0
    assert edge.wanted_positions == [0, 11]
    async with open_lab():
        await trio.sleep(1)
    assert edge.wanted_positions[-1] == 16


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


async def test_a_bridge_that_was_replaced_by_another_at_its_address_is_the_other(
    open_lab: OpenLab, autojump_clock: MockClock, edge: FakeEdge
) -> None:
    async with open_lab() as lab:
        await trio.sleep(1)
        edge.identities["host:1"] = identity(number=2)
        edge.link.lose(LinkLost("gone"))
        await trio.sleep(1)
        assert lab.task.snapshot().id == "0000000000000002"


async def test_a_bridge_with_a_configured_id_is_not_mistaken_for_another(
    open_lab: OpenLab, autojump_clock: MockClock, edge: FakeEdge
) -> None:
    async with open_lab(BridgeConfig("lab", LAB.place, id="00000000000000ff")) as lab:
        await trio.sleep(1)
        assert lab.state is BridgeState.UNREACHABLE
        problem = lab.task.snapshot().problem
        assert problem is not None
        assert "the bridge 0000000000000001 answers there, not 00000000000000ff" in problem.message
