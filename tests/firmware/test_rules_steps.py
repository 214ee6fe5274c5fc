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
FAILED = Outcome.FAILED
HEARD = Expect(ACK, 30 * SECOND_US)
"""The target's reply is here; what follows it in one go is, too, within `SOON_US`."""
SOON_US = 20_000
"""Longer than any adapter keeps bytes back (FTDI's latency timer: 16 ms)."""
LONG_TEXT = b"!" + bytes(range(1, 200)) * 19
"""A third of a second on the wire at 115200 baud: time for the far end to begin its echo."""
ECHO = Configure(UartSettings(echo=True))

rule = pytest.mark.rule
Case = tuple[tuple[Step, ...], bytes, Result]


def case(
    name: str,
    rules: pytest.MarkDecorator,
    *,
    steps: tuple[Step, ...],
    reply: bytes = b"",
    becomes: Result,
) -> object:
    """Steps, what the target says when it hears `!`, what becomes of them, and the rules that say so."""
    return pytest.param((steps, reply, becomes), id=name, marks=rules)


CASES = [
    case("a batch without steps is done", rule("R27"), steps=(), becomes=Result(DONE)),
    case(
        "a skippable byte is passed over",
        rule("R38"),
        steps=(Send(b"!"), Expect(ACK, 30 * SECOND_US, skip=bytes(range(16)))),
        reply=b"\0\x0f\x79",
        becomes=Result(DONE, arrivals=(Arrival(1, 0),)),
    ),
    case(
        "a byte that is not",
        rule("R37", "R38"),
        steps=(Send(b"!"), Expect(ACK, 30 * SECOND_US, skip=b"\0")),
        reply=b"\0\x1f",
        becomes=Result(FAILED, 1, Cause.WRONG_BYTE, 0x1F),
    ),
    case(
        "silence fails",
        rule("R38"),
        steps=(Send(b"!"), Expect(ACK, 1000, on_silence=OnSilence.FAIL)),
        becomes=Result(FAILED, 1, Cause.SILENCE),
    ),
    case(
        "silence may go on",
        rule("R38"),
        steps=(Send(b"!"), Expect(ACK, 1000, on_silence=OnSilence.GO_ON), Wait(1)),
        becomes=Result(DONE),
    ),
    case(
        "exactly its bytes",
        rule("R32", "R35"),
        steps=(Send(b"!"), Receive(3, 30 * SECOND_US), Receive(1, 30 * SECOND_US), Wait(SOON_US)),
        reply=b"ABCDE",
        becomes=Result(DONE, outputs=(Output(1, b"ABC"), Output(2, b"D")), residue=b"E"),
    ),
    case(
        "receive that is cut short gives what came",
        rule("R37"),
        steps=(Send(b"!"), HEARD, Receive(3, SOON_US)),
        reply=b"\x79AB",
        becomes=Result(FAILED, 2, Cause.SILENCE, outputs=(Output(2, b"AB"),), arrivals=(Arrival(1, 0),)),
    ),
    case(
        "a count of two bytes is big-endian",
        rule("R27"),
        steps=(Send(b"!"), ReceiveCounted(2, 1, 100, 30 * SECOND_US)),
        reply=b"\0\2abc",
        becomes=Result(DONE, outputs=(Output(1, b"\0\2abc"),)),
    ),
    case(
        "a count beyond the cap",
        rule("R37"),
        steps=(Send(b"!"), ReceiveCounted(1, 1, 4, 30 * SECOND_US)),
        reply=b"\3",
        becomes=Result(FAILED, 1, Cause.CAP, 3, outputs=(Output(1, b"\3"),)),
    ),
    case(
        "a cap below the count's bytes",
        rule("R37"),
        steps=(ReceiveCounted(2, 0, 1, 0),),
        becomes=Result(FAILED, 0, Cause.CAP, outputs=(Output(0, b""),)),
    ),
    case(
        "until quiet",
        rule("R27"),
        steps=(Send(b"!"), ReceiveUntilQuiet(SOON_US, 10, 30 * SECOND_US)),
        reply=b"AB",
        becomes=Result(DONE, outputs=(Output(1, b"AB"),)),
    ),
    case(
        "until its cap",
        rule("R27", "R35"),
        steps=(
            Send(b"!"),
            ReceiveUntilQuiet(30 * SECOND_US, 2, 30 * SECOND_US),
            Wait(SOON_US),
            Expect(0x43, 0),
        ),
        reply=b"ABC",
        becomes=Result(DONE, outputs=(Output(1, b"AB"),), arrivals=(Arrival(3, 0),)),
    ),
    case(
        "nothing until the time is over",
        rule("R27"),
        steps=(ReceiveUntilQuiet(1, 10, 1000),),
        becomes=Result(DONE, outputs=(Output(0, b""),)),
    ),
    case(
        "discard of nothing",
        rule("R27"),
        steps=(Discard(1000, 5000),),
        becomes=Result(DONE, outputs=(Output(0, bytes(4)),)),
    ),
    case(
        "discard counts",
        rule("R27"),
        steps=(Send(b"!"), HEARD, Discard(SOON_US, 30 * SECOND_US)),
        reply=b"\x79ABC",
        becomes=Result(DONE, outputs=(Output(2, b"\3\0\0\0"),), arrivals=(Arrival(1, 0),)),
    ),
    case(
        "a UART setting that it lacks",
        rule("R37"),
        steps=(Configure(UartSettings(data_bits=12)),),
        becomes=Result(FAILED, 0, Cause.UNSUPPORTED),
    ),
    case(
        "a step that is not understood stops the batch before it begins",
        rule("R9", "R36"),
        steps=(Send(b"!"), UnknownStep(0xEE, b"abc")),
        becomes=Result(FAILED, 1, Cause.UNSUPPORTED),
    ),
    case(
        "an echo is swallowed exactly",
        rule("R40"),
        steps=(ECHO, Send(LONG_TEXT), HEARD),
        reply=LONG_TEXT + b"\x79",
        becomes=Result(DONE, arrivals=(Arrival(2, 0),)),
    ),
    case(
        "an echo that differs",
        rule("R40"),
        steps=(ECHO, Send(LONG_TEXT)),
        reply=LONG_TEXT[:100] + b"\xff",
        becomes=Result(FAILED, 1, Cause.ECHO, 0xFF),
    ),
    case(
        "an echo that does not come",
        rule("R40"),
        steps=(ECHO, Send(b"!")),
        becomes=Result(FAILED, 1, Cause.ECHO),
    ),
]


@pytest.mark.parametrize("given", CASES)
async def test_a_step_does_what_it_says(given: Case, bench: Bench, nursery: trio.Nursery) -> None:
    steps, reply, expected = given

    async def reply_once() -> None:
        await bench.hears_until(b"!")
        await bench.tells(reply)

    nursery.start_soon(reply_once)
    assert timeless(await bench.execute(*steps)) == expected


@pytest.mark.rule("R35")
async def test_what_comes_while_no_step_reads_waits_for_one_that_does(
    bench: Bench, nursery: trio.Nursery
) -> None:
    async def reply() -> None:
        await bench.hears_until(b"!")
        bench.says(b"\x79ABC")

    nursery.start_soon(reply)
    others = (Wait(SOON_US), Sense(), Configure(UartSettings()), SetLines(Line(0), Line(0)), Send(b"."))
    result = await bench.execute(Send(b"!"), HEARD, *others, Receive(3, 0))
    assert (result.is_done, result.output(2 + len(others)), result.residue) == (True, b"ABC", b"")


@pytest.mark.rule("R39")
async def test_a_repeat_is_done_so_many_times_and_then_silence_fails(bench: Bench) -> None:
    repeating = Expect(ACK, 1, on_silence=OnSilence.REPEAT, repeat_back=2, repeat_times=3)
    result = await bench.execute(Send(b"."), Send(b"?"), Wait(1), repeating)
    assert timeless(result) == Result(FAILED, 3, Cause.SILENCE)
    assert (await bench.execute(Send(b"end"))).is_done
    assert await bench.hears_until(b"end") == b".????end"


@pytest.mark.rule("R40")
async def test_an_echo_is_waited_for_50_ms_from_the_last_stop_bit(bench: Bench) -> None:
    result = await bench.execute(ECHO, Send(bytes(100)))
    assert (result.cause, result.got) == (Cause.ECHO, None)
    assert result.ended_us - result.started_us >= 50_000 + 100 * 10 * SECOND_US // 115200


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
