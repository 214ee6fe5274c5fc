"""The virtual port joins an edge to a board, exactly on the virtual clock."""

import pytest
import trio
from trio.testing import MockClock

from board_rig import ROM_UART
from sample_images import boot_output, make_image
from stmota_edge.errors import PortUnsupported
from stmota_edge.executor import AsyncExecutor
from stmota_protocol.steps import (
    Arrival,
    Batch,
    Configure,
    Expect,
    Line,
    LineErrors,
    OnSilence,
    Outcome,
    Receive,
    Rs485,
    Send,
    SetLines,
    UartSettings,
    Wait,
)
from stmota_simulator.boards import make_board
from stmota_simulator.chip import State
from stmota_simulator.faults import Faults
from stmota_simulator.port import VirtualPort

IMAGE = make_image(text="port", heartbeat_ms=1000)
ENTER = (
    Configure(ROM_UART),
    SetLines.of(nrst=False, boot0=True),
    Wait(10_000),
    SetLines.of(nrst=True),
    Wait(2_000),
    Send(b"\x7f"),
    Expect(0x79, 5_000),
)


async def entered(**options: object) -> tuple[VirtualPort, AsyncExecutor]:
    port = VirtualPort(make_board("F103xB", image=IMAGE, **options))  # type: ignore[arg-type]
    executor = AsyncExecutor(port)
    result = await executor.execute(Batch(ENTER))
    assert result.outcome is Outcome.DONE
    assert result.arrivals == (Arrival(6, 12_000 + 96 + 300 + 96),)
    return port, executor


async def test_a_batch_ends_at_the_very_microsecond_of_the_last_byte(autojump_clock: MockClock) -> None:
    port, executor = await entered()
    began_us = port.now_us()

    result = await executor.execute(Batch((Send(b"\x02\xfd"), Expect(0x79, 1_000), Receive(4, 1_000))))

    assert result.outputs[0].data == bytes.fromhex("01041079")
    assert result.ended_us - began_us == 191 + 20 + 478  # two bytes, the reaction, five bytes
    assert port.now_us() == result.ended_us


async def test_waiting_for_a_long_erase_takes_few_wake_ups(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    board = make_board("F407")
    next_output_us = board.next_output_us
    asked = 0

    def counting() -> int | None:
        nonlocal asked
        asked += 1
        return next_output_us()

    monkeypatch.setattr(board, "next_output_us", counting)
    executor = AsyncExecutor(VirtualPort(board))
    await executor.execute(Batch((*ENTER[:4], Wait(100_000), *ENTER[5:])))
    await executor.execute(Batch((Send(b"\x44\xbb"), Expect(0x79, 1_000))))
    asked = 0

    result = await executor.execute(Batch((Send(b"\xff\xff\x00"), Expect(0x79, 20_000_000))))

    assert result.outcome is Outcome.DONE
    assert result.ended_us - result.started_us == 287 + 20 + 16_000_000 + 96
    assert asked <= 3


async def test_reading_long_replies_wakes_for_full_fifos_not_for_bytes(autojump_clock: MockClock) -> None:
    port, _ = await entered()
    for packet in (b"\x11\xee", b"\x08\x00\x00\x00\x08"):
        await port.write(packet)
        await port.read(None)
    await port.write(b"\xff\x00")

    chunks = [await port.read(None) for _ in range(4)]

    assert [len(data) for _, data in chunks] == [1, 120, 120, 16]
    assert b"".join(data for _, data in chunks) == b"\x79" + IMAGE[:256]
    assert chunks[2][0] - chunks[1][0] == 11_459  # when the first byte of each was complete


async def test_the_console_arrives_while_nobody_sends(autojump_clock: MockClock) -> None:
    port = VirtualPort(make_board("F103xB", image=IMAGE))

    at_us, text = await port.read(None)
    assert (at_us, text) == (1_000 + 87, boot_output(IMAGE, "port", 128 * 1024))
    beat = [await port.read(None) for _ in range(2)]
    assert beat == [(1_000_000 + 87, b"u"), (1_000_000 + 174, b"p 1 s\r\n")]
    assert await port.read(port.now_us() + 500) == (port.now_us(), b"")


async def test_a_read_in_the_past_polls_once(autojump_clock: MockClock) -> None:
    port = VirtualPort(make_board("F103xB"))

    assert await port.read(0) == (0, b"")
    assert port.now_us() == 0


async def test_a_cancelled_read_loses_no_byte(autojump_clock: MockClock) -> None:
    port = VirtualPort(make_board("F103xB", image=IMAGE))

    with trio.move_on_after(0.0012) as cut:  # in the middle of the third byte
        await port.read(None)
    assert cut.cancelled_caught

    assert await port.read(None) == (1_087, b"po")
    assert await port.read(None) == (1_261, boot_output(IMAGE, "port", 128 * 1024)[2:])


async def test_a_reader_that_waits_for_ever_hears_a_board_that_is_switched_on(
    autojump_clock: MockClock,
) -> None:
    board = make_board("F103xB", image=IMAGE)
    board.power_off(0)
    port = VirtualPort(board)
    got: list[bytes] = []

    async def read() -> None:
        got.append((await port.read(None))[1])

    async with trio.open_nursery() as nursery:
        nursery.start_soon(read)
        await trio.sleep(5)
        board.power_on(port.now_us())

    assert got == [boot_output(IMAGE, "port", 128 * 1024)]


async def test_a_turnaround_delays_what_is_read_and_not_its_time(autojump_clock: MockClock) -> None:
    port = VirtualPort(make_board("F103xB", image=IMAGE), turnaround_us=1_000)

    at_us, text = await port.read(None)

    assert at_us == 1_087
    assert port.now_us() == 1_000 + UartSettings().wire_time_us(len(text)) + 1_000


async def test_an_aborted_batch_takes_back_what_was_not_sent(autojump_clock: MockClock) -> None:
    port, executor = await entered()

    async def abort_soon() -> None:
        await trio.sleep(0.001)
        executor.abort()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(abort_soon)
        result = await executor.execute(Batch((Send(bytes(1000)), Wait(0))))

    assert result.outcome is Outcome.ABORTED
    sent_by_us = port.sent_by_us()
    assert sent_by_us is not None
    assert result.ended_us <= sent_by_us <= result.ended_us + 96


async def test_silence_repeats_as_the_step_says(autojump_clock: MockClock) -> None:
    port = VirtualPort(make_board("F103xB", faults=Faults(is_unpowered=True)))
    send = (Send(b"\x7f"), Expect(0x79, 50_000, on_silence=OnSilence.REPEAT, repeat_back=1, repeat_times=4))

    result = await AsyncExecutor(port, ROM_UART).execute(Batch((Configure(ROM_UART), *send)))

    assert result.outcome is Outcome.FAILED
    assert result.ended_us == 5 * (96 + 50_000)


async def test_line_errors_are_counted_once(autojump_clock: MockClock) -> None:
    port = VirtualPort(make_board("F103xB", image=IMAGE))
    await port.configure(UartSettings(57_600))

    await port.read(None)
    await port.read(500_000)
    first, second = port.take_errors(), port.take_errors()

    assert first.framing > 0
    assert second == LineErrors()


async def test_what_a_virtual_board_lacks_is_refused(autojump_clock: MockClock) -> None:
    port = VirtualPort(make_board("F103xB"))

    with pytest.raises(PortUnsupported):
        await port.set_lines(Line.SPARE1, Line.SPARE1)
    with pytest.raises(PortUnsupported):
        await port.configure(UartSettings(rs485=Rs485.DRIVE_HIGH))
    with pytest.raises(PortUnsupported):
        await port.configure(UartSettings(echo=True))


async def test_closing_leaves_the_lines_safe(autojump_clock: MockClock) -> None:
    port, _ = await entered()
    await port.set_lines(Line.NRST, Line(0))

    await port.aclose()

    assert port.board.state is State.APPLICATION


async def test_two_runs_of_the_same_calls_give_the_same_times_and_bytes(autojump_clock: MockClock) -> None:
    async def run() -> list[tuple[int, bytes]]:
        faults = Faults(seed=3)
        port = VirtualPort(make_board("F103xB", image=IMAGE, faults=faults))
        return [await port.read(None) for _ in range(5)]

    assert await run() == await run()
