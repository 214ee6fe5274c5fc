"""A bridge's task on the virtual clock: its states, its link, its console."""

from itertools import groupby

import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from bridge_lab import LAB, RESET, OpenLab
from fake_edge import FakeEdge, identity
from stmota_daemon.config import BridgeConfig
from stmota_daemon.connector import LONGEST_PAUSE_S
from stmota_daemon.link import LinkLost
from stmota_protocol.api import BridgeEvent, BridgeState, JobState
from stmota_protocol.messages import Console
from stmota_protocol.steps import Batch, Configure, Parity, UartSettings


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
