"""Who holds a bridge, and for how long: configured ones for ever, others while they are used."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from bridge_lab import LAB, RESET, Lab, bridge_lab
from fake_edge import FakeEdge, FakeWork
from lab import LabBridge, LabDaemon, lab_daemon
from sample_images import make_image
from stmota_daemon.announcements import Announcement
from stmota_daemon.connector import HOLD_AFTER_USE_S
from stmota_daemon.link import LinkHeld, LinkLost
from stmota_daemon.peek_times import PEEK_EVERY_S, PEEK_GAP_S
from stmota_daemon.work import Board, Report
from stmota_daemon.work_outcome import WorkOutcome
from stmota_protocol.api import (
    BridgeState,
    Job,
    JobState,
    ProblemCode,
)
from stmota_protocol.messages import Console
from stmota_simulator.boards import make_board

ANNOUNCED = Announcement("esp-1", "0000000000000001", "esp", ("host",), 1, "esp-1.2", None)


@asynccontextmanager
async def announced(tmp_path: Path, edge: FakeEdge, work: FakeWork | None = None) -> AsyncGenerator[Lab]:
    """A daemon that knows one bridge, by mDNS only."""
    async with bridge_lab(tmp_path, edge, work or FakeWork()) as lab:
        lab.bridges.announced(ANNOUNCED)
        await wait_all_tasks_blocked()
        yield lab


async def test_an_announced_bridge_is_looked_at_and_not_held(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    edge = FakeEdge()
    async with announced(tmp_path, edge) as lab:
        await trio.sleep(10 * PEEK_EVERY_S + 1)
        assert edge.attempts == []
        assert edge.peeks == [PEEK_EVERY_S * number for number in range(11)]
        bridge = lab.task.snapshot()
        assert (bridge.state, bridge.holder) == (BridgeState.IDLE, None)
        assert (bridge.firmware, bridge.protocol, bridge.round_trip_ms) == ("soft-0.1.0", "1.0", 3.0)


async def test_a_used_bridge_is_let_go_of_a_while_after_its_last_use(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    edge = FakeEdge()
    async with announced(tmp_path, edge) as lab:
        for _ in range(3):
            await lab.ended(lab.bridges.submit(RESET))
            await trio.sleep(HOLD_AFTER_USE_S - 1)
            assert edge.is_held
        assert len(edge.attempts) == 1
        await trio.sleep(2)
        assert not edge.is_held
        assert lab.state is BridgeState.IDLE
        await lab.ended(lab.bridges.submit(RESET))
        assert edge.is_held


async def test_a_bridge_that_was_let_go_of_is_not_looked_at_before_it_has_noticed(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    edge = FakeEdge()
    async with announced(tmp_path, edge) as lab:
        await lab.ended(lab.bridges.submit(RESET))
        lab.bridges.look()
        await trio.sleep(HOLD_AFTER_USE_S)
        await wait_all_tasks_blocked()
        lab.bridges.look()
        await trio.sleep(1)
        assert not edge.is_held
        assert edge.peeks == [0]
        await trio.sleep(PEEK_GAP_S)
        assert edge.peeks == [0, pytest.approx(HOLD_AFTER_USE_S + PEEK_GAP_S)]


async def test_a_configured_bridge_is_held_for_ever(tmp_path: Path, autojump_clock: MockClock) -> None:
    edge = FakeEdge()
    async with bridge_lab(tmp_path, edge, FakeWork(), [LAB]) as lab:
        lab.bridges.announced(ANNOUNCED)
        await lab.ended(lab.bridges.submit(RESET))
        await trio.sleep(100 * HOLD_AFTER_USE_S)
        assert edge.is_held
        assert (len(edge.attempts), edge.peeks) == (1, [])


async def test_an_announced_bridge_that_is_configured_now_is_held(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    edge = FakeEdge()
    async with announced(tmp_path, edge) as lab:
        lab.bridges.add(LAB)
        await trio.sleep(10 * HOLD_AFTER_USE_S)
        assert edge.is_held
        lab.bridges.remove(lab.task)
        await trio.sleep(1)
        assert not edge.is_held
        assert lab.state is BridgeState.IDLE


async def test_a_follower_of_the_log_holds_the_bridge(tmp_path: Path, autojump_clock: MockClock) -> None:
    edge = FakeEdge()
    async with announced(tmp_path, edge) as lab:
        with lab.task.followed():
            await trio.sleep(100 * HOLD_AFTER_USE_S)
            assert edge.is_held
            with lab.task.followed():
                await trio.sleep(1)
            await trio.sleep(100 * HOLD_AFTER_USE_S)
            assert edge.is_held
        await trio.sleep(HOLD_AFTER_USE_S - 1)
        assert edge.is_held
        await trio.sleep(2)
        assert not edge.is_held


async def test_a_job_that_runs_for_long_holds_the_bridge(tmp_path: Path, autojump_clock: MockClock) -> None:
    async def slow(board: Board, report: Report, job: Job) -> WorkOutcome:
        await board.link(10)
        await trio.sleep(10 * HOLD_AFTER_USE_S)
        assert edge.is_held
        return WorkOutcome()

    edge = FakeEdge()
    async with announced(tmp_path, edge, FakeWork(slow)) as lab:
        jobs = [lab.bridges.submit(RESET) for _ in range(3)]
        for job in jobs:
            assert (await lab.ended(job)).state is JobState.DONE
        assert len(edge.attempts) == 1


async def test_the_console_goes_on_where_it_was_when_the_bridge_is_used_again(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    edge = FakeEdge()
    async with announced(tmp_path, edge) as lab:
        await lab.ended(lab.bridges.submit(RESET))
        edge.link.say(Console(0, 0, b"one\ntw"))
        await trio.sleep(HOLD_AFTER_USE_S + 1)
        assert not edge.is_held
        with lab.task.followed():
            await trio.sleep(1)
        assert edge.wanted_positions == [0, 6]


async def test_a_link_that_is_lost_without_use_is_not_opened_again(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    edge = FakeEdge()
    async with announced(tmp_path, edge) as lab:
        await lab.ended(lab.bridges.submit(RESET))
        edge.link.lose(LinkLost("reset by peer"))
        await trio.sleep(100)
        assert len(edge.attempts) == 1
        assert lab.state is BridgeState.IDLE


async def test_a_bridge_that_another_holds_says_so_and_is_not_waited_for(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    edge = FakeEdge(refusal=LinkHeld("kims-laptop"))
    async with announced(tmp_path, edge) as lab:
        bridge = lab.task.snapshot()
        assert (bridge.state, bridge.holder) == (BridgeState.HELD, "kims-laptop")
        job = await lab.ended(lab.bridges.submit(RESET))
        assert job.problem is not None
        assert job.problem.code is ProblemCode.HELD
        assert job.problem.message == "the bridge esp (host:1) is held by kims-laptop"
        edge.refusal = None
        attempts = len(edge.attempts)
        await trio.sleep(10 * PEEK_EVERY_S)
        assert len(edge.attempts) == attempts
        assert lab.state is BridgeState.IDLE


async def test_a_follower_gets_the_bridge_once_the_other_lets_go(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    edge = FakeEdge(refusal=LinkHeld("kims-laptop"))
    async with announced(tmp_path, edge) as lab:
        with lab.task.followed():
            await trio.sleep(100)
            assert lab.state is BridgeState.HELD
            edge.refusal = None
            await trio.sleep(15)
            assert edge.is_held


async def test_who_asks_causes_a_look_but_no_more_than_one_in_a_while(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    edge = FakeEdge()
    async with announced(tmp_path, edge) as lab:
        await trio.sleep(20)
        for _ in range(90):
            lab.bridges.look()
            await trio.sleep(0.1)
        assert [round(at - 20) for at in edge.peeks] == [-20, 0, PEEK_GAP_S]


async def test_an_announcement_that_changed_is_looked_at(tmp_path: Path, autojump_clock: MockClock) -> None:
    edge = FakeEdge(refusal=LinkLost("off"))
    async with announced(tmp_path, edge) as lab:
        await trio.sleep(20)
        states = [lab.state]
        edge.refusal = None
        lab.bridges.announced(ANNOUNCED)
        await wait_all_tasks_blocked()
        states.append(lab.state)
        assert states == [BridgeState.UNREACHABLE, BridgeState.IDLE]
        assert edge.peeks == [0, 20]


async def test_a_look_that_takes_long_does_not_keep_a_job_waiting(
    tmp_path: Path, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hang(place: object, bridge_id: object) -> None:
        await trio.sleep_forever()

    edge = FakeEdge()
    monkeypatch.setattr(edge, "peek", hang)
    async with announced(tmp_path, edge) as lab:
        assert lab.state is BridgeState.CONNECTING
        assert (await lab.ended(lab.bridges.submit(RESET))).state is JobState.DONE
        assert trio.current_time() == 0


# Two people's daemons and one real bridge.


@asynccontextmanager
async def two_daemons(tmp_path: Path) -> AsyncGenerator[tuple[LabDaemon, LabDaemon]]:
    async with trio.open_nursery() as nursery:
        bridge = LabBridge(make_board("F103xB"))
        nursery.start_soon(bridge.run)
        async with (
            lab_daemon(tmp_path / "ann", {"lab": bridge}, owner="ann", announced=True) as ann,
            lab_daemon(tmp_path / "kim", {"lab": bridge}, owner="kim", announced=True) as kim,
        ):
            with trio.fail_after(3600):
                yield ann, kim
        nursery.cancel_scope.cancel()


def state(daemon: LabDaemon) -> tuple[BridgeState, str | None]:
    (bridge,) = daemon.bridges.snapshots()
    return bridge.state, bridge.holder


async def test_two_daemons_take_turns_with_one_bridge(tmp_path: Path, autojump_clock: MockClock) -> None:
    image = make_image(3000)
    async with two_daemons(tmp_path) as (ann, kim):
        await trio.sleep(1)
        assert state(ann) == state(kim) == (BridgeState.IDLE, None)
        assert (await ann.ended(ann.flash("lab", image))).state is JobState.DONE
        await trio.sleep(PEEK_GAP_S)
        kim.bridges.look()
        await trio.sleep(1)
        assert state(kim) == (BridgeState.HELD, "ann")

        refused = await kim.ended(kim.flash("lab", image))
        assert refused.problem is not None
        assert (refused.problem.code, refused.state) == (ProblemCode.HELD, JobState.FAILED)
        assert "held by ann" in refused.problem.message

        await trio.sleep(HOLD_AFTER_USE_S)
        assert (await kim.ended(kim.flash("lab", image))).state is JobState.DONE
        await trio.sleep(PEEK_EVERY_S / 2)
        ann.bridges.look()
        await trio.sleep(1)
        assert state(ann) == (BridgeState.HELD, "kim")


async def test_looks_do_not_disturb_a_flash(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with two_daemons(tmp_path) as (ann, kim):
        job = ann.flash("lab", make_image(60_000))
        feed = ann.services.jobs.feed(job.id)
        assert feed is not None
        times_seen_held = 0
        while not feed.is_ended:
            kim.bridges.look()
            await trio.sleep(PEEK_GAP_S)
            times_seen_held += state(kim) == (BridgeState.HELD, "ann")
        ended = await ann.ended(job)
        assert (ended.state, ended.problem) == (JobState.DONE, None)
        assert times_seen_held > 1
