"""Which bridges there are: the configuration, mDNS and what answers, put together."""

from pathlib import Path

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from bridge_lab import LAB, RESET, Lab, bridge_lab
from fake_edge import FakeEdge, FakeWork, identity
from stmota_daemon.announcements import Announcement
from stmota_daemon.api_error import Refused
from stmota_daemon.bridges import MAX_JOBS_AHEAD
from stmota_daemon.config import BridgeConfig
from stmota_daemon.link import LinkLost
from stmota_daemon.peek_times import PEEK_EVERY_S
from stmota_daemon.work import Board, Report
from stmota_daemon.work_outcome import WorkOutcome
from stmota_protocol.api import (
    BridgeEvent,
    BridgeGone,
    BridgeOrigin,
    BridgeState,
    Job,
    JobChanged,
    JobKind,
    JobRequest,
    JobState,
    NetworkPlace,
    ProblemCode,
)
from stmota_protocol.steps import UartSettings

ID_1, ID_2 = "0000000000000001", "0000000000000002"


def announcement(bridge_id: str = ID_1, name: str = "esp", host: str = "host", port: int = 1) -> Announcement:
    return Announcement(
        instance=f"{name}-{bridge_id}", id=bridge_id, name=name, addresses=(host,), port=port,
        firmware="esp-1.2", protocol="1.0",
    )  # fmt: skip


def summary(lab: Lab) -> list[tuple[str, str | None, tuple[BridgeOrigin, ...]]]:
    return [(bridge.name, bridge.id, bridge.origins) for bridge in lab.bridges.snapshots()]


async def test_an_announced_bridge_is_there_at_once_and_then_looked_at(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with bridge_lab(tmp_path, FakeEdge(), FakeWork()) as lab:
        lab.bridges.announced(announcement())
        assert summary(lab) == [("esp", ID_1, (BridgeOrigin.MDNS,))]
        assert lab.task.snapshot().firmware == "esp-1.2"
        await trio.sleep(1)
        bridge = lab.task.snapshot()
        assert (bridge.state, bridge.firmware, bridge.protocol) == (BridgeState.IDLE, "soft-0.1.0", "1.0")


async def test_a_configured_bridge_and_its_announcement_are_one_by_address(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    edge = FakeEdge(refusal=LinkLost("off"))
    async with bridge_lab(tmp_path, edge, FakeWork(), [LAB]) as lab:
        lab.bridges.announced(announcement())
        assert summary(lab) == [("lab", None, (BridgeOrigin.STATIC, BridgeOrigin.MDNS))]


async def test_a_configured_bridge_and_its_announcement_are_one_once_the_id_is_known(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    edge = FakeEdge({"host:1": identity(), "10.0.0.1:1": identity()})
    async with bridge_lab(tmp_path, edge, FakeWork(), [LAB]) as lab:
        lab.bridges.announced(announcement(host="10.0.0.1"))
        assert len(lab.bridges.snapshots()) == 2
        await trio.sleep(5)
        assert summary(lab) == [("lab", ID_1, (BridgeOrigin.STATIC, BridgeOrigin.MDNS))]
        assert lab.state is BridgeState.IDLE


async def test_jobs_of_an_announced_bridge_go_on_when_it_turns_out_to_be_a_configured_one(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async def slow(board: Board, report: Report, job: Job) -> WorkOutcome:
        await board.link(10)
        await trio.sleep(100)
        return WorkOutcome()

    edge = FakeEdge({"10.0.0.1:1": identity()})
    work = FakeWork(slow)
    async with bridge_lab(tmp_path, edge, work) as lab:
        lab.bridges.announced(announcement(host="10.0.0.1"))
        first, second = lab.bridges.submit(RESET), lab.bridges.submit(RESET)
        await trio.sleep(1)
        edge.identities["host:1"] = identity()
        lab.bridges.add(LAB)
        for job in (first, second):
            ended = await lab.ended(job)
            assert (ended.state, ended.bridge) == (JobState.DONE, "lab")
        assert work.begun == [first.id, first.id, second.id]
        assert [bridge.name for bridge in lab.bridges.snapshots()] == ["lab"]


async def test_two_configured_names_of_one_bridge_do_not_fight_over_it(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    edge = FakeEdge({"host:1": identity(), "alias:1": identity()})
    alias = BridgeConfig("alias", NetworkPlace(host="alias", port=1))
    async with bridge_lab(tmp_path, edge, FakeWork(), [LAB, alias]) as lab:
        await trio.sleep(30)
        states = {bridge.name: bridge.state for bridge in lab.bridges.snapshots()}
        assert sorted(states.values(), key=lambda state: state.value) == [
            BridgeState.IDLE,
            BridgeState.UNREACHABLE,
        ]
        loser = next(bridge for bridge in lab.bridges.snapshots() if bridge.state is BridgeState.UNREACHABLE)
        assert loser.problem is not None
        assert "it is the same as the bridge" in loser.problem.message
        assert len(edge.links) == 1


async def test_a_stale_address_does_not_make_one_bridge_another(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    edge = FakeEdge({"host:1": identity(number=2)})
    async with bridge_lab(tmp_path, edge, FakeWork()) as lab:
        lab.bridges.announced(announcement(ID_1))
        await trio.sleep(1)
        bridge = lab.task.snapshot()
        assert (bridge.id, bridge.state) == (ID_1, BridgeState.UNREACHABLE)


async def test_two_bridges_of_one_name_are_told_apart_by_id(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    edge = FakeEdge({"host:1": identity(), "host:2": identity(number=2)})
    async with bridge_lab(tmp_path, edge, FakeWork()) as lab:
        lab.bridges.announced(announcement(ID_1, port=1))
        lab.bridges.announced(announcement(ID_2, port=2))
        with pytest.raises(Refused) as caught:
            lab.bridges.submit(JobRequest(kind=JobKind.RESET, bridge="esp"))
        assert caught.value.problem.code is ProblemCode.AMBIGUOUS_BRIDGE
        assert caught.value.problem.message == f"2 bridges are called 'esp': {ID_1}, {ID_2}"
        job = lab.bridges.submit(JobRequest(kind=JobKind.RESET, bridge=ID_2.upper()))
        assert job.bridge_id == ID_2


async def test_without_a_name_the_only_bridge_is_meant_and_else_the_names_are_told(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with bridge_lab(tmp_path, FakeEdge(), FakeWork()) as lab:
        with pytest.raises(Refused, match="no bridge is known"):
            lab.bridges.submit(RESET)
        lab.bridges.announced(announcement(ID_1))
        assert lab.bridges.submit(RESET).bridge == "esp"
        lab.bridges.announced(announcement(ID_2, "rack", port=2))
        with pytest.raises(Refused) as caught:
            lab.bridges.submit(RESET)
        assert caught.value.problem.code is ProblemCode.AMBIGUOUS_BRIDGE
        assert caught.value.problem.message == "2 bridges are known: esp, rack"
        with pytest.raises(Refused, match="no bridge is called 'desk'; known are: esp, rack"):
            lab.bridges.find("desk")


async def test_a_withdrawn_bridge_stays_while_it_answers_and_then_goes(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    edge = FakeEdge()
    async with bridge_lab(tmp_path, edge, FakeWork()) as lab:
        lab.bridges.announced(announcement())
        await trio.sleep(1)
        news = lab.events.subscribe()
        lab.bridges.withdrawn(announcement().instance)
        assert summary(lab) == [("esp", ID_1, ())]
        assert lab.state is BridgeState.IDLE
        edge.refusal = LinkLost("off")
        await trio.sleep(PEEK_EVERY_S)
        assert lab.bridges.snapshots() == []
        told = [event for _, event in await news.next() if not isinstance(event, JobChanged)]
        assert isinstance(told[0], BridgeEvent)
        assert isinstance(told[-1], BridgeGone)
        assert (told[-1].name, told[-1].id) == ("esp", ID_1)


async def test_a_withdrawn_bridge_that_is_off_goes_at_once(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with bridge_lab(tmp_path, FakeEdge(refusal=LinkLost("off")), FakeWork()) as lab:
        lab.bridges.announced(announcement())
        await trio.sleep(1)
        lab.bridges.withdrawn(announcement().instance)
        assert lab.bridges.snapshots() == []


async def test_a_removed_bridge_is_gone_unless_it_announces_itself(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with bridge_lab(tmp_path, FakeEdge(), FakeWork(), [LAB]) as lab:
        await trio.sleep(1)
        lab.bridges.announced(announcement())
        lab.bridges.remove(lab.task)
        assert summary(lab) == [("esp", ID_1, (BridgeOrigin.MDNS,))]
        with pytest.raises(Refused, match="is not configured: it announces itself"):
            lab.bridges.check_removable(lab.task)
        await trio.sleep(1)
        assert lab.state is BridgeState.IDLE


async def test_a_bridge_with_jobs_is_not_removed(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with bridge_lab(tmp_path, FakeEdge(), FakeWork(), [LAB]) as lab:
        lab.bridges.submit(RESET)
        with pytest.raises(Refused, match="the bridge lab has jobs"):
            lab.bridges.check_removable(lab.task)


async def test_the_next_daemon_seeks_an_announced_bridge_of_a_job_where_it_was_last(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async def never(board: Board, report: Report, job: Job) -> WorkOutcome:
        await board.link(10)
        await trio.sleep_forever()
        raise AssertionError

    edge = FakeEdge()
    async with bridge_lab(tmp_path, edge, FakeWork(never)) as lab:
        lab.bridges.announced(announcement())
        job = lab.bridges.submit(RESET)
        await trio.sleep(1)
    async with bridge_lab(tmp_path, edge, FakeWork()) as lab:
        assert (await lab.ended(job)).state is JobState.DONE
        assert [bridge.name for bridge in lab.bridges.snapshots()] == ["esp"]


async def test_settings_without_a_place_are_for_the_announced_bridge_of_that_name_or_id(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    edge = FakeEdge({"host:1": identity(), "host:2": identity(number=2), "host:3": identity(number=3)})
    configs = [
        BridgeConfig("esp", console=UartSettings(9600)),
        BridgeConfig("any-name", id=ID_2, console=UartSettings(19200)),
    ]
    async with bridge_lab(tmp_path, edge, FakeWork(), configs) as lab:
        for number, name in ((1, "esp"), (2, "rack"), (3, "desk")):
            lab.bridges.announced(announcement(f"{number:016x}", name, port=number))
        bauds = {
            name: lab.bridges.console_settings(lab.bridges.find(name)).baud
            for name in ("esp", "rack", "desk")
        }
        assert bauds == {"esp": 9600, "rack": 19200, "desk": 115200}


async def test_a_queue_is_bounded(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with bridge_lab(tmp_path, FakeEdge(refusal=LinkLost("off")), FakeWork(), [LAB]) as lab:
        for _ in range(MAX_JOBS_AHEAD):
            lab.bridges.submit(RESET)
        with pytest.raises(Refused, match=f"{MAX_JOBS_AHEAD} jobs wait for the bridge lab") as caught:
            lab.bridges.submit(RESET)
        assert caught.value.problem.code is ProblemCode.BUSY


async def test_announced_addresses_are_tried_in_turn(tmp_path: Path, autojump_clock: MockClock) -> None:
    edge = FakeEdge({"fd00::1:1": identity()})
    two = Announcement("i", ID_1, "esp", ("10.0.0.1", "fd00::1"), 1, None, None)
    async with bridge_lab(tmp_path, edge, FakeWork()) as lab:
        lab.bridges.announced(two)
        await trio.sleep(2)
        assert (lab.state, lab.task.snapshot().address) == (BridgeState.IDLE, "[fd00::1]:1")


async def test_changes_are_published_once(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with bridge_lab(tmp_path, FakeEdge(), FakeWork(), [LAB]) as lab:
        news = lab.events.subscribe()
        await trio.sleep(1)
        await wait_all_tasks_blocked()
        for _ in range(3):
            lab.bridges.changed(lab.task)
        events = [event for _, event in await news.next() if isinstance(event, BridgeEvent)]
        assert [event.bridge.state for event in events] == [BridgeState.IDLE]
