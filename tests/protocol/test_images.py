import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stmota_protocol.api import Problem, ProblemCode
from stmota_protocol.chips import CHIPS, Chip
from stmota_protocol.chips.layout import largest_units, units_of
from stmota_protocol.chips.model import Family
from stmota_protocol.image_checks import (
    check_family,
    check_place,
    check_start,
    check_vector_table,
    flash_size_for,
)
from stmota_protocol.images import Image, ImageRefused, Looks, Segment, recognise
from stmota_protocol.merging import Part, merged

KIB = 1024
F103, F407, F303, L476, F746, H743, U575, WB05 = (
    CHIPS[product_id] for product_id in (0x410, 0x413, 0x422, 0x415, 0x449, 0x450, 0x482, 0x03B)
)


def firmware(
    stack: int = 0x2000_5000, reset: int = 0x0800_0101, nmi: int = 0x0800_0103, hard_fault: int = 0x0800_0105
) -> bytes:
    return struct.pack("<4I", stack, reset, nmi, hard_fault) + bytes(range(256)) * 2


def image_of(data: bytes, address: int = 0x0800_0000) -> Image:
    return Image((Segment(address, data),))


@pytest.mark.parametrize(
    ("data", "looks"),
    [
        (b"", Looks.EMPTY),
        (b"\x7fELF\x01\x01\x01\x00", Looks.ELF),
        (b":020000040800F2\r\n:10000000", Looks.INTEL_HEX),
        (b"\xef\xbb\xbf\n:020000040800F2\n", Looks.INTEL_HEX),
        (b"S00600004844521B\nS1130000", Looks.S_RECORD),
        (b"UF2\n\x57\x51\x5d\x9e", Looks.UF2),
        (b":00000001FF", Looks.INTEL_HEX),
        (b"S9030000FC", Looks.S_RECORD),
        (b"DfuSe\x01", Looks.DFUSE),
        (b"PK\x03\x04\x14\x00", Looks.ARCHIVE),
        (b"\x1f\x8b\x08\x00", Looks.ARCHIVE),
        (b"<!DOCTYPE html><html>", Looks.HTML),
        (b"<?xml version='1.0'?>", Looks.HTML),
        (b"hello, w\xc3\xb6rld\n" * 20, Looks.TEXT),
        (b"\xff" * 1024, Looks.ERASED),
        (b"\x00" * 16, Looks.ERASED),
        (firmware(), Looks.BINARY),
        (b":)\x00", Looks.BINARY),
    ],
)
def test_a_file_is_recognised_by_its_first_bytes(data: bytes, looks: Looks) -> None:
    assert recognise(data) is looks


@given(st.binary(max_size=64))
@settings(deadline=None)
def test_any_bytes_look_like_something(data: bytes) -> None:
    assert isinstance(recognise(data), Looks)


def test_an_image_knows_where_its_bytes_are() -> None:
    image = image_of(b"abc")
    assert image.segments == (Segment(0x0800_0000, b"abc"),)
    assert (image.start, image.end, image.size) == (0x0800_0000, 0x0800_0003, 3)
    assert [image.holds(0x0800_0000 + offset) for offset in (-1, 0, 2, 3)] == [False, True, True, False]


@pytest.mark.parametrize(
    "segments",
    [(), (Segment(0, b""),), (Segment(0, b"ab"), Segment(1, b"c")), (Segment(8, b"a"), Segment(0, b"b"))],
)
def test_an_image_without_bytes_or_with_overlaps_cannot_be_made(segments: tuple[Segment, ...]) -> None:
    with pytest.raises(ValueError, match="segment"):
        Image(segments)


@pytest.mark.parametrize(
    ("chip", "stack", "reset"),
    [
        (F103, 0x2000_5000, 0x0800_0101),
        (F407, 0x1001_0000, 0x0800_0101),  # CCM
        (F407, 0x2002_0000, 0x0800_0101),
        (L476, 0x1000_8000, 0x0800_0101),  # SRAM2 alias
        (F746, 0x2005_0000, 0x0020_0101),  # linked at the ITCM alias
        (H743, 0x2408_0000, 0x0800_0101),  # AXI SRAM
        (H743, 0x2002_0000, 0x0800_0101),  # DTCM
        (U575, 0x300C_0000, 0x0C00_0101),  # secure aliases
        (CHIPS[0x47C], 0x2001_0000, 0x0800_0101),  # RAM unknown: the SRAM region
    ],
    ids=lambda value: value.label if isinstance(value, Chip) else hex(value),
)
def test_a_vector_table_of_this_chip_is_taken(chip: Chip, stack: int, reset: int) -> None:
    assert check_vector_table(image_of(firmware(stack, reset, 0, 0)), chip) is None


def test_handlers_in_ram_are_taken() -> None:
    assert check_vector_table(image_of(firmware(nmi=0x2000_0101)), F103) is None


@pytest.mark.parametrize(
    ("data", "doubt"),
    [
        (firmware(stack=0x2000_5004), "0x20005004 is no stack pointer into RAM (0x20000000 to 0x20005000)"),
        (firmware(stack=0x2000_0000), "0x20000000 is no stack pointer"),
        (firmware(stack=0x2000_4FFE), "0x20004FFE is no stack pointer"),
        (firmware(stack=0xFFFF_FFFF), "0xFFFFFFFF is no stack pointer"),
        (firmware(reset=0x0800_0100), "reset vector 0x08000100 is no Thumb address in flash"),
        (firmware(reset=0x0900_0101), "reset vector 0x09000101 is no Thumb address in flash"),
        (firmware(reset=0x0800_8001), "reset vector 0x08008001 points outside the image"),
        (firmware(nmi=0x0800_0002), "NMI vector 0x08000002"),
        (firmware(hard_fault=0x1234_5679), "HardFault vector 0x12345679"),
        (b"\x00\x50\x00\x20", "with 4 bytes it is too short"),
        (b"hello " * 100, "(it looks like a text file)"),
        (b"\xff" * 64, "(it looks like erased flash"),
    ],
)
def test_an_image_that_cannot_boot_is_a_judgement_that_says_why(data: bytes, doubt: str) -> None:
    problem = check_vector_table(image_of(data), F103)
    assert problem is not None
    assert problem.code is ProblemCode.NOT_FIRMWARE
    assert "STM32F103 medium density (0x410)" in problem.message
    assert doubt in problem.message
    assert problem.remedy is not None
    assert "--force" in problem.remedy
    assert problem.overridable


def test_firmware_of_another_chip_is_seen_by_its_stack() -> None:
    assert check_vector_table(image_of(firmware(stack=0x2002_0000)), F103) is not None
    assert check_vector_table(image_of(firmware(stack=0x2002_0000)), F407) is None


def test_an_image_of_an_offset_bootloader_is_judged_at_its_own_first_byte() -> None:
    data = firmware(reset=0x0800_2101, nmi=0x0800_2103, hard_fault=0x0800_2105)
    assert check_vector_table(image_of(data, 0x0800_2000), F103) is None
    assert check_vector_table(image_of(data, 0x0800_0000), F103) is not None


def test_flash_of_another_base_is_checked_there() -> None:
    data = firmware(stack=0x2000_3000, reset=0x1004_0101, nmi=0, hard_fault=0)
    assert check_vector_table(image_of(data, 0x1004_0000), WB05) is None


def refusal(image: Image, chip: Chip, size: int | None, *, force: bool = False) -> Problem:
    with pytest.raises(ImageRefused) as caught:
        flash_size_for(image, chip, size, force=force)
    return caught.value.problem


def test_the_flash_size_is_the_registers_or_the_tables() -> None:
    image = image_of(firmware())
    assert flash_size_for(image, F103, 64 * KIB) == 64 * KIB
    assert flash_size_for(image, F103, None) == 128 * KIB
    assert flash_size_for(image, F103, 4096 * KIB) == 128 * KIB


@pytest.mark.parametrize(
    ("address", "said"),
    [
        (
            0x1FFF_F800,
            "0x1FFFF800, where STM32F103 medium density (0x410) has no flash: option bytes are there",
        ),
        (0x9000_0000, "0x90000000, where STM32F103 medium density (0x410) has no flash"),
    ],
)
def test_a_segment_far_behind_the_flash_is_named_by_its_address(address: int, said: str) -> None:
    image = Image((Segment(0x0800_0000, firmware()), Segment(address, b"far")))
    problem = refusal(image, F103, 64 * KIB, force=True)
    assert problem.code is ProblemCode.DOES_NOT_FIT
    assert problem.message == f"the image covers {said}"
    assert problem.address == address
    assert not problem.overridable


def test_a_family_that_the_file_names_is_held_against_the_chips() -> None:
    segments = image_of(firmware()).segments
    assert check_family(Image(segments), F103) is None
    assert check_family(Image(segments, Family.F1), F103) is None
    problem = check_family(Image(segments, Family.F4), F103)
    assert problem is not None
    assert problem.message == (
        "the file says that it is for STM32F4, and the chip is STM32F103 medium density (0x410)"
    )
    assert problem.overridable


def test_an_image_up_to_the_last_byte_fits_and_one_more_does_not() -> None:
    assert flash_size_for(image_of(bytes(512 * KIB)), F407, 512 * KIB) == 512 * KIB
    problem = refusal(image_of(bytes(512 * KIB + 1)), F407, 512 * KIB)
    assert problem.code is ProblemCode.DOES_NOT_FIT
    assert problem.message == (
        "the image ends at 0x08080001, but the flash of STM32F405/F407 (0x413) ends at 0x08080000 (512 KiB)"
    )
    assert problem.address == 0x0808_0000
    assert not problem.overridable
    assert refusal(image_of(bytes(512 * KIB + 1)), F407, 512 * KIB, force=True).overridable is False


def test_an_x8_clone_may_hold_more_than_it_says() -> None:
    image = image_of(bytes(100 * KIB))
    problem = refusal(image, F103, 64 * KIB)
    assert problem.overridable
    assert problem.remedy is not None
    assert "128 KiB" in problem.remedy
    assert flash_size_for(image, F103, 64 * KIB, force=True) == 128 * KIB
    assert not refusal(image_of(bytes(128 * KIB + 1)), F103, 64 * KIB, force=True).overridable


def test_bank_2_behind_a_hole_counts_as_flash() -> None:
    image = image_of(firmware(), 0x0810_0000)
    assert flash_size_for(image, H743, 1024 * KIB) == 1024 * KIB
    check_place(image, H743, units_of(H743, 1024 * KIB))


@pytest.mark.parametrize(
    ("image", "at"),
    [
        (image_of(b"\x00" * 8, 0x0700_0000), 0x0700_0000),
        (image_of(b"\x00" * 8, 0x07FF_FFFC), 0x07FF_FFFC),
        (image_of(b"\x00" * 8, 0x0900_0000), 0x0900_0000),
        (image_of(bytes(600 * KIB), 0x0800_0000), 0x0808_0000),
        (image_of(b"\x00" * 32, 0x0808_0000), 0x0808_0000),
    ],
)
def test_an_image_outside_the_flash_or_in_its_hole_is_refused_for_good(image: Image, at: int) -> None:
    with pytest.raises(ImageRefused) as caught:
        check_place(image, H743, units_of(H743, 1024 * KIB))
    problem = caught.value.problem
    assert (problem.code, problem.address, problem.overridable) == (ProblemCode.DOES_NOT_FIT, at, False)
    assert f"0x{at:08X}" in problem.message


def test_an_address_that_cannot_be_programmed_is_refused_for_good() -> None:
    with pytest.raises(ImageRefused, match="programmed in units of 8 bytes") as caught:
        check_place(image_of(b"\x00" * 8, 0x0800_0804), L476, largest_units(L476))
    assert caught.value.problem.remedy == "give, or link for, an address that is a multiple of 8"


def test_a_file_that_starts_within_an_erase_unit_is_a_judgement() -> None:
    units, image = largest_units(L476), image_of(b"\x00" * 8, 0x0800_0808)
    problem = check_start(Part("app.bin", image), image, units)
    assert problem is not None
    assert problem.overridable
    assert problem.message.startswith("app.bin starts at 0x08000808, inside erase unit 1 (0x08000800)")


def test_a_file_may_start_within_an_erase_unit_that_another_file_fills_before_it() -> None:
    units, boot, app = largest_units(H743), image_of(firmware(), 0x0800_0000), image_of(b"a", 0x0801_0000)
    parts = [Part("boot.bin", boot), Part("app.bin", app)]
    assert [check_start(part, merged(parts), units) for part in parts] == [None, None]
    assert check_start(parts[1], app, units) is not None
