"""What every step means, at a scripted port on the virtual clock, times to the microsecond."""

from collections.abc import Callable

import pytest
from trio.testing import MockClock

from scripted_port import ACK, Reply, silent
from step_bench import BYTE_US, NACK, execute, says
from stmota_protocol.steps import (
    Arrival,
    Cause,
    Discard,
    Expect,
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
    UnknownStep,
    Wait,
)

DONE, FAILED = Outcome.DONE, Outcome.FAILED
SILENCE = Cause.SILENCE
CASES: dict[str, tuple[tuple[Step, ...], Callable[[bytes], Reply], Result]] = {
    "a batch without steps is done": ((), silent, Result(DONE)),
    "a send is done when its last stop bit has left": (
        (Send(b"abc"),),
        silent,
        Result(DONE, ended_us=3 * BYTE_US),
    ),
    "two sends follow back to back": (
        (Send(b"abc"), Send(b"de")),
        silent,
        Result(DONE, ended_us=5 * BYTE_US),
    ),
    "an empty send sends nothing": ((Send(b""),), silent, Result(DONE)),
    "the good byte goes on": (
        (Send(b"a"), Expect(ACK, 1000)),
        says((50, b"\x79")),
        Result(DONE, ended_us=150, arrivals=(Arrival(1, 150),)),
    ),
    "a time that follows a send counts from its end": (
        (Send(b"abc"), Expect(ACK, 1000)),
        says((1000, b"\x79")),
        Result(DONE, ended_us=1300, arrivals=(Arrival(1, 1300),)),
    ),
    "silence fails, a microsecond late": (
        (Send(b"abc"), Expect(ACK, 1000)),
        says((1001, b"\x79")),
        Result(FAILED, 1, SILENCE, ended_us=1300),
    ),
    "another byte fails and is told": (
        (Send(b"a"), Expect(ACK, 1000)),
        says((50, b"\x1f")),
        Result(FAILED, 1, Cause.WRONG_BYTE, NACK, ended_us=150),
    ),
    "a skippable byte is passed over, the time runs on": (
        (Send(b"a"), Expect(ACK, 1000, skip=b"\x00")),
        says((50, b"\x00"), (1000, b"\x79")),
        Result(DONE, ended_us=1100, arrivals=(Arrival(1, 1100),)),
    ),
    "a skippable byte does not prolong the time": (
        (Send(b"a"), Expect(ACK, 1000, skip=b"\x00")),
        says((999, b"\x00"), (1001, b"\x79")),
        Result(FAILED, 1, SILENCE, ended_us=1100),
    ),
    "a byte that is good and skippable is good": (
        (Send(b"a"), Expect(ACK, 1000, skip=b"\x79")),
        says((50, b"\x79")),
        Result(DONE, ended_us=150, arrivals=(Arrival(1, 150),)),
    ),
    "silence may go on": (
        (Expect(ACK, 1000, on_silence=OnSilence.GO_ON), Wait(5)),
        silent,
        Result(DONE, ended_us=1005),
    ),
    "silence may repeat, and then fails": (
        (Send(b"a"), Expect(ACK, 1000, on_silence=OnSilence.REPEAT, repeat_back=1, repeat_times=2)),
        silent,
        Result(FAILED, 1, SILENCE, ended_us=3300),
    ),
    "bytes of one chunk arrive one byte time apart": (
        (Send(b"a"), Wait(1000), Expect(ACK, 1), Expect(NACK, 1)),
        says((50, b"\x79\x1f")),
        Result(DONE, ended_us=1100, arrivals=(Arrival(2, 150), Arrival(3, 250))),
    ),
    "receive takes exactly its bytes": (
        (Send(b"a"), Receive(3, 1000), Expect(0x44, 1000)),
        says((10, b"AB"), (20, b"CD")),
        Result(DONE, ended_us=120, outputs=(Output(1, b"ABC"),), arrivals=(Arrival(2, 120),)),
    ),
    "receive that is cut short fails and gives what came": (
        (Send(b"a"), Receive(3, 1000)),
        says((10, b"AB"), (1001, b"C")),
        Result(FAILED, 1, SILENCE, ended_us=1100, outputs=(Output(1, b"AB"),)),
    ),
    "a count of one byte": (
        (Send(b"a"), ReceiveCounted(1, extra=1, cap=100, within_us=1000)),
        says((10, b"\x02abc")),
        Result(DONE, ended_us=110, outputs=(Output(1, b"\x02abc"),)),
    ),
    "a count of two bytes is big-endian": (
        (Send(b"a"), ReceiveCounted(2, extra=0, cap=100, within_us=1000)),
        says((10, b"\x00\x03abc")),
        Result(DONE, ended_us=110, outputs=(Output(1, b"\x00\x03abc"),)),
    ),
    "a count up to the cap is received": (
        (Send(b"a"), ReceiveCounted(1, extra=1, cap=5, within_us=1000)),
        says((10, b"\x03abcd")),
        Result(DONE, ended_us=110, outputs=(Output(1, b"\x03abcd"),)),
    ),
    "a count beyond the cap fails before its bytes are read": (
        (Send(b"a"), ReceiveCounted(1, extra=1, cap=4, within_us=1000)),
        says((10, b"\x03")),
        Result(FAILED, 1, Cause.CAP, 3, ended_us=110, outputs=(Output(1, b"\x03"),)),
    ),
    "a counted reply that is cut short fails and gives what came": (
        (Send(b"a"), ReceiveCounted(1, extra=0, cap=9, within_us=1000)),
        says((10, b"\x03a")),
        Result(FAILED, 1, SILENCE, ended_us=1100, outputs=(Output(1, b"\x03a"),)),
    ),
    "until quiet": (
        (Send(b"a"), ReceiveUntilQuiet(quiet_us=100, cap=10, within_us=5000)),
        says((10, b"A"), (100, b"B"), (250, b"C")),
        Result(DONE, ended_us=300, outputs=(Output(1, b"AB"),)),
    ),
    "until quiet waits for its first byte as long as it may": (
        (Send(b"a"), ReceiveUntilQuiet(quiet_us=100, cap=10, within_us=5000)),
        says((4000, b"A")),
        Result(DONE, ended_us=4200, outputs=(Output(1, b"A"),)),
    ),
    "until quiet stops at its cap": (
        (Send(b"a"), ReceiveUntilQuiet(quiet_us=100, cap=2, within_us=5000), Expect(0x43, 0)),
        says((10, b"ABC")),
        Result(DONE, ended_us=110, outputs=(Output(1, b"AB"),), arrivals=(Arrival(2, 110),)),
    ),
    "until quiet stops at its time": (
        (Send(b"a"), ReceiveUntilQuiet(quiet_us=100, cap=10, within_us=200)),
        says((150, b"A"), (190, b"B"), (210, b"C")),
        Result(DONE, ended_us=300, outputs=(Output(1, b"AB"),)),
    ),
    "until quiet without a byte is an empty output": (
        (ReceiveUntilQuiet(quiet_us=100, cap=10, within_us=200),),
        silent,
        Result(DONE, ended_us=200, outputs=(Output(0, b""),)),
    ),
    "discard counts what it drops": (
        (Send(b"a"), Discard(quiet_us=100, within_us=5000)),
        says((10, b"AB"), (90, b"C"), (200, b"D")),
        Result(DONE, ended_us=290, outputs=(Output(1, b"\x03\0\0\0"),)),
    ),
    "discard of nothing is quiet at once": (
        (Discard(quiet_us=100, within_us=5000),),
        silent,
        Result(DONE, ended_us=100, outputs=(Output(0, bytes(4)),)),
    ),
    "discard stops at its time": (
        (Send(b"a"), Discard(quiet_us=100, within_us=150)),
        says((80, b"A"), (140, b"B"), (160, b"C")),
        Result(DONE, ended_us=250, outputs=(Output(1, b"\x02\0\0\0"),)),
    ),
    "what comes during a wait stays": (
        (Send(b"a"), Wait(1000), Receive(2, 0)),
        says((10, b"A"), (900, b"B")),
        Result(DONE, ended_us=1100, outputs=(Output(2, b"AB"),)),
    ),
    "a wait counts from the end of what was sent": (
        (Send(b"ab"), Wait(10)),
        silent,
        Result(DONE, ended_us=210),
    ),
    "sense gives the readable lines and their levels": (
        (SetLines.of(nrst=False, boot0=True), Sense()),
        silent,
        Result(DONE, outputs=(Output(1, b"\x2f\x22"),)),
    ),
    "a step that is not understood fails its batch before it begins": (
        (Send(b"a"), UnknownStep(0xEE, b"")),
        silent,
        Result(FAILED, 1, Cause.UNSUPPORTED),
    ),
}


@pytest.mark.parametrize("knows_ahead", [False, True], ids=["drains", "reckons"])
@pytest.mark.parametrize("name", CASES)
async def test_a_step_does_what_it_says(name: str, knows_ahead: bool, autojump_clock: MockClock) -> None:
    steps, target, expected = CASES[name]
    result, _ = await execute(*steps, target=target, knows_ahead=knows_ahead)
    assert result == expected
