"""What each family's flash does when it is programmed, erased, protected, or interrupted."""

import pytest

from board_rig import FLASH, Rig, address, block
from simulated_chips import ALL_NAMES, NAMES, board_of
from stmota_simulator.board import VirtualBoard
from stmota_simulator.boards import make_board
from stmota_simulator.chips import find_chip
from stmota_simulator.errors import BadImage, UnknownChip, UnknownOption, UnknownRom
from stmota_simulator.flash import Flash

OLD, NEW = b"\x0f" * 32, b"\xf1" * 32
CLEARING = ["F207", "F407", "F429", "F429xG", "F746", "F767"]
SPOILING = ["H563", "H743", "H7A3"]
SPOILING_TOWARDS_ONE = ["L152xB", "L152xE"]
REFUSING = [name for name in NAMES if name not in {*CLEARING, *SPOILING, *SPOILING_TOWARDS_ONE}]
REFUSING_TWICE = [name for name in REFUSING if name not in {"F103xB", "F103x8", "F042", "F303xC", "L071"}]


def rig_of(chip: str, image: bytes = b"") -> Rig:
    return Rig.synced(board_of(chip, image=image))


@pytest.mark.parametrize("chip", REFUSING)
def test_programming_what_is_not_erased_is_acknowledged_and_writes_nothing(chip: str) -> None:
    rig = rig_of(chip, OLD)

    rig.write(FLASH, NEW)

    assert rig.board.flash[:32] == OLD
    assert rig.board.counters.programs_refused == 32 // rig.board.model.flash.program_bytes


@pytest.mark.parametrize("chip", REFUSING)
def test_only_the_units_that_are_not_erased_are_refused(chip: str) -> None:
    rig = rig_of(chip, OLD)

    rig.write(FLASH + 16, NEW)

    erased = bytes([rig.board.model.flash.erased])
    assert rig.board.flash[:64] == OLD + NEW[:16] + erased * 16


@pytest.mark.parametrize("chip", CLEARING)
def test_bits_are_cleared_where_it_is_not_erased(chip: str) -> None:
    rig = rig_of(chip, OLD)

    rig.write(FLASH, NEW)

    assert rig.board.flash[:32] == b"\x01" * 32
    assert rig.board.counters.double_programs == 32


@pytest.mark.parametrize("chip", SPOILING)
def test_what_is_programmed_twice_is_spoilt(chip: str) -> None:
    rig = rig_of(chip, OLD)

    rig.write(FLASH, NEW)

    assert rig.board.flash[:32] == b"\x01" * 32
    assert rig.board.counters.double_programs == 32 // rig.board.model.flash.program_bytes


@pytest.mark.parametrize("chip", SPOILING_TOWARDS_ONE)
def test_on_the_l1_whose_erased_bits_are_0_they_mix_the_other_way(chip: str) -> None:
    rig = rig_of(chip, OLD)

    rig.write(FLASH, NEW)

    assert rig.board.flash[:32] == b"\xff" * 32
    assert rig.board.counters.double_programs == 8


@pytest.mark.parametrize("chip", REFUSING_TWICE)
def test_flash_with_ecc_takes_a_unit_once_even_if_what_was_written_reads_as_erased(chip: str) -> None:
    rig = rig_of(chip)
    unit = rig.board.model.flash.program_bytes

    rig.write(FLASH, b"\xff" * unit)
    rig.write(FLASH, b"\x55" * unit)

    assert rig.board.flash[:unit] == b"\xff" * unit
    assert rig.board.counters.double_programs == 1


def test_the_f1_takes_a_half_word_again_while_it_reads_as_erased() -> None:
    rig = rig_of("F103xB")

    rig.write(FLASH, b"\xff" * 8)
    rig.write(FLASH, b"\x55" * 8)

    assert rig.board.flash[:8] == b"\x55" * 8


@pytest.mark.parametrize("chip", [name for name in REFUSING if name != "L071"])
def test_zeros_may_be_programmed_over_anything(chip: str) -> None:
    rig = rig_of(chip, OLD)

    rig.write(FLASH, bytes(16))

    assert rig.board.flash[:32] == bytes(16) + OLD[16:]


@pytest.mark.parametrize("chip", NAMES)
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
        ("F207", [16384] * 4 + [65536] + [131072] * 7, 1048576),
        ("F303xC", [2048] * 128, 262144),
        ("F429", ([16384] * 4 + [65536] + [131072] * 7) * 2, 2097152),
        ("F429xG", [16384] * 4 + [65536] + [131072] * 7, 1048576),
        ("F746", [32768] * 4 + [131072] + [262144] * 3, 1048576),
        ("F767", [32768] * 4 + [131072] + [262144] * 7, 2097152),
        ("G0B1", [2048] * 256, 524288),
        ("G431", [2048] * 64, 131072),
        ("G474", [2048] * 256, 524288),
        ("H563", [8192] * 256, 2097152),
        ("H7A3", [8192] * 256, 2097152),
        ("L152xB", [256] * 512, 131072),
        ("L152xE", [256] * 2048, 524288),
        ("L432", [2048] * 128, 262144),
        ("L476xE", [2048] * 256, 524288),
        ("L4R5", [4096] * 512, 2097152),
        ("L552", [2048] * 256, 524288),
        ("C031", [2048] * 16, 32768),
        ("U073", [2048] * 128, 262144),
        ("U575", [8192] * 256, 2097152),
        ("WB55", [4096] * 256, 1048576),
        ("WBA52", [8192] * 128, 1048576),
        ("WLE5", [2048] * 128, 262144),
    ],
)
def test_layouts_are_those_of_the_devices_table(chip: str, units: list[int], size: int) -> None:
    flash = Flash(find_chip(chip).flash)

    assert (list(flash.model.layout.sizes), flash.size) == (units, size)
    assert flash.bounds(flash.unit_at(size - 1)) == (size - units[-1], size)


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
        ("L152xB", 0, 256, 6_560),  # two half pages
        ("F303xC", 0, 256, 6_848),
        ("F746", 0, 256, 4_096),
        ("G474", 0, 256, 2_614),
        ("C031", 0, 256, 2_720),
        ("H7A3", 0, 256, 640),
        ("U575", 0, 256, 1_888),
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
            f"unknown chip 'F999'; known: {', '.join(ALL_NAMES)}",
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
