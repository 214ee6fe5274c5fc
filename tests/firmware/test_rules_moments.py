"""BRIDGE_PROTOCOL.md, over the wire, with a virtual board: when a byte counts, and when it was."""

from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest

from bridge_bench import ACK, SECOND_US, Bench, bench_of, console, results
from bridge_process import Running
from sample_images import boot_output, make_image
from stmota_protocol.messages import BatchRequest, BeginRun, EndRun
from stmota_protocol.steps import (
    Batch,
    Configure,
    Expect,
    Line,
    Parity,
    Send,
    SetLines,
    UartSettings,
    Unclaimed,
    Wait,
)

IMAGE = make_image(2048, text="moments", heartbeat_ms=0)
SAID = boot_output(IMAGE, "moments", 128 * 1024)
CRAWLING = UartSettings(1200, parity=Parity.EVEN)
"""The slowest of an STM32F1's bootloader (AN2606)."""
BYTE_US = 11 * SECOND_US // CRAWLING.baud
NEAR_US = 1000
"""R49: how near a time is."""
DRIVEN = Line.NRST | Line.BOOT0
GET = b"\0\xff"
GOT_BYTES = 15
"""AN3155, GET: ACK, count, version, eleven commands, ACK."""

StartBoard = Callable[[str, bytes], AbstractContextManager[Running]]


@pytest.mark.rule("R35", "R49", "R33")
async def test_a_byte_counts_and_is_dated_when_its_stop_bit_was_received(
    start_board: StartBoard, request: pytest.FixtureRequest
) -> None:
    """In C alone: the Python board has a process of its own, and on a busy machine it is late for bytes."""
    if request.config.getoption("--bridge"):
        pytest.skip("the suite has no board there")
    with start_board("c", IMAGE) as running:
        async with bench_of(running) as bench:
            while (await bench.look()).console_next < len(SAID):
                pass
            await enter_at_a_crawl(bench)
            await get_as_console(bench)


async def enter_at_a_crawl(bench: Bench) -> None:
    """A reply cannot have come before the time of two bytes."""
    result = await bench.execute(
        *(SetLines(DRIVEN, Line.BOOT0), Wait(10_000), SetLines(DRIVEN, DRIVEN), Wait(100_000)),
        Configure(CRAWLING),
        Send(b"\x7f"),
        Expect(ACK, 30 * SECOND_US),
    )
    assert result.is_done
    (arrival,) = result.arrivals
    assert arrival.after_us >= 110_000 + 2 * BYTE_US


async def get_as_console(bench: Bench) -> None:
    """Byte n of a reply is there when so many bytes' times are over, and not earlier."""
    peer = await bench.controller()
    base = (await bench.look()).console_next
    await peer.send(BeginRun(2, Unclaimed.CONSOLE), BatchRequest(2, 0, Batch((Send(GET),))), EndRun(2))
    (result,) = await results(peer, 1)
    frames = await console(peer, GOT_BYTES)
    said = b"".join(frame.data for frame in frames)
    assert (said[:1], said[-1:], len(said)) == (b"\x79", b"\x79", GOT_BYTES)
    for frame in frames:
        before = len(GET) + (frame.position - base) + 1
        assert frame.at_us >= result.started_us + before * BYTE_US - NEAR_US
