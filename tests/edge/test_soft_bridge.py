"""The rules of a bridge: greeting, one controller, runs, console, limits."""

import pytest
import trio
from trio.testing import MockClock, lockstep_stream_pair, memory_stream_pair, open_stream_to_socket_listener

from bridge_peer import CONTROLLER_ID, OTHER_ID, Connect, Peer, serving
from scripted_port import ScriptedPort
from stmota_edge.errors import PortFailed
from stmota_edge.identity import DEFAULT_CREDIT_BYTES
from stmota_edge.soft_bridge import SoftBridge
from stmota_protocol.connection import NEED_DATA
from stmota_protocol.limits import DEAD_PEER_S, HELLO_WITHIN_S, KEEP_ALIVE_S, SAFE_LINES_AFTER_S
from stmota_protocol.messages import (
    Abort,
    BatchRequest,
    BatchResult,
    BeginRun,
    Busy,
    CloseReason,
    Closing,
    Console,
    ConsoleAck,
    ConsoleGap,
    EndRun,
    Hello,
    LastBatch,
    Ping,
    Pong,
    Unknown,
    Unsupported,
    Welcome,
)
from stmota_protocol.steps import (
    Batch,
    Cause,
    Expect,
    Line,
    Outcome,
    Receive,
    Result,
    Send,
    SetLines,
    UartSettings,
    Unclaimed,
    Wait,
)
from stmota_protocol.wire import KNOWN_STEPS

ACK = 0x79
ASK = Batch((Send(b"?"), Expect(ACK, 1_000_000)))
LONG = Batch((Wait(3_600_000_000),))


def new_bridge(
    port: ScriptedPort | None = None, credit: int = DEFAULT_CREDIT_BYTES, max_batch: int = 16_384
) -> SoftBridge:
    port = port or ScriptedPort(lambda _: [(10, b"\x79")])
    return SoftBridge(
        port, name="lab", unique_id=b"12345678", firmware="soft-test", credit=credit, max_batch=max_batch
    )


async def new_peer(connect: Connect) -> Peer:
    return Peer(await connect())


async def controller(connect: Connect, controller_id: bytes = CONTROLLER_ID) -> Peer:
    peer = await new_peer(connect)
    assert isinstance(await peer.hello(controller_id), Welcome)
    return peer


async def test_a_bridge_greets_whoever_connects(clock: MockClock | None) -> None:
    bridge = new_bridge(credit=5000, max_batch=2000)
    async with serving(bridge, clock) as connect:
        greeting = await (await new_peer(connect)).greeting()
    identity = greeting.identity
    assert identity == bridge.identity
    assert (identity.name, identity.unique_id, identity.firmware) == ("lab", b"12345678", "soft-test")
    assert (identity.credit, identity.max_batch) == (5000, 2000)
    assert identity.supported_steps == KNOWN_STEPS
    assert (greeting.console_oldest, greeting.console_next, greeting.last_batch) == (0, 0, None)


async def test_two_starts_have_two_boot_ids(autojump_clock: MockClock) -> None:
    assert new_bridge().identity.boot_id != new_bridge().identity.boot_id


async def test_batches_are_answered_in_order(clock: MockClock | None) -> None:
    async with serving(new_bridge(), clock) as connect:
        peer = await controller(connect)
        requests = [BatchRequest(7, number, ASK) for number in range(5)]
        await peer.send(BeginRun(7, Unclaimed.RESIDUE), *requests, EndRun(7))
        for number in range(5):
            message = await peer.receive()
            assert isinstance(message, BatchResult)
            assert (message.run, message.number, message.result.outcome) == (7, number, Outcome.DONE)


async def test_an_abort_ends_the_batch_in_hand_and_skips_the_rest(clock: MockClock | None) -> None:
    async with serving(new_bridge(), clock) as connect:
        peer = await controller(connect)
        await peer.send(BeginRun(1, Unclaimed.RESIDUE), BatchRequest(1, 0, ASK), BatchRequest(1, 1, LONG))
        await peer.send(BatchRequest(1, 2, ASK))
        assert isinstance(await peer.receive(), BatchResult)
        await peer.send(Abort(1))
        outcomes = [message.result.outcome for message in await results(peer, 2)]
        assert outcomes == [Outcome.ABORTED, Outcome.SKIPPED]


async def results(peer: Peer, count: int) -> list[BatchResult]:
    messages = [await peer.receive() for _ in range(count)]
    return [message for message in messages if isinstance(message, BatchResult)]


async def test_an_abort_of_a_run_that_is_over_does_nothing(clock: MockClock | None) -> None:
    async with serving(new_bridge(), clock) as connect:
        peer = await controller(connect)
        await peer.send(BeginRun(1, Unclaimed.RESIDUE), BeginRun(2, Unclaimed.RESIDUE))
        await peer.send(Abort(1), BatchRequest(2, 0, ASK))
        assert [message.result.outcome for message in await results(peer, 1)] == [Outcome.DONE]


async def test_a_failed_batch_skips_what_is_behind_it(clock: MockClock | None) -> None:
    async with serving(new_bridge(), clock) as connect:
        peer = await controller(connect)
        failing = Batch((Expect(ACK, 1000),))
        await peer.send(BeginRun(1, Unclaimed.RESIDUE), BatchRequest(1, 0, failing), BatchRequest(1, 1, ASK))
        first, second = await results(peer, 2)
        assert (first.result.cause, first.result.failed_step) == (Cause.SILENCE, 0)
        assert second.result == Result(Outcome.SKIPPED)


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


async def test_console_comes_with_positions_and_times(autojump_clock: MockClock) -> None:
    port = ScriptedPort()
    async with serving(new_bridge(port), autojump_clock) as connect:
        peer = await controller(connect)
        port.arrives(1000, b"one\r\n")
        port.arrives(900_000, b"two\r\n")
        assert await peer.receive() == Console(0, 1000, b"one\r\n")
        assert await peer.receive() == Console(5, 900_000, b"two\r\n")


async def test_console_that_came_while_nobody_was_there_is_kept(clock: MockClock | None) -> None:
    port = ScriptedPort()
    async with serving(new_bridge(port), clock) as connect:
        peer = await controller(connect)
        port.arrives(0, b"first")
        message = await peer.receive()
        assert isinstance(message, Console)
        await peer.send(ConsoleAck(3))
        await trio.aclose_forcefully(peer.stream)
        peer = await new_peer(connect)
        greeting = await peer.greeting()
        assert greeting.console_next == 5
        assert isinstance(await peer.hello(console_from=3), Welcome)
        message = await peer.receive()
        assert isinstance(message, Console)
        assert (message.position, message.data) == (3, b"st")


async def test_console_that_did_not_fit_is_a_gap(autojump_clock: MockClock) -> None:
    port = ScriptedPort()
    bridge = new_bridge(port)
    ring = bridge.identity.console_ring
    async with serving(bridge, autojump_clock) as connect:
        await trio.sleep(1)
        port.arrives(0, bytes(ring))
        port.arrives(0, b"newest")
        await trio.sleep(1)
        peer = await controller(connect)
        assert await peer.receive() == ConsoleGap(0, 6)
        message = await peer.receive()
        assert isinstance(message, Console)
        assert message.position == 6


async def test_a_console_nobody_acknowledges_does_not_hold_up_results(autojump_clock: MockClock) -> None:
    port = ScriptedPort(lambda _: [(10, b"\x79")])
    async with serving(new_bridge(port), autojump_clock) as connect:
        peer = await controller(connect)
        port.arrives(0, bytes(60_000))
        await trio.sleep(1)
        await peer.send(BeginRun(1, Unclaimed.RESIDUE), BatchRequest(1, 0, ASK))
        console_bytes = 0
        while isinstance(message := await peer.receive(), Console):
            console_bytes += len(message.data)
        assert isinstance(message, BatchResult)
        assert console_bytes == 16 * 1024
        await peer.send(ConsoleAck(console_bytes))
        assert isinstance(await peer.receive(), Console)


async def test_a_ping_is_answered_with_the_bridges_clock(autojump_clock: MockClock) -> None:
    async with serving(new_bridge(), autojump_clock) as connect:
        peer = await controller(connect)
        await trio.sleep(1.5)
        await peer.send(Ping(42))
        while (event := peer.connection.next_event()) is NEED_DATA:
            peer.connection.receive_data(bytes(await peer.stream.receive_some(100)))
        assert event == Pong(42, 1_500_000)


async def test_an_unknown_message_is_answered_and_ignored(clock: MockClock | None) -> None:
    async with serving(new_bridge(), clock) as connect:
        peer = await controller(connect)
        await peer.send(Unknown(0xF0, b"whatever"), BeginRun(1, Unclaimed.RESIDUE), BatchRequest(1, 0, ASK))
        assert await peer.receive() == Unsupported(0xF0)
        assert isinstance(await peer.receive(), BatchResult)


async def test_garbage_gets_one_clean_error_and_disturbs_nobody(clock: MockClock | None) -> None:
    async with serving(new_bridge(), clock) as connect:
        holder = await controller(connect)
        await holder.send(BeginRun(1, Unclaimed.RESIDUE), BatchRequest(1, 0, ASK))
        stranger = await new_peer(connect)
        await stranger.stream.send_all(b"GET / HTTP/1.1\r\nHost: lab\r\n\r\n" * 100)
        closing = await stranger.closing()
        assert closing.reason is CloseReason.PROTOCOL_ERROR
        assert "HTTP" in closing.text
        assert (await results(holder, 1))[0].result.is_done


async def test_a_controller_that_breaks_the_rules_is_told_and_loses_its_place(
    clock: MockClock | None,
) -> None:
    async with serving(new_bridge(), clock) as connect:
        peer = await controller(connect)
        await peer.stream.send_all(b"\xff\xff\x00\x00" + bytes(100))
        assert (await peer.closing()).reason is CloseReason.PROTOCOL_ERROR
        await controller(connect, OTHER_ID)


async def test_whoever_says_no_hello_is_closed(autojump_clock: MockClock) -> None:
    async with serving(new_bridge(), autojump_clock) as connect:
        peer = await new_peer(connect)
        await peer.greeting()
        began_s = trio.current_time()
        hello = peer.connection  # a byte a second, never a whole hello
        assert hello.greeting is not None
        with trio.move_on_after(20):
            for byte in b"\x19\x00\x02\x00aaaaaaaaaaaaaaaa":
                await peer.stream.send_all(bytes((byte,)))
                await trio.sleep(1)
                if trio.current_time() - began_s >= HELLO_WITHIN_S:
                    break
        closing = await peer.closing()
        assert closing.reason is CloseReason.TOO_SLOW
        assert "hello" in closing.text


async def test_a_fifth_stranger_is_sent_away_and_the_controller_works_on(clock: MockClock | None) -> None:
    async with serving(new_bridge(), clock) as connect:
        holder = await controller(connect)
        strangers: list[Peer] = []
        for _ in range(4):
            strangers.append(await new_peer(connect))
            await strangers[-1].greeting()
        fifth = await new_peer(connect)
        assert (await fifth.closing()).reason is CloseReason.TOO_MANY
        assert isinstance(await strangers[0].hello(OTHER_ID), Busy)
        await strangers[0].send(Closing(CloseReason.SHUTDOWN, ""))
        assert await strangers[0].stream.receive_some(1) == b""
        assert isinstance(await (await new_peer(connect)).hello(OTHER_ID), Busy)
        await holder.send(BeginRun(1, Unclaimed.RESIDUE), BatchRequest(1, 0, ASK))
        assert (await results(holder, 1))[0].result.is_done


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


async def test_a_hello_acknowledges_what_comes_before_its_position(autojump_clock: MockClock) -> None:
    port = ScriptedPort()
    async with serving(new_bridge(port), autojump_clock) as connect:
        await trio.sleep(1)
        port.arrives(0, b"stored already")
        await trio.sleep(1)
        assert isinstance(await (await new_peer(connect)).hello(console_from=7), Welcome)
        assert (await (await new_peer(connect)).greeting()).console_oldest == 7


async def test_both_sides_hear_of_each_other_in_time(autojump_clock: MockClock) -> None:
    async with serving(new_bridge(), autojump_clock) as connect:
        peer = await controller(connect)
        data = await peer.stream.receive_some(100)
        assert trio.current_time() == pytest.approx(KEEP_ALIVE_S)
        peer.connection.receive_data(bytes(data))
        assert isinstance(peer.connection.next_event(), Ping)


async def test_a_dead_controller_is_noticed(autojump_clock: MockClock) -> None:
    async with serving(new_bridge(), autojump_clock) as connect:
        peer = await controller(connect)
        closing = await peer.closing()
        assert closing.reason is CloseReason.TOO_SLOW
        assert DEAD_PEER_S <= trio.current_time() < 10


async def test_a_controller_that_asks_and_never_reads_is_closed(autojump_clock: MockClock) -> None:
    bridge = new_bridge()
    ours, theirs = lockstep_stream_pair()
    peer = Peer(ours)

    async def ask_for_ever() -> None:
        with pytest.raises(trio.BrokenResourceError):
            await send_pings(peer)
        nursery.cancel_scope.cancel()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(bridge.run)
        nursery.start_soon(bridge.serve_stream, theirs)
        async with trio.open_nursery() as both:
            both.start_soon(peer.stream.send_all, peer.connection.preamble())
            while peer.connection.greeting is None:
                peer.connection.receive_data(bytes(await ours.receive_some(1000)))
                peer.connection.next_event()
        assert isinstance(await peer.hello(), Welcome)
        nursery.start_soon(ask_for_ever)
    assert trio.current_time() < DEAD_PEER_S + 1


async def send_pings(peer: Peer) -> None:
    while True:
        await peer.send(Ping(1))
        await trio.sleep(0.01)


async def test_a_port_that_fails_is_told_to_everybody_and_raised_bare(clock: MockClock | None) -> None:
    port = ScriptedPort()
    bridge = new_bridge(port)
    peers: list[Peer] = []

    async def use() -> None:
        if clock is None:
            peer = Peer(await open_stream_to_socket_listener(listeners[0]))
        else:
            ours, theirs = memory_stream_pair()
            nursery.start_soon(bridge.serve_stream, theirs)
            peer = Peer(ours)
        peers.append(peer)
        await peer.hello()
        port.fail()
        closing = await peer.closing()
        assert closing.reason is CloseReason.SHUTDOWN
        assert "unplugged" in closing.text

    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(use)
        work = bridge.run() if clock else bridge.serve(listeners)
        with pytest.raises(PortFailed, match="unplugged"):
            await work
    for each in (*listeners, *(peer.stream for peer in peers)):
        await trio.aclose_forcefully(each)


async def test_a_bridge_that_is_stopped_says_goodbye(clock: MockClock | None) -> None:
    async with trio.open_nursery() as nursery:

        async def read() -> None:
            assert (await peer.closing()).reason is CloseReason.SHUTDOWN
            nursery.cancel_scope.cancel()

        async with serving(new_bridge(), clock) as connect:
            peer = await controller(connect)
            nursery.start_soon(read)


async def test_a_large_result_comes_whole(clock: MockClock | None) -> None:
    data = bytes(range(256)) * 8
    port = ScriptedPort(lambda _: [(10, data)])
    async with serving(new_bridge(port), clock) as connect:
        peer = await controller(connect)
        await peer.send(BeginRun(1, Unclaimed.RESIDUE))
        await peer.send(BatchRequest(1, 0, Batch((Send(b"?"), Receive(len(data), 1_000_000)))))
        (result,) = await results(peer, 1)
        assert result.result.output(1) == data
