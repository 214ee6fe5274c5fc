"""The virtual board in C beside the Python one, its original: the same bytes at the same microseconds."""

import subprocess
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path

import pytest

from board_rig import address, block, packet
from sample_images import boot_output, make_image
from simulated_chips import board_of
from stmota_protocol.steps import Line, Parity, UartSettings
from stmota_simulator.board import LINES, VirtualBoard
from stmota_simulator.board_file import NotInC, board_lines
from stmota_simulator.boards import make_board

ROOT = Path(__file__).parents[2] / "bridge_firmware"
SOURCES = (ROOT / "host_test" / "virtual_tool.c", *sorted((ROOT / "host").glob("virtual_*.c")))
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


@pytest.fixture
def boards(build: Callable[..., Path], tmp_path: Path) -> Generator[Callable[..., Both], None, None]:
    """`boards(chip, image)`: the two, in their bootloaders."""
    program = build("virtual_tool", *SOURCES)
    started: list[subprocess.Popen[str]] = []

    def make(chip: str, image: bytes = b"") -> Both:
        board = board_of(chip, serial="twin", image=image)
        described = tmp_path / "board.txt"
        described.write_text("".join(f"{line}\n" for line in board_lines(board)), encoding="ascii")
        process = subprocess.Popen(
            [program, described],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        both = Both(board, InC(process), UartSettings(BAUDS[chip]))
        both.enter()
        return both

    yield make
    for process in started:
        _, said = process.communicate()
        assert (process.returncode, said) == (0, "")


@pytest.mark.parametrize("chip", CHIPS)
def test_identification_and_facts_are_the_same(chip: str, boards: Callable[..., Both]) -> None:
    both = boards(chip)
    both.command(b"\x00\xff", b"\x01\xfe", b"\x02\xfd", b"\x00\xfe", b"\x44\x44", b"\xa1\x5e")
    model = both.python.model
    for where in (model.flash_size_register, model.unique_id_register, model.options.areas[0][0]):
        both.read(where, 4)
    if model.bootloader_id_register is not None:
        both.read(model.bootloader_id_register, 1)
    both.read(FLASH + model.flash.size - 2, 2)
    both.command(b"\x11\xee", address(0x9000_0000))
    both.command(b"\x11\xee", address(FLASH), b"\x00\x00")
    both.command(b"\x11\xee", address(FLASH + model.flash.size - 2), b"\x03\xfc")
    both.command(b"\x11\xee", b"\x08\x00\x00\x00\x00")


@pytest.mark.parametrize("chip", CHIPS)
def test_blocks_are_written_read_and_refused_alike(chip: str, boards: Callable[..., Both]) -> None:
    both = boards(chip)
    data = bytes(range(256))
    assert both.write(FLASH + 0x100, data) == [b"\x79"] * 3
    assert both.read(FLASH + 0x100, 256)[2] == b"\x79" + data
    both.write(FLASH + 0x180, b"\x0f" * 256)  # half of it is programmed already
    both.write(FLASH + 0x100, bytes(64))
    both.write(FLASH + 0x400, b"\xff" * 32)
    both.write(FLASH + 0x400, b"\x55" * 32)
    both.write(FLASH + 0x500, b"\x01\x02\x03")  # no whole unit
    both.write(FLASH + both.python.memory.flash.size - 32, bytes(64))  # beyond the end
    both.same_flash()
    both.write(FLASH + 0x601, bytes(8))  # misaligned: later ones fail
    both.write(FLASH + 0x700, bytes(8))
    both.command(b"\x31\xce", address(FLASH), b"\x01\x02\x03\x04")
    both.same_flash()


@pytest.mark.parametrize("chip", CHIPS)
def test_ram_is_written_where_the_rom_does_not_use_it(chip: str, boards: Callable[..., Both]) -> None:
    both = boards(chip)
    for area in both.python.model.ram:
        for start in (area.first, area.last - 7, area.last - 3):
            both.write(start, b"12345678")
            both.read(start, 4)


@pytest.mark.parametrize("chip", CHIPS)
def test_units_are_erased_alike_and_can_be_written_again(chip: str, boards: Callable[..., Both]) -> None:
    image = bytes(range(1, 256)) * 40
    both = boards(chip, image)
    both.write(FLASH, b"\xf0" * 64)
    both.erase(0, 2)
    both.write(FLASH, b"\xf0" * 64)
    both.erase(1, 60_000 if both.python.chip.rom.has_extended_erase else 250)
    both.command(b"\x43\xbc", b"\x00\x00\x00")
    both.same_flash()


@pytest.mark.parametrize("chip", CHIPS)
def test_special_erases_are_alike(chip: str, boards: Callable[..., Both]) -> None:
    both = boards(chip, b"old" * 3000)
    if both.python.chip.rom.has_extended_erase:
        for code in (b"\xff\xf0\x0f", b"\xff\xfd\x02", b"\xff\xfe\x01", b"\xff\xff\x01", b"\xff\xff\x00"):
            both.command(b"\x44\xbb", code, within_us=60 * SECOND_US)
            both.command(b"\x02\xfd")
    else:
        both.command(b"\x43\xbc", b"\xff", b"\x01")
        both.command(b"\x43\xbc", b"\xff", b"\x00")
    both.same_flash()


@pytest.mark.parametrize("chip", CHIPS)
def test_a_block_that_comes_while_flash_is_programmed_is_lost(chip: str, boards: Callable[..., Both]) -> None:
    both = boards(chip)
    both.command(b"\x31\xce", address(FLASH))
    both.send(block(b"\xa5" * 256))
    both.send(b"\x31\xce" + address(FLASH + 256))  # the chip is deaf: one byte stays, the rest is overrun
    both.hear()
    both.ask(b"\x00")
    both.ask(b"\x02\xfd")
    both.same_flash()


@pytest.mark.parametrize("chip", CHIPS)
def test_a_reset_in_the_middle_leaves_what_was_programmed_by_then(
    chip: str, boards: Callable[..., Both]
) -> None:
    both = boards(chip)
    both.command(b"\x31\xce", address(FLASH))
    both.send(block(b"\xa5" * 256))
    both.now_us += 1_000
    both.enter()
    both.same_flash()


@pytest.mark.parametrize("chip", CHIPS)
def test_an_image_starts_after_a_reset_and_by_go(chip: str, boards: Callable[..., Both]) -> None:
    image = make_image(2048, text="twins")
    both = boards(chip, image)
    if both.ask(b"\x21\xde") == b"":
        assert chip == "H743"  # its ROM lacks the first ACK of GO
    both.send(address(FLASH))
    assert both.hear(500) == b"\x79"  # before the application's first bit, which is set differently
    both.listen(UartSettings(115_200))
    both.hear(3 * SECOND_US)
    both.reset(boot0=False)
    said = both.hear(3 * SECOND_US)
    assert boot_output(image, "twins", both.python.memory.flash.size) in said


def test_a_board_that_c_cannot_be_is_refused() -> None:
    with pytest.raises(NotInC, match="L071: the virtual board in C has no rows of flash; use the Python one"):
        list(board_lines(make_board("L071")))
