"""The virtual board in C beside the Python one, its original, at one host: every answer is the same."""

import subprocess
from dataclasses import dataclass

from board_rig import address, block, packet
from stmota_protocol.steps import Line, Parity, UartSettings
from stmota_simulator.board import LINES, VirtualBoard

CHIPS = ("F103xB", "G431", "G071", "H743", "F303xC")
FLASH = 0x0800_0000
SECOND_US = 1_000_000
BAUDS = {"F103xB": 115_200, "G431": 921_600, "G071": 460_800, "H743": 921_600, "F303xC": 230_400}


class InC:
    """The board in C, with what `Both` needs of a `VirtualBoard`."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def ask(self, line: str) -> str:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        return self._process.stdout.readline().rstrip("\n")

    def heard(self, to_us: int) -> list[tuple[int, str]]:
        words = self.ask(f"hear {to_us}").split()
        return [(int(at), data) for at, data in zip(words[::2], words[1::2], strict=True)]


@dataclass
class Both:
    """A host at two boards at once; every answer has to be the same."""

    python: VirtualBoard
    c: InC
    uart: UartSettings
    now_us: int = 0

    def lines(self, *, nrst: bool, boot0: bool) -> None:
        levels = (Line.NRST if nrst else Line(0)) | (Line.BOOT0 if boot0 else Line(0))
        self.python.set_lines(LINES, levels, self.now_us)
        assert self.c.ask(f"lines {self.now_us} {int(nrst)} {int(boot0)}") == "ok"

    def reset(self, *, boot0: bool) -> None:
        self.lines(nrst=False, boot0=boot0)
        self.now_us += 10_000
        self.lines(nrst=True, boot0=boot0)

    def listen(self, uart: UartSettings) -> None:
        self.uart = uart
        self.python.listen(uart, self.now_us)
        assert self.c.ask(f"listen {self.now_us} {uart.baud} {int(uart.parity)}") == "ok"

    def send(self, data: bytes) -> None:
        end_us = self.python.transmit(data, self.now_us, self.uart)
        command = f"send {self.now_us} {self.uart.baud} {int(self.uart.parity)} {data.hex()}"
        assert int(self.c.ask(command)) == end_us
        self.now_us = end_us

    def hear(self, within_us: int = SECOND_US) -> bytes:
        """What comes within a time, the same from both, complete at the same time."""
        self.now_us += within_us
        runs = self.python.received(self.now_us)
        heard = b"".join(run.data for run in runs)
        pieces = self.c.heard(self.now_us)
        assert "".join(data for _, data in pieces) == heard.hex()
        if runs:
            assert pieces[0][0] == runs[0].first_us
        return heard

    def ask(self, data: bytes, within_us: int = SECOND_US) -> bytes:
        self.send(data)
        return self.hear(within_us)

    def ask_c(self, data: bytes, within_us: int = SECOND_US) -> bytes:
        """Ask the one in C alone; the Python one's time goes on."""
        end_us = self.c.ask(f"send {self.now_us} {self.uart.baud} {int(self.uart.parity)} {data.hex()}")
        self.now_us = int(end_us) + within_us
        assert not self.python.received(self.now_us)
        return bytes.fromhex("".join(data for _, data in self.c.heard(self.now_us)))

    def command(self, *parts: bytes, within_us: int = SECOND_US) -> list[bytes]:
        return [self.ask(part, within_us) for part in parts]

    def enter(self) -> None:
        self.listen(UartSettings(self.uart.baud, parity=Parity.EVEN))
        self.reset(boot0=True)
        self.now_us += SECOND_US
        assert self.ask(b"\x7f") == b"\x79"

    def write(self, start: int, data: bytes) -> list[bytes]:
        return self.command(b"\x31\xce", address(start), block(data))

    def read(self, start: int, length: int) -> list[bytes]:
        return self.command(b"\x11\xee", address(start), bytes([length - 1, length - 1 ^ 0xFF]))

    def erase(self, *units: int) -> list[bytes]:
        if not self.python.chip.rom.has_extended_erase:
            return self.command(b"\x43\xbc", packet(len(units) - 1, *units))
        numbers = b"".join(unit.to_bytes(2, "big") for unit in units)
        listed = packet(*(len(units) - 1).to_bytes(2, "big"), *numbers)
        return self.command(b"\x44\xbb", listed, within_us=20 * SECOND_US)

    def same_flash(self) -> bytes:
        *counted, content = self.c.ask("flash").split()
        found = self.python.counters
        assert [int(word) for word in counted] == [
            found.unit_erases,
            found.mass_erases,
            found.programs_refused,
            found.double_programs,
            self.python.uart.overruns,
        ]
        assert content == self.python.flash.hex()
        return self.python.flash
