"""BRIDGE_PROTOCOL.md, the steps, over the wire: what is not understood, what this bridge lacks, and lines."""

import pytest

from bridge_bench import ACK, Bench, results, timeless
from stmota_protocol.messages import BatchRequest, BeginRun
from stmota_protocol.steps import (
    Batch,
    Cause,
    Configure,
    Expect,
    Line,
    Outcome,
    Parity,
    Result,
    Send,
    Sense,
    SetLines,
    UartSettings,
    Unclaimed,
    UnknownStep,
)

FAILED = Outcome.FAILED


@pytest.mark.rule("R36", "R37")
async def test_of_a_batch_that_is_refused_or_failed_nothing_more_is_executed(bench: Bench) -> None:
    for steps in ((Send(b"a"), UnknownStep(0xEE, b"")), (Expect(ACK, 0), Send(b"b"))):
        assert (await bench.execute(*steps)).outcome is FAILED
    assert (await bench.execute(Send(b"c"))).is_done
    assert await bench.hears(1) == b"c"


@pytest.mark.rule("R36")
@pytest.mark.parametrize(
    "steps",
    [
        bytes.fromhex("09 0300 000000"),  # Wait with three bytes
        bytes.fromhex("0a 0900 00000000 08 00 01 00 00"),  # no baud
        bytes.fromhex("02 0a00 79 00000000 03 0000 0000"),  # no such on_silence
        bytes.fromhex("02 0a00 79 00000000 02 0100 0100"),  # a repeat to before the first step
        bytes.fromhex("02 0a00 79 00000000 02 0000 0100"),  # a repeat of itself
        bytes.fromhex("02 1b00 79 00000000 00 0000 0000") + bytes(17),  # 17 bytes to skip
        bytes.fromhex("04 0900 03 0000 0100 00000000"),  # a count of three bytes
        bytes.fromhex("03 0700 0100 00000000 00"),  # Receive with a byte too many
        bytes.fromhex("08 0100 00"),  # Sense with an argument
        bytes.fromhex("0a 0900 00c20100 08 03 01 00 00"),  # no such parity
        bytes.fromhex("0a 0900 00c20100 08 00 03 00 00"),  # three stop bits
        bytes.fromhex("0a 0900 00c20100 08 00 01 03 00"),  # no such RS-485
        bytes.fromhex("0a 0900 00c20100 08 00 01 00 02"),  # no such echo
        bytes.fromhex("0b 0000"),  # a step to come
    ],
)
async def test_values_inside_steps_fail_their_batch_and_never_the_connection(
    steps: bytes, bench: Bench
) -> None:
    peer = await bench.controller()
    await peer.send(BeginRun(1, Unclaimed.RESIDUE))
    length = 10 + len(steps)
    await peer.stream.send_all(bytes([length, 0, 0x11, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0]) + steps)
    peer.connection.send(BatchRequest(1, 0, Batch((UnknownStep(0xEE, b""),))))  # so that it knows of one
    assert timeless((await results(peer, 1))[0]) == Result(Outcome.FAILED, 0, Cause.UNSUPPORTED)
    await peer.send(BeginRun(2, Unclaimed.RESIDUE), BatchRequest(2, 0, Batch(())))
    assert (await results(peer, 1))[0].is_done


@pytest.mark.rule("R37")
async def test_a_line_that_is_not_there_is_refused_when_its_turn_comes(bench: Bench) -> None:
    there = (await bench.look()).identity.lines
    missing = (Line.NRST | Line.BOOT0 | Line.SPARE1 | Line.SPARE2) & ~there
    if not missing:
        pytest.skip("this bridge has every line")
    result = await bench.execute(Send(b"!"), SetLines(missing, missing))
    assert await bench.hears(1) == b"!"
    assert timeless(result) == Result(Outcome.FAILED, 1, Cause.UNSUPPORTED)


@pytest.mark.rule("R39")
async def test_a_second_repeat_of_a_batch_is_not_understood(bench: Bench) -> None:
    repeat = "02 0a00 79 00000000 02 0100 0100"
    peer = await bench.controller()
    steps = bytes.fromhex(f"09 0400 00000000 {repeat} {repeat}")
    await peer.send(BeginRun(1, Unclaimed.RESIDUE))
    await peer.stream.send_all(bytes([10 + len(steps), 0, 0x11, 0, 1, 0, 0, 0, 0, 0, 0, 0, 3, 0]) + steps)
    wait = UnknownStep(0xEE, b"")
    peer.connection.send(BatchRequest(1, 0, Batch((wait, wait, wait))))  # so that it knows of one
    assert timeless((await results(peer, 1))[0]) == Result(FAILED, 2, Cause.UNSUPPORTED)


async def test_sense_tells_the_levels_of_lines_that_it_can_read(bench: Bench) -> None:
    result = await bench.execute(Sense())
    (output,) = result.outputs
    mask, levels = output.data
    assert levels & ~mask == 0
    if mask & Line.NRST:
        assert levels & Line.NRST  # a new controller finds it released


async def test_a_uart_setting_is_taken(bench: Bench) -> None:
    """What a pty or an adapter makes of it is not this suite's; the target's end stays as it is."""
    even = UartSettings(115200, parity=Parity.EVEN)
    assert (await bench.execute(Configure(even), Configure(UartSettings()))).is_done
