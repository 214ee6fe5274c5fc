"""RTS as an RS-485 direction line, at a pty whose modem lines are played."""

import fcntl
import os
import pty
import struct
import tty
from collections.abc import Generator

import pytest
import serial

from stmota_edge.direction_line import TIOCSERGETLSR, TIOCSRS485
from stmota_edge.errors import PortUnsupported
from stmota_edge.executor import AsyncExecutor
from stmota_edge.posix_port import PosixPort
from stmota_edge.wiring import Wiring
from stmota_protocol.steps import Batch, Configure, Rs485, Send, UartSettings

HIGH, LOW = UartSettings(rs485=Rs485.DRIVE_HIGH), UartSettings(rs485=Rs485.DRIVE_LOW)


class Modem:
    """What is done to a port that has RTS and, if told so, a driver that knows RS-485."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, far: int, *, knows_rs485: bool) -> None:
        self.told: list[tuple[int, ...]] = []
        self.seen: list[str] = []
        self.far = far
        ioctl = fcntl.ioctl

        def played(fd: int, request: int, argument: bytes = b"") -> object:
            if request == TIOCSRS485:
                if not knows_rs485:
                    raise OSError(25, "Inappropriate ioctl for device")
                self.told.append(struct.unpack("8I", argument))
                return argument
            if request == TIOCSERGETLSR:
                return (1).to_bytes(4, "little")
            return ioctl(fd, request, argument)

        def set_rts(port: serial.Serial) -> None:
            self.seen.append("RTS on" if port.rts else "RTS off")

        write = os.write

        def written(fd: int, data: bytes) -> int:
            self.seen.append("bytes")
            return write(fd, data)

        monkeypatch.setattr(fcntl, "ioctl", played)
        monkeypatch.setattr(serial.Serial, "_update_rts_state", set_rts)
        monkeypatch.setattr(os, "write", written)


@pytest.fixture
def line() -> Generator[tuple[int, str], None, None]:
    far, near = pty.openpty()
    tty.setraw(near)
    yield far, os.ttyname(near)
    os.close(far)
    os.close(near)


@pytest.mark.parametrize(
    ("settings", "flags"),
    [
        (HIGH, 0b00011),
        (LOW, 0b00101),
        (UartSettings(rs485=Rs485.DRIVE_HIGH, echo=True), 0b10011),
    ],
)
async def test_the_kernel_turns_the_line_where_its_driver_can(
    settings: UartSettings, flags: int, line: tuple[int, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    modem = Modem(monkeypatch, line[0], knows_rs485=True)
    port = PosixPort(line[1])
    modem.seen.clear()
    await port.configure(settings)
    await port.write(b"x")
    await port.configure(UartSettings())
    await port.aclose()
    assert modem.told == [(flags, *[0] * 7), (0,) * 8]
    assert modem.seen == ["bytes"]


@pytest.mark.parametrize(("settings", "on", "off"), [(HIGH, "RTS on", "RTS off"), (LOW, "RTS off", "RTS on")])
async def test_else_rts_is_held_while_the_bytes_leave(
    settings: UartSettings, on: str, off: str, line: tuple[int, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    modem = Modem(monkeypatch, line[0], knows_rs485=False)
    executor = AsyncExecutor(PosixPort(line[1]))
    modem.seen.clear()
    assert (await executor.execute(Batch((Configure(settings), Send(b"abc"))))).is_done
    assert modem.seen == [off, on, "bytes", off]
    assert os.read(line[0], 10) == b"abc"
    await executor.aclose()


async def test_rts_that_drives_nrst_is_no_direction_line(
    line: tuple[int, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    modem = Modem(monkeypatch, line[0], knows_rs485=True)
    port = PosixPort(line[1], Wiring.parse("rts", None))
    with pytest.raises(PortUnsupported, match="RTS drives reset or boot0"):
        await port.configure(HIGH)
    assert modem.told == []
    await port.aclose()
