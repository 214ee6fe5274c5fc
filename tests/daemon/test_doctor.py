"""The doctor at virtual boards: for each wrong wire the one it names, and boards that are right."""

import pytest
import trio
import trio.testing

from lab import LabBridge, RecordingReport, linked_board
from sample_images import make_image
from stmota_daemon.doctor import doctor
from stmota_daemon.doctor_evidence import Answer, Evidence
from stmota_daemon.doctor_verdict import verdict
from stmota_daemon.work import WorkFailed
from stmota_protocol.api import DoctorReport, ProblemCode
from stmota_protocol.heard import heard_text
from stmota_protocol.steps import Line
from stmota_simulator.board import LINES, VirtualBoard
from stmota_simulator.boards import make_board
from stmota_simulator.chip import State
from stmota_simulator.fault_syntax import parse_faults

TALKING = make_image(1000, text="hello lab")
SILENT = make_image(1000).replace(b"STMOTA BOOT TEXT", b"nothing to print")
NO_LINES = Line(0)


def board_with(
    *faults: str, image: bytes = TALKING, chip: str = "F103xB", boot0: bool = False
) -> VirtualBoard:
    return make_board(chip, image=image, faults=parse_faults(faults), boot0=boot0)


async def examined(
    board: VirtualBoard, lines: Line = LINES, report: RecordingReport | None = None
) -> DoctorReport:
    async with linked_board(board, lines=lines) as (lab, _):
        return await doctor(lab, report or RecordingReport())


def checks_of(found: DoctorReport) -> dict[str, bool | None]:
    return {check.name: check.ok for check in found.checks}


@pytest.mark.parametrize("chip", ["F103xB", "F407", "G071", "L071", "L476", "H743"])
async def test_a_healthy_board_is_right_in_everything_and_left_running(
    chip: str, autojump_clock: trio.testing.MockClock
) -> None:
    board = make_board(chip, image=TALKING, option_bits={"nBOOT_SEL": 0} if chip == "G071" else {})
    found = await examined(board)
    assert found.healthy
    assert (found.verdict, found.suspects, found.problem) == ("the wiring is right", (), None)
    assert set(checks_of(found).values()) == {True}
    assert found.left_running
    assert board.state is State.APPLICATION
    assert board.flash[: len(TALKING)] == TALKING
    assert board.counters.unit_erases == board.counters.mass_erases == 0


async def test_a_healthy_board_whose_application_is_silent_is_right(
    autojump_clock: trio.testing.MockClock,
) -> None:
    found = await examined(board_with(image=SILENT))
    assert found.healthy
    assert checks_of(found)["application"] is None
    assert checks_of(found)["BOOT0"] is True
    assert checks_of(found)["NRST"] is True


FAULTS = [
    ("tx-unwired", ("TX",), "TX does not reach the chip's bootloader RX"),
    ("rx-unwired", ("RX", "TX", "BOOT0", "NRST"), "RX is not wired to the chip's TX; TX and RX are swapped"),
    ("rx-tx-swapped", ("RX", "TX", "BOOT0", "NRST"), "TX and RX are swapped"),
    ("nrst-unwired", ("NRST",), "NRST does not reach the chip"),
    ("nrst-low", ("NRST",), "something else holds the chip in reset"),
    ("boot0-unwired", ("BOOT0",), "BOOT0 does not reach the chip, or the chip ignores it"),
    ("boot0-high", ("BOOT0",), "BOOT0 does not follow the bridge, and is high"),
    ("tx-rx-shorted", ("TX", "RX"), "its TX and RX touch"),
    ("echoes", ("TX", "RX"), "a half-duplex (RS-485) line"),
    ("unpowered", ("supply", "ground"), "the board has no supply"),
    ("rx-low", ("RX",), "a short to ground, or inverted (RS-232) levels"),
    ("parity-lost", ("parity", "TX", "ground"), "does not send parity"),
]


@pytest.mark.parametrize(("fault", "suspects", "said"), FAULTS)
async def test_a_wrong_wire_is_named_and_the_board_left_running(
    fault: str, suspects: tuple[str, ...], said: str, autojump_clock: trio.testing.MockClock
) -> None:
    board = board_with(fault)
    found = await examined(board)
    assert not found.healthy
    assert found.suspects == suspects
    assert said in found.verdict
    assert found.remedies
    assert found.problem is not None
    assert found.problem.code is ProblemCode.WIRING
    assert found.problem.message == f"look at {', '.join(suspects)}: {found.verdict}"
    left = {"unpowered": State.OFF, "nrst-low": State.RESET, "boot0-high": State.BOOTLOADER}
    assert board.state is left.get(fault, State.APPLICATION)
    assert board.flash[: len(TALKING)] == TALKING


@pytest.mark.parametrize(
    "fault", ["tx-unwired", "rx-unwired", "rx-tx-swapped", "boot0-unwired", "nrst-unwired"]
)
async def test_where_the_application_is_silent_faults_that_look_the_same_are_named_together(
    fault: str, autojump_clock: trio.testing.MockClock
) -> None:
    found = await examined(board_with(fault, image=SILENT))
    assert found.suspects == ("RX", "TX", "BOOT0", "NRST")
    assert "From here these look the same" in found.verdict
    assert checks_of(found)["bootloader"] is False


async def test_nrst_that_does_not_reach_a_chip_in_its_bootloader_is_found_there(
    autojump_clock: trio.testing.MockClock,
) -> None:
    found = await examined(board_with("nrst-unwired", boot0=True))
    assert found.suspects == ("NRST",)
    assert "the bootloader answers while NRST is driven low" in found.verdict


async def test_noise_on_the_line_is_no_answer(autojump_clock: trio.testing.MockClock) -> None:
    found = await examined(board_with("corrupt-to-host=0.999", image=SILENT))
    assert found.suspects == ("RX", "ground", "baud")
    assert "bytes come that are no answer" in found.verdict


async def test_with_nrst_only_a_board_in_its_application_shows_reset_and_rx(
    autojump_clock: trio.testing.MockClock,
) -> None:
    board = board_with()
    found = await examined(board, lines=Line.NRST)
    assert found.healthy
    assert "reset and RX are right" in found.verdict
    assert "this bridge has no BOOT0 line" in found.verdict
    assert checks_of(found) | {"NRST": True, "application": True, "BOOT0": None} == checks_of(found)
    assert board.state is State.APPLICATION


async def test_with_nrst_only_and_boot0_high_by_hand_all_but_boot0_is_seen_to_be_right(
    autojump_clock: trio.testing.MockClock,
) -> None:
    found = await examined(board_with(boot0=True), lines=Line.NRST)
    assert found.healthy
    assert found.verdict == "the wiring is right, as far as it is there: BOOT0 is not driven by this bridge"
    assert checks_of(found) | {"NRST": True, "parity": True, "bootloader": True} == checks_of(found)


class Asked(RecordingReport):
    """Tells when a person is asked to do something."""

    def __init__(self) -> None:
        super().__init__()
        self.is_asked = trio.Event()

    def note(self, text: str, *, warning: bool = False) -> None:
        super().note(text, warning=warning)
        if "reset the board now" in text:
            self.is_asked.set()


async def press_reset(bridge: LabBridge, report: Asked) -> None:
    """A person resets the board once asked to."""
    await report.is_asked.wait()
    await trio.sleep(2)
    now_us = bridge.port.now_us()
    bridge.board.set_lines(Line.NRST, Line(0), now_us)
    bridge.board.set_lines(Line.NRST, Line.NRST, now_us + 1000)


@pytest.mark.parametrize(("lines", "boot0"), [(Line.BOOT0, False), (NO_LINES, True)])
async def test_without_nrst_a_person_is_asked_to_reset_and_go_starts_the_application(
    lines: Line, boot0: bool, autojump_clock: trio.testing.MockClock
) -> None:
    board = board_with(image=SILENT)
    report = Asked()
    async with linked_board(board, lines=lines) as (lab, bridge), trio.open_nursery() as nursery:
        board.set_lines(Line.BOOT0, Line.BOOT0 if boot0 else Line(0), 0)
        nursery.start_soon(press_reset, bridge, report)
        found = await doctor(lab, report)
    assert found.healthy
    assert "NRST is not driven by this bridge" in found.verdict
    assert checks_of(found)["NRST"] is None
    assert checks_of(found)["echo"] is True
    assert checks_of(found)["parity"] is True
    assert found.left_running
    assert board.boots[-1].by_go


async def test_without_nrst_and_without_a_person_it_says_what_was_not_done(
    autojump_clock: trio.testing.MockClock,
) -> None:
    board = board_with(image=SILENT)
    found = await examined(board, lines=NO_LINES)
    assert found.suspects == ("RX", "TX", "BOOT0")
    assert "the board was not reset with BOOT0 high" in found.verdict
    assert board.state is State.APPLICATION
    assert found.left_running


async def test_an_empty_chip_that_starts_its_rom_by_itself_is_not_blamed_on_boot0(
    autojump_clock: trio.testing.MockClock,
) -> None:
    found = await examined(make_board("F042"))
    assert found.healthy
    assert "flash is empty, so that this chip starts its ROM whatever BOOT0 is" in found.verdict


async def test_a_read_protected_chip_is_as_healthy_as_another(
    autojump_clock: trio.testing.MockClock,
) -> None:
    assert (await examined(make_board("F103xB", image=TALKING, rdp=1))).healthy


async def test_each_check_is_told_as_it_is_made(autojump_clock: trio.testing.MockClock) -> None:
    report = RecordingReport()
    found = await examined(board_with("boot0-unwired"), report=report)
    assert [note.split(":")[0] for note in report.notes] == [check.name for check in found.checks]
    assert 'BOOT0: WRONG: driven high, and still "hello lab flash crc32' in report.notes[-1]


async def test_a_link_that_is_lost_is_no_verdict(autojump_clock: trio.testing.MockClock) -> None:
    async with linked_board(board_with()) as (lab, bridge):
        bridge.on_batch_ended = lambda count: bridge.cut_connections() if count == 3 else None
        with pytest.raises(WorkFailed) as failure:
            await doctor(lab, RecordingReport())
    assert failure.value.problem.code is ProblemCode.UNREACHABLE


async def test_a_cancelled_examination_leaves_the_board_running(
    autojump_clock: trio.testing.MockClock,
) -> None:
    board = board_with()
    async with linked_board(board) as (lab, bridge):
        with trio.CancelScope() as scope:
            bridge.on_batch_ended = lambda count: scope.cancel() if count == 5 else None
            await doctor(lab, RecordingReport())
        assert scope.cancelled_caught
        await trio.sleep(0.1)
        assert board.state is State.APPLICATION


async def test_a_console_of_another_rate_is_shown_as_no_text(autojump_clock: trio.testing.MockClock) -> None:
    board = make_board("F103xB", image=make_image(1000, text="hello lab", baud=9600))
    found = await examined(board)
    assert found.healthy
    application = next(check for check in found.checks if check.name == "application")
    assert "which is no text" in application.text


@pytest.mark.parametrize(
    ("seen", "suspects", "said"),
    [
        (Evidence(LINES, answer=Answer.NO_PARITY), ("parity",), "cannot be set to 8E1"),
        (
            Evidence(LINES, readable=Line.RX),
            ("RX", "supply"),
            "or the board has no supply (NRST, which would tell, cannot be read here)",
        ),
        (
            Evidence(Line.BOOT0, answer=Answer.NOISE, heard_before=b"hello lab", heard_in_rom=b"hello lab"),
            (),
            "this bridge has no NRST line to reset it into the ROM",
        ),
        (
            Evidence(Line.BOOT0, answer=Answer.SILENCE, heard_before=b"hello lab"),
            ("TX", "BOOT0"),
            "so RX is right; the bootloader was not entered",
        ),
    ],
)
def test_what_was_seen_is_judged(seen: Evidence, suspects: tuple[str, ...], said: str) -> None:
    found = verdict(seen)
    assert found.suspects == suspects
    assert said in found.text


def test_what_was_heard_is_shown_as_text_or_as_hex() -> None:
    assert heard_text(b"hello\r\nlab") == '"hello lab"'
    assert heard_text(b"\x80\x00\xff\x01abc") == "80 00 ff 01 61 62 63, which is no text"
