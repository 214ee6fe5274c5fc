"""What each family's flash does when it is programmed, erased, protected, or interrupted."""

import pytest

from board_rig import Rig, address, block
from stmota_simulator.board import VirtualBoard
from stmota_simulator.boards import make_board
from stmota_simulator.chips import CHIPS, find_chip
from stmota_simulator.errors import BadImage, UnknownChip, UnknownOption, UnknownRom
from stmota_simulator.flash import Flash

FLASH = 0x0800_0000
PIN_DECIDES = {"G071": {"nBOOT_SEL": 0}}
OLD, NEW = b"\x0f" * 32, b"\xf1" * 32
REFUSING = ["F103xB", "F103x8", "F042", "G071", "L071", "L476"]


def rig_of(chip: str, image: bytes = b"") -> Rig:
    return Rig.synced(make_board(chip, image=image, option_bits=PIN_DECIDES.get(chip, {})))


@pytest.mark.parametrize("chip", REFUSING)
def test_programming_what_is_not_erased_is_acknowledged_and_writes_nothing(chip: str) -> None:
    rig = rig_of(chip, OLD)

    rig.write(FLASH, NEW)

    assert rig.board.flash[:32] == OLD
    assert rig.board.counters.programs_refused == 32 // rig.board.model.flash.program_bytes


@pytest.mark.parametrize("chip", REFUSING)
def test_only_the_units_that_are_not_erased_are_refused(chip: str) -> None:
    rig = rig_of(chip, OLD)

    rig.write(FLASH + 24, NEW)

    erased = bytes([rig.board.model.flash.erased])
    assert rig.board.flash[:64] == OLD + NEW[:24] + erased * 8


def test_the_f4_clears_bits_where_it_is_not_erased() -> None:
    rig = rig_of("F407", OLD)

    rig.write(FLASH, NEW)

    assert rig.board.flash[:32] == b"\x01" * 32
    assert rig.board.counters.double_programs == 32


def test_the_h7_spoils_what_is_programmed_twice() -> None:
    rig = rig_of("H743", OLD)

    rig.write(FLASH, NEW)

    assert rig.board.flash[:32] == b"\x01" * 32
    assert rig.board.counters.double_programs == 1


@pytest.mark.parametrize("chip", ["G071", "L476"])
def test_flash_with_ecc_takes_a_unit_once_even_if_what_was_written_reads_as_erased(chip: str) -> None:
    rig = rig_of(chip)

    rig.write(FLASH, b"\xff" * 8)
    rig.write(FLASH, b"\x55" * 8)

    assert rig.board.flash[:8] == b"\xff" * 8
    assert rig.board.counters.double_programs == 1


def test_the_f1_takes_a_half_word_again_while_it_reads_as_erased() -> None:
    rig = rig_of("F103xB")

    rig.write(FLASH, b"\xff" * 8)
    rig.write(FLASH, b"\x55" * 8)

    assert rig.board.flash[:8] == b"\x55" * 8


@pytest.mark.parametrize("chip", ["F103xB", "G071", "L476"])
def test_zeros_may_be_programmed_over_anything(chip: str) -> None:
    rig = rig_of(chip, OLD)

    rig.write(FLASH, bytes(8))

    assert rig.board.flash[:32] == bytes(8) + OLD[8:]


@pytest.mark.parametrize("chip", [chip.name for chip in CHIPS])
def test_after_an_erase_a_unit_can_be_programmed_again(chip: str) -> None:
    rig = rig_of(chip, OLD)

    if rig.board.model.family == "F1":
        rig.command(b"\x43\xbc", b"\x00\x00\x00")
    else:
        rig.erase_units(0)
    rig.write(FLASH, NEW)

    assert rig.board.flash[:32] == NEW
    assert rig.board.counters.double_programs == 0


def test_erased_flash_of_the_l0_reads_zero() -> None:
    rig = rig_of("L071", OLD)

    rig.erase_units(0)

    assert rig.read(FLASH, 128) == bytes(128)
    assert rig.board.flash == bytes(192 * 1024)


@pytest.mark.parametrize(
    ("chip", "units", "size"),
    [
        ("F103xB", [1024] * 128, 131072),
        ("F103x8", [1024] * 64, 65536),
        ("F042", [1024] * 32, 32768),
        ("F407", [16384] * 4 + [65536] + [131072] * 7, 1048576),
        ("G071", [2048] * 64, 131072),
        ("H743", [131072] * 16, 2097152),
        ("L071", [128] * 1536, 196608),
        ("L476", [2048] * 512, 1048576),
    ],
)
def test_layouts_are_those_of_the_devices_table(chip: str, units: list[int], size: int) -> None:
    flash = Flash(find_chip(chip).flash)

    assert (list(flash.model.units), flash.size) == (units, size)
    assert flash.unit_at(size - 1) == len(units) - 1
    assert flash.bounds(len(units) - 1) == (size - units[-1], size)


@pytest.mark.parametrize(
    ("chip", "offset", "length", "time_us"),
    [
        ("F407", 0, 256, 4_096),
        ("G071", 0, 256, 2_720),
        ("L476", 0, 256, 2_614),
        ("H743", 0, 256, 2_320),
        ("L071", 0, 256, 12_800),  # four half pages
        ("L071", 32, 64, 51_200),  # no whole half page: sixteen words
        ("L071", 32, 96, 28_800),  # one half page and eight words
    ],
)
def test_times_of_programming(chip: str, offset: int, length: int, time_us: int) -> None:
    assert Flash(find_chip(chip).flash).program_us(offset, length) == time_us


def test_a_reset_in_the_middle_of_a_block_leaves_its_first_part() -> None:
    rig = rig_of("F103xB")
    rig.command(b"\x31\xce", address(FLASH))
    rig.send(block(b"\x55" * 256))
    rig.wait(20 + 3_360)  # half of 128 x 52.5 us

    rig.reset(boot0=True)

    assert rig.board.flash[:256] == b"\x55" * 128 + b"\xff" * 128


def test_a_reset_in_the_middle_of_an_erase_leaves_neither_old_nor_erased() -> None:
    rig = rig_of("F407", b"\x00" * 0x4000)
    rig.command(b"\x44\xbb")
    rig.send(b"\x00\x00\x00\x00\x00")
    rig.wait(200_000)

    rig.reset(boot0=True)

    assert rig.board.flash[:0x4000] not in {b"\x00" * 0x4000, b"\xff" * 0x4000}
    again = Rig.synced(rig.board)
    again.erase_units(0)
    assert rig.board.flash[:0x4000] == b"\xff" * 0x4000


def test_a_chip_may_hold_more_flash_than_it_says() -> None:
    rig = Rig.synced(make_board("F103x8", flash_bytes=128 * 1024))

    rig.write(FLASH + 127 * 1024, OLD)

    assert len(rig.board.flash) == 128 * 1024
    assert rig.read(0x1FFF_F7E0, 2) == (64).to_bytes(2, "little")
    assert rig.read(FLASH + 127 * 1024, 32) == OLD


def test_what_does_not_fit_the_flash_is_said() -> None:
    with pytest.raises(BadImage, match="70000 bytes at 0x08000000 do not fit 65536 of flash"):
        make_board("F103x8", image=bytes(70000))


def test_names_of_chips_are_found_in_any_case() -> None:
    assert [board.model.name for board in map(make_board, ["stm32f103XB", "g071", "STM32L476"])] == [
        "F103xB",
        "G071",
        "L476",
    ]


def unknown_option() -> VirtualBoard:
    return make_board("G071", option_bits={"nBOOT": 1})


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (
            lambda: make_board("F999"),
            UnknownChip,
            "unknown chip 'F999'; known: F103xB, F103x8, F042, F407, G071, H743, L071, L476",
        ),
        (
            lambda: make_board("F407", bootloader_version="7"),
            UnknownRom,
            "STM32F407 has no bootloader '7'; known: 9.1, 9.0, 3.1, 3.0",
        ),
        (
            unknown_option,
            UnknownOption,
            "STM32G071 has no option nBOOT=1; known: nBOOT_SEL, nBOOT1, nBOOT0, BOOT_LOCK",
        ),
        (
            lambda: make_board("F103xB", rdp=2),
            UnknownOption,
            "STM32F103xB has no option RDP=2; known: RDP=0, RDP=1",
        ),
    ],
)
def test_what_there_is_not_is_answered_with_what_there_is(
    call: object, error: type[Exception], text: str
) -> None:
    assert callable(call)
    with pytest.raises(error) as raised:
        call()
    assert str(raised.value) == text
