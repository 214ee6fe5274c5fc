"""How long a job waits for its bridge: not at all for one that is off, long for one that it had already."""

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from bridge_lab import RESET, OpenLab
from fake_edge import FakeEdge, FakeWork, ask_for_the_link
from stmota_daemon.link import LinkLost
from stmota_daemon.work import Board, Report
from stmota_daemon.work_outcome import WorkOutcome
from stmota_protocol.api import Job, JobState


async def test_a_job_of_a_bridge_known_to_be_off_fails_at_once_with_the_reason(
    open_lab: OpenLab, autojump_clock: MockClock, edge: FakeEdge
) -> None:
    edge.refusal = LinkLost("off")
    async with open_lab() as lab:
        await trio.sleep(33)
        before = trio.current_time()
        job = await lab.ended(lab.bridges.submit(RESET))
        assert trio.current_time() - before == pytest.approx(0.2)
        assert edge.attempts[-1] == pytest.approx(before + 0.2)  # it was not taken for granted
        assert job.problem is not None
        assert job.problem.message == "the bridge lab (host:1) cannot be reached: off"


async def test_a_bridge_known_to_be_off_that_has_come_back_gets_its_job_done(
    open_lab: OpenLab, autojump_clock: MockClock, edge: FakeEdge
) -> None:
    edge.refusal = LinkLost("off")
    async with open_lab() as lab:
        await trio.sleep(33)
        edge.refusal = None
        assert (await lab.ended(lab.bridges.submit(RESET))).state is JobState.DONE


async def test_a_job_rides_out_a_short_reconnect(
    open_lab: OpenLab, autojump_clock: MockClock, edge: FakeEdge
) -> None:
    async with open_lab() as lab:
        await trio.sleep(30)
        edge.refusal = LinkLost("rebooting")
        edge.link.lose(LinkLost("reset by peer"))
        await trio.sleep(3)
        job = lab.bridges.submit(RESET)
        await trio.sleep(6)
        edge.refusal = None
        assert (await lab.ended(job)).state is JobState.DONE


async def test_a_job_that_was_begun_before_a_restart_waits_as_long_as_one_that_lost_its_link(
    open_lab: OpenLab, autojump_clock: MockClock, edge: FakeEdge, work: FakeWork
) -> None:
    async with open_lab() as lab:
        work.behaviour = never_ends
        job = lab.bridges.submit(RESET)
        await wait_all_tasks_blocked()
    edge.refusal = LinkLost("the machine's network is not up yet")
    work.behaviour = ask_for_the_link
    async with open_lab() as lab:
        await trio.sleep(60)
        edge.refusal = None
        ended = await lab.ended(job)
        assert (ended.state, ended.restarts) == (JobState.DONE, 1)


async def never_ends(board: Board, report: Report, job: Job) -> WorkOutcome:
    await board.link(10)
    await trio.sleep_forever()
    return WorkOutcome()
