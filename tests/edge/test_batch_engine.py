"""A batch as a whole at a scripted port: what is left over, echoes, aborts, and ports that fail."""

import pytest
import trio
from trio.testing import MockClock

from scripted_port import ACK, Reply, ScriptedPort
from step_bench import execute, says
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
    ReceiveUntilQuiet,
    Result,
    Send,
    Sense,
    SetLines,
    Step,
    UartSettings,
    Wait,
)

ECHOING = UartSettings(baud=100_000, echo=True)


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
        Outcome.DONE, ended_us=320, outputs=(Output(2, b"B"),), arrivals=(Arrival(1, 320), Arrival(3, 320))
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
    assert result == Result(Outcome.DONE, ended_us=207)
    assert port.log == [(0, b"ab"), (200, (Line.NRST, Line(0))), (207, (Line.NRST, Line.NRST))]


async def test_a_line_that_is_not_there_fails_the_batch(autojump_clock: MockClock) -> None:
    port = ScriptedPort(lines=Line.NRST)
    result = await AsyncExecutor(port).execute(Batch((Wait(1), SetLines.of(boot0=True))))
    assert result == Result(Outcome.FAILED, 1, Cause.UNSUPPORTED, ended_us=1)
    assert port.log == []


async def test_configure_waits_for_the_transmitter_and_keeps_what_was_received(
    autojump_clock: MockClock,
) -> None:
    settings = UartSettings(baud=50_000, parity=Parity.EVEN)
    result, port = await execute(
        Send(b"a"), Wait(100), Configure(settings), Receive(2, 0), Send(b"b"), target=says((10, b"AB"))
    )
    assert port.log == [(0, b"a"), (200, settings), (200, b"b")]
    assert result == Result(
        Outcome.DONE, ended_us=200 + settings.wire_time_us(1), outputs=(Output(3, b"AB"),)
    )


async def test_settings_that_the_port_lacks_fail_the_batch_and_change_nothing(
    autojump_clock: MockClock,
) -> None:
    port = ScriptedPort(unsupported_baud=9600)
    executor = AsyncExecutor(port)
    lacking = Batch((Configure(UartSettings(baud=9600)),))
    assert await executor.execute(lacking) == Result(Outcome.FAILED, 0, Cause.UNSUPPORTED)
    assert port.settings == UartSettings()


async def test_an_echo_is_swallowed_exactly(autojump_clock: MockClock) -> None:
    def echoing(data: bytes) -> Reply:
        return [(0, data), (50, b"\x79")]

    result, _ = await execute(Configure(ECHOING), Send(b"\x7f"), Expect(ACK, 1000), target=echoing)
    assert result == Result(Outcome.DONE, ended_us=150, arrivals=(Arrival(2, 150),))


async def test_an_echo_that_differs_fails_the_batch(autojump_clock: MockClock) -> None:
    result, _ = await execute(Configure(ECHOING), Send(b"abc"), target=says((0, b"abX")))
    assert result == Result(Outcome.FAILED, 1, Cause.ECHO, ord("X"), ended_us=300)


async def test_an_echo_that_does_not_come_fails_the_batch(autojump_clock: MockClock) -> None:
    result, _ = await execute(Configure(ECHOING), Send(b"abc"), target=says((0, b"ab")))
    assert result == Result(Outcome.FAILED, 1, Cause.ECHO, ended_us=50_300)


async def test_what_came_before_a_send_is_no_echo(autojump_clock: MockClock) -> None:
    replies = iter([[(0, b"a"), (10, b"A")], [(0, b"b")]])
    result, _ = await execute(
        Configure(ECHOING), Send(b"a"), Wait(100), Send(b"b"), Receive(1, 0), target=lambda _: next(replies)
    )
    assert result == Result(Outcome.DONE, ended_us=300, outputs=(Output(4, b"A"),))


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
    assert result == Result(Outcome.FAILED, 0, Cause.PORT)


async def test_a_port_that_fails_in_the_middle_leaves_what_came(autojump_clock: MockClock) -> None:
    port = ScriptedPort(says((10, b"AB")))
    async with trio.open_nursery() as nursery:

        async def unplug() -> None:
            await trio.sleep(0.5)
            port.fail()

        nursery.start_soon(unplug)
        result = await AsyncExecutor(port).execute(Batch((Send(b"a"), Receive(3, 1_000_000))))
    assert result == Result(Outcome.FAILED, 1, Cause.PORT, ended_us=500_000, outputs=(Output(1, b"AB"),))


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
