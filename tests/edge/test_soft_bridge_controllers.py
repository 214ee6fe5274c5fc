"""One controller at a time has the soft bridge: who holds it, who takes over, what is left of who left."""

import trio
from trio.testing import MockClock

from bridge_peer import CONTROLLER_ID, OTHER_ID, Peer, controller, new_bridge, new_peer, results, serving
from scripted_port import ASK, LONG, ScriptedPort
from stmota_protocol.limits import KEEP_ALIVE_S, SAFE_LINES_AFTER_S
from stmota_protocol.messages import (
    BatchRequest,
    BatchResult,
    BeginRun,
    Busy,
    CloseReason,
    Closing,
    Hello,
    LastBatch,
    Ping,
    Welcome,
)
from stmota_protocol.steps import Batch, Line, Outcome, Send, SetLines, UartSettings, Unclaimed, Wait


async def test_the_same_controller_replaces_its_own_connection_at_once(clock: MockClock | None) -> None:
    async with serving(new_bridge(), clock) as connect:
        old = await controller(connect)
        new = await controller(connect)
        assert (await old.closing()).reason is CloseReason.REPLACED
        await new.send(BeginRun(1, Unclaimed.RESIDUE), BatchRequest(1, 0, ASK))
        assert (await results(new, 1))[0].result.is_done


async def test_another_controller_is_told_who_holds_the_bridge(clock: MockClock | None) -> None:
    async with serving(new_bridge(), clock) as connect:
        holder = await controller(connect)
        other = await new_peer(connect)
        busy = await other.hello(OTHER_ID)
        assert isinstance(busy, Busy)
        assert (busy.holder_name, busy.holder_id) == ("tester", CONTROLLER_ID)
        assert isinstance(await other.hello(OTHER_ID, take_over=True), Welcome)
        assert await holder.closing() == Closing(CloseReason.TAKEN_OVER, "tester")


async def test_a_greeting_tells_who_holds_the_bridge(clock: MockClock | None) -> None:
    async with serving(new_bridge(), clock) as connect:
        peer = await new_peer(connect)
        assert (await peer.greeting()).holder == ""
        await peer.hello()
        onlooker = await new_peer(connect)
        assert (await onlooker.greeting()).holder == "tester"
        await peer.stream.aclose()
        while onlooker.connection.greeting and onlooker.connection.greeting.holder:
            await onlooker.stream.aclose()
            onlooker = await new_peer(connect)
            await onlooker.greeting()


async def test_a_holder_without_a_name_is_told_as_a_question_mark(autojump_clock: MockClock) -> None:
    async with serving(new_bridge(), autojump_clock) as connect:
        nameless = await new_peer(connect)
        await nameless.greeting()
        await nameless.send(Hello(CONTROLLER_ID, ""))
        assert isinstance(await nameless.receive(), Welcome)
        assert (await (await new_peer(connect)).greeting()).holder == "?"


async def test_whoever_only_looks_disturbs_nobody(clock: MockClock | None) -> None:
    async with serving(new_bridge(), clock) as connect:
        peer = await new_peer(connect)
        await peer.hello()
        await peer.send(BeginRun(1, Unclaimed.RESIDUE))
        for number in range(10):
            onlooker = await new_peer(connect)
            await onlooker.greeting()
            await peer.send(BatchRequest(1, number, ASK))
            await onlooker.stream.aclose()
            result = await peer.receive()
            assert isinstance(result, BatchResult)
            assert (result.number, result.result.outcome) == (number, Outcome.DONE)


async def test_busy_says_for_how_long_it_is_held(autojump_clock: MockClock) -> None:
    async with serving(new_bridge(), autojump_clock) as connect:
        holder = await controller(connect)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(keep_alive, holder)
            await trio.sleep(100)
            busy = await (await new_peer(connect)).hello(OTHER_ID)
            nursery.cancel_scope.cancel()
        assert isinstance(busy, Busy)
        assert busy.held_for_us == 100_000_000


async def keep_alive(peer: Peer) -> None:
    while True:
        await peer.send(Ping(1))
        await trio.sleep(KEEP_ALIVE_S)


async def test_a_controller_that_leaves_makes_room(clock: MockClock | None) -> None:
    async with serving(new_bridge(), clock) as connect:
        first = await controller(connect)
        await first.send(Closing(CloseReason.SHUTDOWN, ""))
        assert await first.stream.receive_some(1) == b""
        assert isinstance(await (await new_peer(connect)).hello(OTHER_ID), Welcome)


async def test_a_result_that_was_lost_comes_again_after_a_reconnection(clock: MockClock | None) -> None:
    async with serving(new_bridge(), clock) as connect:
        peer = await controller(connect)
        await peer.send(BeginRun(3, Unclaimed.RESIDUE), BatchRequest(3, 0, ASK), BatchRequest(3, 1, LONG))
        (lost,) = await results(peer, 1)
        await trio.aclose_forcefully(peer.stream)
        peer = await new_peer(connect)
        assert (await peer.greeting()).last_batch == LastBatch(3, 0, Outcome.DONE)
        assert await peer.hello() == Welcome(lost)
        assert await (await new_peer(connect)).hello(OTHER_ID, take_over=True) == Welcome(None)


async def test_a_controllers_late_results_are_not_given_to_its_next_connection(
    autojump_clock: MockClock,
) -> None:
    async with serving(new_bridge(), autojump_clock) as connect:
        peer = await controller(connect)
        ten_s = Batch((Wait(10_000_000),))
        await peer.send(BeginRun(1, Unclaimed.RESIDUE), BatchRequest(1, 0, ten_s), BatchRequest(1, 1, ASK))
        await trio.sleep(1)
        await trio.aclose_forcefully(peer.stream)
        peer = await controller(connect)
        await peer.send(BeginRun(1, Unclaimed.RESIDUE), BatchRequest(1, 0, ASK))
        (result,) = await results(peer, 1)
        assert result.result.is_done
        assert result.result.started_us == 1_000_000  # the old one was aborted, not waited for
        assert (await new_peer(connect)).connection.greeting is None


async def test_a_controller_that_is_gone_leaves_its_batch_to_end_and_its_queue_skipped(
    autojump_clock: MockClock,
) -> None:
    port = ScriptedPort()
    async with serving(new_bridge(port), autojump_clock) as connect:
        peer = await controller(connect)
        first = Batch((Send(b"1"), Wait(2_000_000), Send(b"2")))
        await peer.send(BeginRun(1, Unclaimed.RESIDUE))
        await peer.send(BatchRequest(1, 0, first), BatchRequest(1, 1, Batch((Send(b"3"),))))
        await trio.sleep(1)
        await trio.aclose_forcefully(peer.stream)
        await trio.sleep(3)
        assert [entry for _, entry in port.log if isinstance(entry, bytes)] == [b"1", b"2"]


async def test_lines_go_to_their_safe_levels_when_no_controller_comes_back(autojump_clock: MockClock) -> None:
    port = ScriptedPort()
    async with serving(new_bridge(port), autojump_clock) as connect:
        peer = await controller(connect)
        boot = Batch((SetLines.of(nrst=False, boot0=True),))
        await peer.send(BeginRun(1, Unclaimed.RESIDUE), BatchRequest(1, 0, boot))
        await results(peer, 1)
        await trio.aclose_forcefully(peer.stream)
        await trio.sleep(SAFE_LINES_AFTER_S - 0.1)
        assert port.levels is Line.BOOT0
        await trio.sleep(0.2)
    assert port.log[-1] == (10_000_000, (Line.NRST | Line.BOOT0, Line.NRST))


async def test_lines_stay_when_a_controller_comes_back_in_time(autojump_clock: MockClock) -> None:
    port = ScriptedPort()
    async with serving(new_bridge(port), autojump_clock) as connect:
        peer = await controller(connect)
        boot = Batch((SetLines.of(nrst=False, boot0=True),))
        await peer.send(BeginRun(1, Unclaimed.RESIDUE), BatchRequest(1, 0, boot))
        await results(peer, 1)
        await trio.aclose_forcefully(peer.stream)
        await trio.sleep(SAFE_LINES_AFTER_S - 0.1)
        peer = await controller(connect)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(keep_alive, peer)
            await trio.sleep(60)
            nursery.cancel_scope.cancel()
        assert port.levels == Line.BOOT0


async def test_lines_are_safe_from_the_start(autojump_clock: MockClock) -> None:
    port = ScriptedPort()
    async with serving(new_bridge(port), autojump_clock):
        await trio.sleep(0.1)
    assert port.log == [(0, UartSettings()), (0, (Line.NRST | Line.BOOT0, Line.NRST))]


async def test_lines_stay_when_a_controller_comes_back_while_its_long_batch_runs(
    autojump_clock: MockClock,
) -> None:
    port = ScriptedPort()
    async with serving(new_bridge(port), autojump_clock) as connect:
        peer = await controller(connect)
        long = Batch((SetLines.of(nrst=False, boot0=True), Wait(20_000_000)))
        await peer.send(BeginRun(1, Unclaimed.RESIDUE), BatchRequest(1, 0, long))
        await trio.sleep(1)
        await trio.aclose_forcefully(peer.stream)
        await trio.sleep(SAFE_LINES_AFTER_S + 1)
        peer = await controller(connect)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(keep_alive, peer)
            await trio.sleep(30)
            nursery.cancel_scope.cancel()
        assert port.levels is Line.BOOT0
