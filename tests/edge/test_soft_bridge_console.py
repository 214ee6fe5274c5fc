"""The soft bridge's console: positions, times, what is kept and what is lost."""

import trio
from trio.testing import MockClock

from bridge_peer import controller, new_bridge, new_peer, serving
from scripted_port import ASK, ScriptedPort
from stmota_protocol.messages import (
    BatchRequest,
    BatchResult,
    BeginRun,
    Console,
    ConsoleAck,
    ConsoleGap,
    Welcome,
)
from stmota_protocol.steps import Unclaimed


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


async def test_a_hello_acknowledges_what_comes_before_its_position(autojump_clock: MockClock) -> None:
    port = ScriptedPort()
    async with serving(new_bridge(port), autojump_clock) as connect:
        await trio.sleep(1)
        port.arrives(0, b"stored already")
        await trio.sleep(1)
        assert isinstance(await (await new_peer(connect)).hello(console_from=7), Welcome)
        assert (await (await new_peer(connect)).greeting()).console_oldest == 7
