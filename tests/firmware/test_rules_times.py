"""BRIDGE_PROTOCOL.md, over the wire: what takes seconds, all at once, in one test for each bridge."""

from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
import trio

from bridge_bench import ACK, SECOND_US, Bench, bench_of, event, results
from bridge_process import Running
from sample_images import boot_output, make_image
from stmota_protocol.limits import DEAD_PEER_S, HELLO_WITHIN_S, KEEP_ALIVE_S, SAFE_LINES_AFTER_S
from stmota_protocol.messages import BatchRequest, BeginRun, CloseReason, Closing, Console, Ping
from stmota_protocol.steps import Batch, Expect, Line, Send, Sense, SetLines, Unclaimed

SLACK_S = 0.1
"""Our clock starts when we know of the connection or the Welcome, which was a little earlier."""
IMAGE = make_image(2048, text="released", heartbeat_ms=0)
SAID = boot_output(IMAGE, "released", 128 * 1024)

DRIVEN = Line.NRST | Line.BOOT0

StartBoard = Callable[[str, bytes], AbstractContextManager[Running]]


async def say_no_hello(bench: Bench, byte_by_byte: bytes = b"") -> float:
    """A stranger says nothing, or dribbles: it gains no time by that. How long it was heard out, in s."""
    stranger = await bench.peer()
    began_s = trio.current_time()
    async with trio.open_nursery() as nursery:

        async def dribble() -> None:
            for at in range(len(byte_by_byte)):
                await stranger.stream.send_all(byte_by_byte[at : at + 1])
                await trio.sleep(HELLO_WITHIN_S / len(byte_by_byte))

        nursery.start_soon(dribble)
        assert (await stranger.closing()).reason is CloseReason.TOO_SLOW
        nursery.cancel_scope.cancel()
    return trio.current_time() - began_s


async def vanish(bench: Bench) -> None:
    """A controller says nothing more, and does not close; its batch in hand goes on to its own end."""
    peer = await bench.controller()
    batch = Batch((Send(b"1"), Expect(ACK, 60 * SECOND_US), Send(b"2")))
    await peer.send(BeginRun(1, Unclaimed.RESIDUE), BatchRequest(1, 0, batch))
    began_s = trio.current_time()
    pings = 0
    while isinstance(found := await event(peer), Ping):
        pings += 1
    assert isinstance(found, Closing)
    assert found.reason is CloseReason.TOO_SLOW
    assert pings >= DEAD_PEER_S // KEEP_ALIVE_S - 1
    assert trio.current_time() - began_s >= DEAD_PEER_S - SLACK_S
    assert await bench.hears(1) == b"1"
    bench.says(b"\x79")
    assert await bench.hears(1) == b"2"


async def leave_lines(bench: Bench) -> None:
    """A controller holds a board in reset and leaves: when the time is over the board starts, as it says."""
    while (await bench.look()).console_next < len(SAID):  # it started: its lines are safe from the first
        pass
    peer = await bench.controller()
    hold = (SetLines(DRIVEN, Line.BOOT0), Sense())
    await peer.send(BeginRun(1, Unclaimed.RESIDUE), BatchRequest(1, 0, Batch(hold)))
    (result,) = await results(peer, 1)
    mask, levels = result.outputs[0].data
    assert (mask & DRIVEN, levels & DRIVEN) == (DRIVEN, Line.BOOT0)
    await trio.aclose_forcefully(peer.stream)
    for _ in range(2):  # strangers, who are no controllers, and whose ends tell the time
        await say_no_hello(bench)
    while (await bench.look()).console_next < 2 * len(SAID):
        pass
    peer = await bench.peer()
    await bench.hello(peer, bench.other_id, console_from=len(SAID))
    message = await peer.receive()
    assert isinstance(message, Console)
    assert SAID.startswith(message.data)  # not its bootloader: BOOT0 is low
    assert message.at_us - result.ended_us >= SAFE_LINES_AFTER_S * SECOND_US


@pytest.mark.rule("R13", "R20", "R22", "R23", "R24")
async def test_who_says_nothing_is_closed_in_time_and_lines_are_safe_after_it(
    bench: Bench, start_board: StartBoard, request: pytest.FixtureRequest
) -> None:
    times: list[float] = []

    async def time_stranger(dribbled: bytes) -> None:
        times.append(await say_no_hello(bench, dribbled))

    async def own_board() -> None:
        kind = request.node.callspec.params["bridge"]
        if kind == "real":
            return  # the suite has no board there whose lines it could see
        with start_board(kind, IMAGE) as running:
            async with bench_of(running) as board:
                await leave_lines(board)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(own_board)
        nursery.start_soon(vanish, bench)
        nursery.start_soon(time_stranger, b"")
        nursery.start_soon(time_stranger, b"STMOTA\1")
        nursery.start_soon(time_stranger, b"STMOTA\1\1\x1a\0\2\0hello")
    assert min(times) >= HELLO_WITHIN_S - SLACK_S
