"""What every step means, at a scripted port on the virtual clock, times to the microsecond."""

from collections.abc import Callable

import pytest
import trio
from trio.testing import MockClock

from scripted_port import Reply, ScriptedPort, silent
from stmota_edge.effects import Received
from stmota_edge.executor import AsyncExecutor
from stmota_protocol.steps import (
    Arrival,
    Batch,
    Cause,
    Configure,
    Discard,
    Expect,
    Line,
    LineErrors,
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
    UnknownStep,
    Wait,
)

ACK, NACK = 0x79, 0x1F
ECHOING = UartSettings(baud=100_000, echo=True)
BYTE_US = 100
"""At 100000 baud 8N1."""


def says(*replies: tuple[int, bytes]) -> Callable[[bytes], Reply]:
    return lambda _: list(replies)


async def execute(
    *steps: Step, target: Callable[[bytes], Reply] = silent, knows_ahead: bool = False
) -> tuple[Result, ScriptedPort]:
    port = ScriptedPort(target, knows_ahead=knows_ahead)
    port.settings = UartSettings(baud=100_000)
    executor = AsyncExecutor(port, port.settings)
    return await executor.execute(Batch(steps)), port


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


async def test_a_step_that_runs_again_replaces_its_output_and_its_arrival(autojump_clock: MockClock) -> None:
    answers = iter([b"\x01A", b"\x01B\x79"])
    result, port = await execute(
        Send(b"?"),
        Expect(0x01, 1000),
        Receive(1, 1000),
        Expect(ACK, 100, on_silence=OnSilence.REPEAT, repeat_back=3, repeat_times=5),
        target=lambda _: [(10, next(answers))],
    )
    assert result == Result(
        DONE, ended_us=320, outputs=(Output(2, b"B"),), arrivals=(Arrival(1, 320), Arrival(3, 320))
    )
    assert [entry for _, entry in port.log] == [b"?", b"?"]


async def test_what_came_before_a_batch_and_is_left_at_its_end_is_nobodys(autojump_clock: MockClock) -> None:
    port = ScriptedPort(says((10, b"\x79late")))
    executor = AsyncExecutor(port)
    port.arrives(0, b"early")
    result = await executor.execute(Batch((Send(b"a"), Expect(ACK, 1000))))
    assert result.is_done
    assert executor.take_unclaimed() == [Received(0, b"early"), Received(97 + 87, b"late")]
    assert executor.take_unclaimed() == []


async def test_lines_are_driven_once_what_was_sent_has_left(autojump_clock: MockClock) -> None:
    result, port = await execute(Send(b"ab"), SetLines.of(nrst=False), Wait(7), SetLines.of(nrst=True))
    assert result == Result(DONE, ended_us=207)
    assert port.log == [(0, b"ab"), (200, (Line.NRST, Line(0))), (207, (Line.NRST, Line.NRST))]


async def test_a_line_that_is_not_there_fails_the_batch(autojump_clock: MockClock) -> None:
    port = ScriptedPort(lines=Line.NRST)
    result = await AsyncExecutor(port).execute(Batch((Wait(1), SetLines.of(boot0=True))))
    assert result == Result(FAILED, 1, Cause.UNSUPPORTED, ended_us=1)
    assert port.log == []


async def test_configure_waits_for_the_transmitter_and_keeps_what_was_received(
    autojump_clock: MockClock,
) -> None:
    settings = UartSettings(baud=50_000, parity=Parity.EVEN)
    result, port = await execute(
        Send(b"a"), Wait(100), Configure(settings), Receive(2, 0), Send(b"b"), target=says((10, b"AB"))
    )
    assert port.log == [(0, b"a"), (200, settings), (200, b"b")]
    assert result == Result(DONE, ended_us=200 + settings.wire_time_us(1), outputs=(Output(3, b"AB"),))


async def test_settings_that_the_port_lacks_fail_the_batch_and_change_nothing(
    autojump_clock: MockClock,
) -> None:
    port = ScriptedPort(unsupported_baud=9600)
    executor = AsyncExecutor(port)
    lacking = Batch((Configure(UartSettings(baud=9600)),))
    assert await executor.execute(lacking) == Result(FAILED, 0, Cause.UNSUPPORTED)
    assert port.settings == UartSettings()


async def test_an_echo_is_swallowed_exactly(autojump_clock: MockClock) -> None:
    def echoing(data: bytes) -> Reply:
        return [(0, data), (50, b"\x79")]

    result, _ = await execute(Configure(ECHOING), Send(b"\x7f"), Expect(ACK, 1000), target=echoing)
    assert result == Result(DONE, ended_us=150, arrivals=(Arrival(2, 150),))


async def test_an_echo_that_differs_fails_the_batch(autojump_clock: MockClock) -> None:
    result, _ = await execute(Configure(ECHOING), Send(b"abc"), target=says((0, b"abX")))
    assert result == Result(FAILED, 1, Cause.ECHO, ord("X"), ended_us=300)


async def test_an_echo_that_does_not_come_fails_the_batch(autojump_clock: MockClock) -> None:
    result, _ = await execute(Configure(ECHOING), Send(b"abc"), target=says((0, b"ab")))
    assert result == Result(FAILED, 1, Cause.ECHO, ended_us=50_300)


async def test_what_came_before_a_send_is_no_echo(autojump_clock: MockClock) -> None:
    replies = iter([[(0, b"a"), (10, b"A")], [(0, b"b")]])
    result, _ = await execute(
        Configure(ECHOING), Send(b"a"), Wait(100), Send(b"b"), Receive(1, 0), target=lambda _: next(replies)
    )
    assert result == Result(DONE, ended_us=300, outputs=(Output(4, b"A"),))


async def test_line_errors_are_those_of_the_batch(autojump_clock: MockClock) -> None:
    port = ScriptedPort()
    executor = AsyncExecutor(port)
    port.errors = LineErrors(parity=9)

    def garbles(_: bytes) -> Reply:
        port.errors = LineErrors(parity=1, framing=2, overrun=3)
        return []

    port.target = garbles
    result = await executor.execute(Batch((Send(b"a"),)))
    assert result.errors == LineErrors(parity=1, framing=2, overrun=3)


@pytest.mark.parametrize("knows_ahead", [False, True])
@pytest.mark.parametrize(
    ("step", "outputs"),
    [
        (Wait(10_000_000), ()),
        (Expect(ACK, 10_000_000, skip=b"A"), ()),
        (Receive(9, 10_000_000), (Output(1, b"A"),)),
        (ReceiveUntilQuiet(10_000_000, 9, 10_000_000), (Output(1, b"A"),)),
        (Discard(10_000_000, 10_000_000), (Output(1, b"\x01\0\0\0"),)),
        (Send(bytes(100_000)), ()),
    ],
    ids=lambda value: type(value).__name__,
)
async def test_an_abort_ends_the_batch_wherever_it_waits(
    step: Step, outputs: tuple[Output, ...], knows_ahead: bool, autojump_clock: MockClock
) -> None:
    port = ScriptedPort(lambda sent: [(10, b"A")] if sent == b"a" else [], knows_ahead=knows_ahead)
    executor = AsyncExecutor(port)
    results: list[Result] = []

    async def run() -> None:
        results.append(await executor.execute(Batch((Send(b"a"), step, Send(b"never")))))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(run)
        await trio.sleep(1)
        executor.abort()
    failed_step = 2 if isinstance(step, Send) else 1
    expected = Result(Outcome.ABORTED, failed_step, ended_us=1_000_000, outputs=outputs)
    assert results == [expected]
    assert port.log[-1] == (1_000_000, "drop unsent")


async def test_an_abort_without_a_batch_does_nothing(autojump_clock: MockClock) -> None:
    port = ScriptedPort(says((10, b"\x79")))
    executor = AsyncExecutor(port)
    executor.abort()
    first = await executor.execute(Batch((Send(b"a"), Expect(ACK, 1000))))
    executor.abort()
    second = await executor.execute(Batch((Send(b"a"), Expect(ACK, 1000))))
    assert first.is_done
    assert second.is_done


@pytest.mark.parametrize("step", [Send(b"a"), Expect(ACK, 9), Wait(1), Sense(), SetLines.of(nrst=True)])
async def test_a_port_that_fails_fails_the_batch(step: Step, autojump_clock: MockClock) -> None:
    port = ScriptedPort()
    port.fail()
    result = await AsyncExecutor(port).execute(Batch((step,)))
    assert result == Result(FAILED, 0, Cause.PORT)


async def test_a_port_that_fails_in_the_middle_leaves_what_came(autojump_clock: MockClock) -> None:
    port = ScriptedPort(says((10, b"AB")))
    async with trio.open_nursery() as nursery:

        async def unplug() -> None:
            await trio.sleep(0.5)
            port.fail()

        nursery.start_soon(unplug)
        result = await AsyncExecutor(port).execute(Batch((Send(b"a"), Receive(3, 1_000_000))))
    assert result == Result(FAILED, 1, Cause.PORT, ended_us=500_000, outputs=(Output(1, b"AB"),))


async def test_a_flood_of_skippable_bytes_does_not_hold_an_expect_for_ever(autojump_clock: MockClock) -> None:
    port = ScriptedPort()

    async def always_more(until_us: int | None) -> tuple[int, bytes]:
        await trio.sleep(0.001)
        return port.now_us(), bytes(16) if until_us else b""

    port.read = always_more  # type: ignore[method-assign]  # a line stuck low
    result = await AsyncExecutor(port).execute(Batch((Expect(ACK, 100_000, skip=b"\0"),)))
    assert result.cause is Cause.SILENCE
    assert 100_000 <= result.ended_us <= 103_000
    result = await AsyncExecutor(port).execute(Batch((Discard(50_000, 100_000),)))
    assert result.is_done
