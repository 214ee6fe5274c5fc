"""BRIDGE_PROTOCOL.md, over the wire: what goes wrong around a bridge, and must not take it along."""

import os
import socket
import struct
from collections.abc import Awaitable, Callable

import pytest
import trio

from bridge_bench import ACK, ASK, SECOND_US, Bench, bench_of, event, results
from bridge_peer import Peer
from bridge_process import Running, far_end, serving
from stmota_protocol.messages import (
    BatchRequest,
    BatchResult,
    BeginRun,
    CloseReason,
    Closing,
    ConsoleGap,
    EndRun,
    Greeting,
    Hello,
    Ping,
    Pong,
    Welcome,
)
from stmota_protocol.steps import Batch, Cause, Expect, Outcome, Result, Send, Unclaimed, Wait
from stmota_protocol.wire import encode_message

ROUNDS = 30


async def close(peer: Peer) -> None:
    """As a program that ends."""
    await trio.aclose_forcefully(peer.stream)


async def reset(peer: Peer) -> None:
    """As a machine that has forgotten the connection: RST instead of FIN."""
    assert isinstance(peer.stream, trio.SocketStream)
    peer.stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    await trio.aclose_forcefully(peer.stream)


async def end_in_a_message(peer: Peer) -> None:
    """In the middle of a frame."""
    await peer.stream.send_all(encode_message(Ping(1))[:5])
    await trio.aclose_forcefully(peer.stream)


async def talk_garbage(peer: Peer) -> None:
    """In the middle of a frame, with the connection left open."""
    await peer.stream.send_all(encode_message(Ping(1))[:5] + b"\xff" * 1000)
    assert (await peer.closing()).reason is CloseReason.PROTOCOL_ERROR


@pytest.mark.rule("R8", "R11", "R23")
@pytest.mark.parametrize("die", [close, reset, end_in_a_message, talk_garbage])
async def test_the_batch_of_a_controller_that_is_gone_runs_to_its_end(
    die: Callable[[Peer], Awaitable[None]], bench: Bench
) -> None:
    peer = await bench.controller()
    batch = Batch((Send(b"1"), Expect(ACK, 30 * SECOND_US), Send(b"2")))
    await peer.send(BeginRun(1, Unclaimed.RESIDUE), BatchRequest(1, 0, batch))
    await peer.send(BatchRequest(1, 1, Batch((Send(b"3"),))))
    assert await bench.hears(1) == b"1"
    await die(peer)
    while (await bench.look()).holder:
        pass
    watcher = await bench.controller(bench.other_id)
    bench.says(b"\x79")
    assert await bench.hears(1) == b"2"
    await watcher.send(BeginRun(1, Unclaimed.RESIDUE), BatchRequest(1, 0, Batch((Send(b"4"),))))
    assert (await results(watcher, 1))[0].is_done
    assert await bench.hears(1) == b"4"


@pytest.mark.rule("R1", "R6")
async def test_a_session_that_comes_byte_by_byte_is_one_like_any_other(answering: Bench) -> None:
    peer = await answering.peer()

    async def dribble(data: bytes) -> None:
        for at in range(len(data)):
            await peer.stream.send_all(data[at : at + 1])

    await dribble(peer.connection.preamble())
    greeting = await peer.receive()
    assert isinstance(greeting, Greeting)
    hello = Hello(answering.controller_id, "tester", False, greeting.console_next)
    await dribble(peer.connection.send(hello))
    assert await peer.receive() == Welcome(None)
    await dribble(peer.connection.send(BeginRun(1, Unclaimed.RESIDUE)))
    await dribble(peer.connection.send(BatchRequest(1, 0, ASK)))
    assert (await results(peer, 1))[0].is_done


@pytest.mark.rule("R44", "R47", "R48", "R51")
async def test_a_target_that_never_stops_talking_starves_nothing_and_what_is_lost_is_told(
    bench: Bench, nursery: trio.Nursery
) -> None:
    """Nothing is acknowledged until the ring has overflowed; batches, pings and looks go on meanwhile."""
    ring = (await bench.look()).identity.console_ring
    base = (await bench.look()).console_next

    async def talk() -> None:
        while True:
            await bench.tells(bytes(1000))

    nursery.start_soon(talk)
    peer = await bench.controller()
    await peer.send(Ping(1))
    while (await bench.look()).console_next <= base + 2 * ring:
        await peer.send(Ping(2))
    await peer.send(BeginRun(1, Unclaimed.CONSOLE))
    await peer.send(*(BatchRequest(1, number, Batch((Wait(100),))) for number in range(ROUNDS)), EndRun(1))
    found: list[object] = []
    while sum(isinstance(message, BatchResult) for message in found) < ROUNDS:
        found.append(await event(peer))
    assert all(message.result.is_done for message in found if isinstance(message, BatchResult))
    assert any(isinstance(message, Pong) for message in found)
    again = await bench.peer()
    assert isinstance(await bench.hello(again, console_from=base), Welcome)
    gap = await again.receive()
    assert isinstance(gap, ConsoleGap)
    assert (gap.position, gap.length >= ring) == (base, True)


def unplug(far: int) -> None:
    """Hang up the pty; its number stays taken, for `far_end` closes it."""
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, far)
    os.close(null)


@pytest.mark.rule("R37", "R10")
@pytest.mark.parametrize("kind", ["c", "python"])
async def test_a_uart_that_is_gone_fails_its_batch_and_is_told_to_everybody(
    kind: str, bridge_command: Callable[[str], list[str]], request: pytest.FixtureRequest
) -> None:
    if request.config.getoption("--bridge"):
        pytest.skip("a real bridge's UART is not unplugged")
    with (
        far_end() as (far, path),
        serving([*bridge_command(kind), "--port", path]) as (process, (host, port)),
    ):
        gone = f"{path}: the adapter is gone; is it plugged in?"
        async with bench_of(Running(far, host, port, is_local=True)) as bench:
            await lose_uart(bench, gone)
        assert process.stderr is not None
        assert (process.stderr.read(), process.wait()) == (f"error: {gone}\n", 1)


async def lose_uart(bench: Bench, gone: str) -> None:
    """Unplug it under a batch; `gone` is why, for people."""
    peer, stranger = await bench.controller(), await bench.peer()
    await stranger.greeting()
    await peer.send(BeginRun(1, Unclaimed.RESIDUE), *(BatchRequest(1, number, ASK) for number in range(4)))
    assert await bench.hears(1) == b"?"
    unplug(bench.far)
    failed, *skipped = await results(peer, 4)
    assert (failed.outcome, failed.failed_step, failed.cause) == (Outcome.FAILED, 1, Cause.PORT)
    assert skipped == [Result(Outcome.SKIPPED)] * 3
    goodbye = Closing(CloseReason.SHUTDOWN, f"the bridge's serial port failed: {gone}")
    assert [await each.closing() for each in (peer, stranger)] == [goodbye, goodbye]
