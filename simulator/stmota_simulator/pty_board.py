"""What `stmota sim board` does: a virtual board's UART on a pty, in real time."""

import os
import pty
import sys
import termios
import tty
from collections.abc import Generator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import trio

from stmota_protocol.steps import Parity, UartSettings
from stmota_simulator.board import VirtualBoard
from stmota_simulator.board_order import BoardOrder
from stmota_simulator.chip import Boot
from stmota_simulator.port import VirtualPort
from stmota_simulator.until_signal import run_until_signal

READ_BYTES = 4096
"""A Linux tty's own buffer."""
OUTPUT_SPEED = 5
"""Index in what `tcgetattr` returns."""
BAUD_BY_CODE = {
    getattr(termios, name): int(name[1:]) for name in dir(termios) if name[0] == "B" and name[1:].isdigit()
}


def run_pty_board(order: BoardOrder, path: Path) -> None:
    """Serve until SIGINT or SIGTERM. Raises `SimulatorError` or OSError, said for people."""
    board = order.make(serial=str(path), boot0=True, carries_parity=False)
    with _pty_at(path) as (master, slave):
        run_until_signal(partial(_serve, board, path, master, slave))


@contextmanager
def _pty_at(path: Path) -> Generator[tuple[int, int], None, None]:
    """Open a pty in raw mode with a link to it at `path`.

    Our own end of the slave stays open, so that one tool after another can open and close it. Raises
    OSError when something is at `path` already; a link that leads nowhere is replaced.
    """
    master, slave = pty.openpty()
    try:
        tty.setraw(slave)
        os.set_blocking(master, False)
        if path.is_symlink() and not path.exists():
            path.unlink()
        _link(path, os.ttyname(slave))
        try:
            yield master, slave
        finally:
            path.unlink(missing_ok=True)
    finally:
        os.close(master)
        os.close(slave)


def _link(path: Path, target: str) -> None:
    try:
        path.symlink_to(target)
    except OSError as error:
        message = f"cannot make the link {path}: {error.strerror}"
        raise OSError(message) from error


async def _serve(board: VirtualBoard, path: Path, master: int, slave: int) -> None:
    port = VirtualPort(board)
    settings = _uart(slave)
    await port.configure(settings)
    board.chip.on_boot.append(_tell_boot)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_lead_to_host, port, master)
        await port.sleep_until(board.chip.rom.start_up_us)
        sys.stdout.write(f"{board.model.title} in its bootloader on {path}\n")
        sys.stdout.flush()
        await _lead_to_chip(port, master, slave, settings)


def _tell_boot(boot: Boot) -> None:
    """Say what was started; the application's own text may be lost when a tool flushes the pty."""
    by = "GO" if boot.by_go else "reset"
    sys.stdout.write(
        f"{boot.state.value} at 0x{boot.address:08X} by {by}: flash crc32 0x{boot.flash_crc32:08x}\n"
    )
    sys.stdout.flush()


async def _lead_to_chip(port: VirtualPort, master: int, slave: int, settings: UartSettings) -> None:
    """Put what a tool writes on the wire, at the baud that it set; the port has `settings` so far."""
    while True:
        await trio.lowlevel.wait_readable(master)
        data = os.read(master, READ_BYTES)
        if _uart(slave) != settings:
            settings = _uart(slave)
            await port.configure(settings)
        await port.write(data)


async def _lead_to_host(port: VirtualPort, master: int) -> None:
    """Hand what the host's UART receives to whoever reads the pty; what does not fit is lost."""
    while True:
        _, data = await port.read(None)
        try:
            os.write(master, data)
        except BlockingIOError:
            continue


def _uart(slave: int) -> UartSettings:
    """What the tty is set to. Frames have parity's length: the ROM wants it, and the tty cannot say."""
    code = termios.tcgetattr(slave)[OUTPUT_SPEED]
    return UartSettings(BAUD_BY_CODE.get(code, 115200) or 115200, parity=Parity.EVEN)
