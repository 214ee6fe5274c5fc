"""The soft bridge: greeting, strangers, trouble, and its end."""

import pytest
import trio
from trio.testing import MockClock, lockstep_stream_pair, memory_stream_pair, open_stream_to_socket_listener

from bridge_peer import OTHER_ID, Peer, controller, new_bridge, new_peer, results, serving
from scripted_port import ASK, ScriptedPort
from stmota_edge.errors import PortFailed
from stmota_protocol.connection import NEED_DATA
from stmota_protocol.limits import DEAD_PEER_S, HELLO_WITHIN_S, KEEP_ALIVE_S
from stmota_protocol.messages import (
    BatchRequest,
    BatchResult,
    BeginRun,
    Busy,
    CloseReason,
    Closing,
    Ping,
    Pong,
    Unknown,
    Unsupported,
    Welcome,
)
from stmota_protocol.steps import Unclaimed
from stmota_protocol.wire import KNOWN_STEPS


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
