"""What is sent after an erase went wrong: nothing that the ROM could take for pages, least of all for all.

ERASE (0x43) takes a count of 0xFF with the checksum 0x00 for a global erase, EXTENDED ERASE (0x44) 0xFFFF to
0xFFFD (AN3155 §3.7, §3.8). A ROM that did not get all of a command's arguments takes whatever comes next.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock

from lab import LabBridge, RecordingReport, linked_board
from sample_images import make_image
from stmota_daemon.entry import Asking, into_bootloader
from stmota_daemon.flash import flash
from stmota_daemon.work import WorkFailed
from stmota_protocol import an3155
from stmota_protocol.api import FlashFile, FlashOptions, ProblemCode
from stmota_protocol.steps import Line, Send, Step
from stmota_simulator.board import LINES, VirtualBoard
from stmota_simulator.boards import make_board
from stmota_simulator.faults import ByteFault, ByteFaultKind, Direction, Faults

FLASH = FlashOptions(files=(FlashFile(firmware="", filename="fw.bin"),))
OLD, NEW = make_image(6000, seed=1), make_image(3000, seed=2)
ERASE_OPENINGS = (b"\x43\xbc", b"\x44\xbb")


class Wire:
    """What a bridge did at its port, in order: bytes sent, or the line NRST."""

    def __init__(self, bridge: LabBridge) -> None:
        self.events: list[bytes | str] = []
        self.notes: list[str] = []
        """What the job said."""
        self.before_erase: tuple[int, int] | None = None
        """Bytes to the chip and from it before the first erase's opening."""
        self._sent = self._received = 0
        port = bridge.port
        self._write, self._read, self._set_lines = port.write, port.read, port.set_lines
        port.write, port.read, port.set_lines = self._on_write, self._on_read, self._on_lines  # type: ignore[method-assign]

    async def _on_write(self, data: bytes) -> None:
        self.events.append(data)
        if data in ERASE_OPENINGS and self.before_erase is None:
            self.before_erase = (self._sent, self._received)
        self._sent += len(data)
        await self._write(data)

    async def _on_read(self, until_us: int | None) -> tuple[int, bytes]:
        at_us, data = await self._read(until_us)
        self._received += len(data)
        return at_us, data

    async def _on_lines(self, mask: Line, levels: Line) -> None:
        if mask & Line.NRST:
            self.events.append("NRST high" if levels & Line.NRST else "NRST low")
        await self._set_lines(mask, levels)

    def after_erases(self) -> list[list[bytes | str]]:
        """For each erase what came after its opening, up to the next erase."""
        starts = [at for at, event in enumerate(self.events) if event in ERASE_OPENINGS]
        return [self.events[a + 1 : b] for a, b in zip(starts, [*starts[1:], None], strict=True)]


async def flash_with(
    chip: str, lines: Line, fault: ByteFault | None = None
) -> tuple[VirtualBoard, Wire, WorkFailed | None]:
    """Flash NEW over OLD, on a board that needs no BOOT0 line if there is no reset."""
    faults = Faults(bytes=(fault,) if fault else ())
    board = make_board(chip, image=OLD, faults=faults, boot0=Line.NRST not in lines)
    async with linked_board(board, lines=lines) as (lab, bridge):
        wire = Wire(bridge)
        report = RecordingReport()
        wire.notes = report.notes
        try:
            await flash(lab, report, [NEW], FLASH)
        except WorkFailed as failed:
            return board, wire, failed
    return board, wire, None


@pytest.mark.parametrize("kind", list(ByteFaultKind))
@pytest.mark.parametrize("chip", ["F103xB", "F407"])
async def test_after_half_an_erase_nothing_is_sent_before_the_reset(
    chip: str, kind: ByteFaultKind, autojump_clock: MockClock
) -> None:
    _, faultless, _ = await flash_with(chip, LINES)
    assert faultless.before_erase is not None
    to_chip, to_host = faultless.before_erase
    faults = [ByteFault(kind, Direction.TO_CHIP, to_chip + number) for number in range(1, 6)]
    faults += [ByteFault(kind, Direction.TO_HOST, to_host + number) for number in (1, 2)]
    failed_erases = 0
    for fault in faults:
        board, wire, _ = await flash_with(chip, LINES, fault)
        assert board.counters.mass_erases == 0
        assert board.flash[: len(NEW)] == NEW
        trouble = next(note for note in wire.notes if "resetting the chip" in note)
        if "ERASE" in trouble:
            failed_erases += 1
            sent = next(sent for sent in wire.after_erases() if "NRST low" in sent)
            assert sent.index("NRST low") <= 1  # the arguments, if their turn came
    # A stray 0x00 before the arguments makes other ones, as good, and trouble later.
    assert failed_erases >= len(faults) - 3


@pytest.mark.parametrize("kind", [ByteFaultKind.DROP, ByteFaultKind.CORRUPT])
async def test_without_nrst_nothing_at_all_is_sent_after_half_an_erase_and_the_person_is_asked(
    kind: ByteFaultKind, autojump_clock: MockClock
) -> None:
    _, faultless, _ = await flash_with("F103xB", Line.BOOT0)
    assert faultless.before_erase is not None
    fault = ByteFault(kind, Direction.TO_CHIP, faultless.before_erase[0] + 4)
    board, wire, failed = await flash_with("F103xB", Line.BOOT0, fault)
    (sent,) = wire.after_erases()
    assert len(sent) == 1  # the arguments, and nothing behind them
    assert failed is not None
    assert failed.problem.code is ProblemCode.FAILED
    assert "no NRST line to end it safely" in failed.problem.message
    assert "power-cycle the board by hand" in (failed.problem.remedy or "")
    assert board.counters.mass_erases == 0


def sent_by(steps: tuple[Step, ...]) -> bytes:
    return b"".join(step.data for step in steps if isinstance(step, Send))


@given(
    lines=st.sampled_from([Line(0), Line.NRST, Line.BOOT0, LINES]),
    repeats=st.integers(0, 200),
    every_us=st.integers(20_000, 1_000_000),
)
def test_what_is_sent_to_get_back_in_step_is_no_argument_of_a_global_erase(
    lines: Line, repeats: int, every_us: int
) -> None:
    entering = into_bootloader(lines, an3155.rom_uart(115200), Asking(repeats, every_us))
    sent = sent_by(entering.steps) * (repeats + 1) + sent_by(an3155.realign())
    assert 0xFF not in sent
    assert b"\xff\x00" not in sent


def test_by_hand_so_few_sync_bytes_are_sent_that_they_are_no_whole_argument_of_an_erase() -> None:
    by_hand = Asking.spread(30_000_000, 250_000).repeats + 1
    quick = 5 + 1
    # The first 0x7F says that 128 pages follow; the checksum over 129 times 0x7F is 0x7F.
    assert quick + by_hand < 1 + 128 + 1
