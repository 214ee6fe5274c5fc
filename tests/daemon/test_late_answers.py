"""A serial port behind a network, as `socket://` is: answers come a round trip late, and nobody may tell."""

import pytest
import trio
from trio.testing import MockClock

from lab import LinkBoard, RecordingReport
from sample_images import make_image
from stmota_daemon.flash import flash
from stmota_daemon.serial_link import open_serial_link
from stmota_edge.errors import PortFailed
from stmota_edge.executor import AsyncExecutor
from stmota_edge.port import AsyncPort
from stmota_protocol import an3155
from stmota_protocol.api import FlashFile, FlashOptions
from stmota_protocol.steps import Line, LineErrors, UartSettings
from stmota_simulator.board import VirtualBoard
from stmota_simulator.boards import make_board
from stmota_simulator.link import LinkConditions
from stmota_simulator.link_end import LinkEnd, simulated_link
from stmota_simulator.port import VirtualPort

FLASH = FlashOptions(files=(FlashFile(firmware="", filename="fw.bin"),))
ROM = an3155.rom_uart(115200)
IMAGE = make_image(3000)


class SocketPort(AsyncPort):
    """A port that carries bytes over a stream and knows neither lines nor settings of the far end."""

    lines = Line(0)

    def __init__(self, stream: LinkEnd) -> None:
        self._stream = stream
        self._start_s = trio.current_time()

    def now_us(self) -> int:
        return round((trio.current_time() - self._start_s) * 1e6)

    async def write(self, data: bytes) -> None:
        await self._stream.send_all(data)

    async def drain(self) -> None:
        await trio.lowlevel.checkpoint()

    async def read(self, until_us: int | None) -> tuple[int, bytes]:
        await trio.lowlevel.checkpoint()
        within_s = float("inf") if until_us is None else max((until_us - self.now_us()) / 1e6, 0)
        with trio.move_on_after(within_s):
            data = bytes(await self._stream.receive_some())
            if not data:
                raise PortFailed
            return self.now_us(), data
        return self.now_us(), b""

    async def sleep_until(self, until_us: int) -> None:
        await trio.sleep_until(self._start_s + until_us / 1e6)

    async def set_lines(self, mask: Line, levels: Line) -> None:
        raise NotImplementedError

    async def sense(self) -> tuple[Line, Line]:
        raise NotImplementedError

    async def configure(self, settings: UartSettings) -> None:
        await trio.lowlevel.checkpoint()

    def take_errors(self) -> LineErrors:
        return LineErrors()

    async def aclose(self) -> None:
        await self._stream.aclose()


class MeasuredExecutor(AsyncExecutor):
    """One whose port could measure its round trip."""

    delay_us = 0

    @property
    def answer_delay_us(self) -> int:
        return self.delay_us


async def serve_uart(board: VirtualBoard, stream: LinkEnd) -> None:
    """A serial server, fixed at the bootloader's settings."""
    port = VirtualPort(board)
    await port.configure(ROM)

    async def to_board(nursery: trio.Nursery) -> None:
        async for data in stream:
            await port.write(bytes(data))
        nursery.cancel_scope.cancel()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(to_board, nursery)
        while True:
            await stream.send_all((await port.read(None))[1])


async def flash_over_socket(rtt_ms: float, measured_us: int) -> tuple[VirtualBoard, RecordingReport]:
    board, report = make_board("F103xB", boot0=True), RecordingReport()
    near, far = simulated_link(LinkConditions.of(rtt_ms=rtt_ms, jitter_ms=rtt_ms / 20))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve_uart, board, far)
        executor = MeasuredExecutor(SocketPort(near))
        executor.delay_us = measured_us
        async with open_serial_link(executor, name="socket", console=ROM) as link:
            lab = LinkBoard(link)
            lab.console = ROM
            await flash(lab, report, [IMAGE], FLASH)
        nursery.cancel_scope.cancel()
    return board, report


@pytest.mark.parametrize("rtt_ms", [0, 19, 50, 180])
@pytest.mark.parametrize("is_measured", [True, False], ids=["measured", "unknown"])
async def test_a_port_behind_a_round_trip_is_synced_and_flashed(
    rtt_ms: int, is_measured: bool, autojump_clock: MockClock
) -> None:
    board, report = await flash_over_socket(rtt_ms, round(rtt_ms * 1100) if is_measured else 0)
    assert board.flash[: len(IMAGE)] == IMAGE
    assert not any("reset the board" in note for note in report.notes)
    assert report.notes == [] or not is_measured


async def test_a_known_round_trip_needs_no_second_attempt(autojump_clock: MockClock) -> None:
    began_s = trio.current_time()
    await flash_over_socket(50, 55_000)
    known_s, began_s = trio.current_time() - began_s, trio.current_time()
    await flash_over_socket(50, 0)
    assert known_s < trio.current_time() - began_s
