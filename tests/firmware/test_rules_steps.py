"""BRIDGE_PROTOCOL.md, the steps, over the wire: each step, what the target says, and what becomes of it."""

import pytest
import trio

from bridge_bench import ACK, SECOND_US, Bench, results, timeless
from stmota_protocol.messages import BatchRequest, BeginRun
from stmota_protocol.steps import (
    Arrival,
    Batch,
    Cause,
    Configure,
    Discard,
    Expect,
    Line,
    OnSilence,
    Outcome,
    Output,
    Parity,
    Receive,
    ReceiveCounted,
    ReceiveUntilQuiet,
    Result,
    Send,
    Sense,
    SetLines,
    Step,
    UartSettings,
    Unclaimed,
    UnknownStep,
    Wait,
)

DONE = Outcome.DONE
CASES: dict[str, tuple[tuple[Step, ...], bytes, Result]] = {
    "a batch without steps is done": ((), b"", Result(DONE)),
    "a skippable byte is passed over": (
        (Send(b"!"), Expect(ACK, 30 * SECOND_US, skip=b"\0\1")),
        b"\0\1\x79",
        Result(DONE, arrivals=(Arrival(1, 0),)),
    ),
    "silence fails": ((Send(b"!"), Expect(ACK, 1000)), b"", Result(Outcome.FAILED, 1, Cause.SILENCE)),
    "silence may go on": (
        (Send(b"!"), Expect(ACK, 1000, on_silence=OnSilence.GO_ON), Wait(1)),
        b"",
        Result(DONE),
    ),
    "silence may repeat, and then fails": (
        (Send(b"!"), Wait(1), Expect(ACK, 1, on_silence=OnSilence.REPEAT, repeat_back=1, repeat_times=3)),
        b"",
        Result(Outcome.FAILED, 2, Cause.SILENCE),
    ),
    "exactly its bytes": (
        (Send(b"!"), Receive(3, 30 * SECOND_US), Receive(1, 30 * SECOND_US)),
        b"ABCDE",
        Result(DONE, outputs=(Output(1, b"ABC"), Output(2, b"D")), residue=b"E"),
    ),
    "receive that is cut short gives what came": (
        (Send(b"!"), Receive(3, 300_000)),
        b"AB",
        Result(Outcome.FAILED, 1, Cause.SILENCE, outputs=(Output(1, b"AB"),)),
    ),
    "a count of two bytes is big-endian": (
        (Send(b"!"), ReceiveCounted(2, 1, 100, 30 * SECOND_US)),
        b"\0\2abc",
        Result(DONE, outputs=(Output(1, b"\0\2abc"),)),
    ),
    "a count beyond the cap": (
        (Send(b"!"), ReceiveCounted(1, 1, 4, 30 * SECOND_US)),
        b"\3",
        Result(Outcome.FAILED, 1, Cause.CAP, 3, outputs=(Output(1, b"\3"),)),
    ),
    "a cap below the count's bytes": (
        (ReceiveCounted(2, 0, 1, 0),),
        b"",
        Result(Outcome.FAILED, 0, Cause.CAP, outputs=(Output(0, b""),)),
    ),
    "until quiet": (
        (Send(b"!"), ReceiveUntilQuiet(300_000, 10, 30 * SECOND_US)),
        b"AB",
        Result(DONE, outputs=(Output(1, b"AB"),)),
    ),
    "until its cap": (
        (Send(b"!"), ReceiveUntilQuiet(30 * SECOND_US, 2, 30 * SECOND_US), Expect(0x43, 0)),
        b"ABC",
        Result(DONE, outputs=(Output(1, b"AB"),), arrivals=(Arrival(2, 0),)),
    ),
    "discard of nothing": ((Discard(1000, 5000),), b"", Result(DONE, outputs=(Output(0, bytes(4)),))),
    "discard counts": (
        (Send(b"!"), Discard(300_000, 30 * SECOND_US)),
        b"ABC",
        Result(DONE, outputs=(Output(1, b"\3\0\0\0"),)),
    ),
    "a UART setting that it lacks": (
        (Configure(UartSettings(data_bits=12)),),
        b"",
        Result(Outcome.FAILED, 0, Cause.UNSUPPORTED),
    ),
    "a step that is not understood stops the batch before it begins": (
        (Send(b"never"), UnknownStep(0xEE, b"abc")),
        b"",
        Result(Outcome.FAILED, 1, Cause.UNSUPPORTED),
    ),
    "an echo is swallowed exactly": (
        (Configure(UartSettings(echo=True)), Send(b"!"), Expect(ACK, 30 * SECOND_US)),
        b"!\x79",
        Result(DONE, arrivals=(Arrival(2, 0),)),
    ),
    "an echo that differs": (
        (Configure(UartSettings(echo=True)), Send(b"!")),
        b"X",
        Result(Outcome.FAILED, 1, Cause.ECHO, ord("X")),
    ),
    "an echo that does not come": (
        (Configure(UartSettings(echo=True)), Send(b"!")),
        b"",
        Result(Outcome.FAILED, 1, Cause.ECHO),
    ),
}
"""Steps, what the target says when it hears `!`, and what becomes of them."""


@pytest.mark.rule("R9", "R27", "R35", "R36", "R37", "R38", "R39", "R40", "R45")
@pytest.mark.parametrize("name", CASES)
async def test_a_step_does_what_it_says(name: str, bench: Bench, nursery: trio.Nursery) -> None:
    steps, reply, expected = CASES[name]

    async def reply_once() -> None:
        while await bench.hears(1) != b"!":
            pass
        bench.says(reply)

    nursery.start_soon(reply_once)
    assert timeless(await bench.execute(*steps)) == expected


@pytest.mark.rule("R36")
@pytest.mark.parametrize(
    "steps",
    [
        bytes.fromhex("09 0300 000000"),  # Wait with three bytes
        bytes.fromhex("0a 0900 00000000 08 00 01 00 00"),  # no baud
        bytes.fromhex("02 0a00 79 00000000 03 0000 0000"),  # no such on_silence
        bytes.fromhex("02 0a00 79 00000000 02 0100 0100"),  # a repeat to before the first step
        bytes.fromhex("04 0900 03 0000 0100 00000000"),  # a count of three bytes
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


async def test_sense_tells_the_levels_of_lines_that_it_can_read(bench: Bench) -> None:
    result = await bench.execute(Sense())
    (output,) = result.outputs
    mask, levels = output.data
    assert levels & ~mask == 0
    if mask & Line.NRST:
        assert levels & Line.NRST  # a new controller finds it released


@pytest.mark.rule("R35")
async def test_a_wait_takes_its_time_by_the_bridges_clock(bench: Bench) -> None:
    result = await bench.execute(Wait(30_000), Wait(20_000))
    assert result.ended_us - result.started_us >= 50_000


@pytest.mark.rule("R35")
async def test_a_send_is_done_when_its_last_stop_bit_has_left(bench: Bench) -> None:
    result = await bench.execute(Send(bytes(100)), Wait(1))
    assert result.ended_us - result.started_us >= 100 * 10 * SECOND_US // 115200


@pytest.mark.rule("R38")
async def test_silence_is_judged_at_its_time_and_not_earlier(bench: Bench) -> None:
    for step in (Expect(ACK, 40_000), Receive(1, 40_000), ReceiveCounted(1, 0, 9, 40_000)):
        result = await bench.execute(Send(b"x"), step)
        assert result.cause is Cause.SILENCE
        assert result.ended_us - result.started_us >= 40_000 + 10 * SECOND_US // 115200
    result = await bench.execute(Discard(40_000, SECOND_US), ReceiveUntilQuiet(10, 9, 30_000))
    assert result.ended_us - result.started_us >= 70_000


@pytest.mark.rule("R39")
async def test_a_step_that_runs_again_replaces_its_output_and_its_arrival(bench: Bench) -> None:
    steps = (
        Send(b"?"),
        Expect(1, 30 * SECOND_US),
        Receive(1, 30 * SECOND_US),
        Expect(ACK, 1000, on_silence=OnSilence.REPEAT, repeat_back=3, repeat_times=5),
    )
    peer = await bench.controller()
    await peer.send(BeginRun(1, Unclaimed.RESIDUE), BatchRequest(1, 0, Batch(steps)))
    for reply in (b"\x01A", b"\x01B\x79"):
        assert await bench.hears(1) == b"?"
        bench.says(reply)
    (result,) = await results(peer, 1)
    arrivals = (Arrival(1, 0), Arrival(3, 0))
    assert timeless(result) == Result(DONE, outputs=(Output(2, b"B"),), arrivals=arrivals)


async def test_a_uart_setting_is_taken(bench: Bench) -> None:
    """What a pty or an adapter makes of it is not this suite's; the target's end stays as it is."""
    even = UartSettings(115200, parity=Parity.EVEN)
    assert (await bench.execute(Configure(even), Configure(UartSettings()))).is_done
