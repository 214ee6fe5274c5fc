"""ELF, DfuSe and UF2: the formats' own rules."""

import struct

import pytest

from firmware_files import (
    RP2040,
    STM32F1,
    STM32F4,
    dfuse_target,
    make_dfuse,
    make_elf,
    make_uf2,
    uf2_block,
    with_suffix,
)
from stmota_protocol.chips.model import Family
from stmota_protocol.image_files import parse_file
from stmota_protocol.images import ImageRefused

FLASH = 0x0800_0000
CODE = [(FLASH, b"code")]


def parsed(data: bytes) -> list[tuple[int, bytes]]:
    return [(segment.address, segment.data) for segment in parse_file(data).image(0).segments]


def refusal(data: bytes) -> str:
    with pytest.raises(ImageRefused) as caught:
        parse_file(data, None, "fw")
    assert caught.value.problem.remedy
    return caught.value.problem.message


def test_an_elf_file_is_loaded_by_physical_address_without_what_is_zeroed_at_start() -> None:
    segments = [(FLASH, b"text and rodata"), (FLASH + 0x100, b"initialised data"), (FLASH + 0x110, b"")]
    assert parsed(make_elf(segments)) == segments[:2]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (
            make_elf(CODE, machine=62),
            "fw is for x64 (32 bit), and an STM32 is a 32-bit ARM (read as an ELF file)",
        ),
        (make_elf(CODE, machine=243), "fw is for RISC-V (32 bit), and"),
        (make_elf(CODE, machine=94), "fw is for Tensilica Xtensa (32 bit), and"),
        (make_elf(CODE, machine=60000), "fw is for an unknown machine, and"),
        (make_elf(CODE, kind=1), "fw is an object file that was not linked"),
        (make_elf(CODE, kind=3), "fw is a shared object"),
        (make_elf(CODE, kind=4), "fw is a core dump"),
        (make_elf(CODE, kind=9), "fw is no program: its type is 9"),
        (make_elf(CODE, elf_class=7), "fw is broken"),
        (make_elf(CODE)[:60], "fw is broken"),
        (make_elf(CODE)[:-1], "fw: offset 84 should hold 4 bytes for 0x08000000, but the file ends at 87"),
        (make_elf([]), "fw loads nothing: it has no PT_LOAD segment with bytes"),
        (make_elf(CODE, load=6), "fw loads nothing"),
        (make_elf([(FLASH, b"")]), "fw loads nothing"),
        (
            make_elf([(0x2000_0000, b"ram")]),
            "fw is built to run in RAM (0x20000000), and there is nothing for",
        ),
        (
            make_elf([*CODE, (0x2000_0010, b"data")]),
            "fw loads a segment to RAM (0x20000010), which no flash can",
        ),
    ],
)
def test_an_elf_file_that_is_none_for_flash_is_refused_with_what_it_is(data: bytes, said: str) -> None:
    assert said in refusal(data)


def test_a_64_bit_arm_and_a_big_endian_one_are_refused() -> None:
    wide = b"\x7fELF\x02\x01\x01" + bytes(9)
    wide += struct.pack("<HHIQQQIHHHHHH", 2, 183, 1, 0, 64, 0, 0, 64, 56, 0, 64, 0, 0)
    assert "fw is for AArch64 (64 bit), and" in refusal(wide)
    big = b"\x7fELF\x01\x02\x01" + bytes(9)
    big += struct.pack(">HHIIIIIHHHHHH", 2, 40, 1, 0, 52, 0, 0, 52, 32, 0, 40, 0, 0)
    assert "fw is for a big-endian ARM" in refusal(big)


def test_all_elements_of_all_targets_for_internal_flash_are_taken() -> None:
    data = make_dfuse(
        dfuse_target([(FLASH, b"one"), (FLASH + 0x800, b"two")]), dfuse_target([(FLASH + 0x1000, b"three")])
    )
    assert parsed(data) == [(FLASH, b"one"), (FLASH + 0x800, b"two"), (FLASH + 0x1000, b"three")]


def test_a_dfuse_file_of_known_bytes_is_read() -> None:
    """Its CRC was checked once with dfu-suffix's rule: CRC-32 without the final inversion."""
    head = bytes.fromhex("4466755365 01 29010000 01")  # DfuSe, version 1, 297 bytes, one target
    target = b"Target" + bytes.fromhex("00 01000000") + b"ST...".ljust(255, b"\0")
    target += bytes.fromhex("0c000000 01000000") + bytes.fromhex("00000008 04000000 01020304")
    suffix = bytes.fromhex("ffff 11df 8304 1a01 554644 10")
    assert len(head + target) == 0x129
    assert with_suffix(head + target)[-16:-4] == suffix
    assert parsed(with_suffix(head + target)) == [(FLASH, b"\1\2\3\4")]


def spoilt(data: bytes, at: int, new: bytes) -> bytes:
    """Change bytes of a DfuSe file and give it a suffix that is right again."""
    changed = bytearray(data[:-16])
    changed[at : at + len(new)] = new
    return with_suffix(bytes(changed))


DFUSE = make_dfuse(dfuse_target(CODE))


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (DFUSE[:-1] + bytes([DFUSE[-1] ^ 1]), "fw: offset 309 has CRC "),
        (DFUSE[:300] + b"?" + DFUSE[301:], "but the file's bytes give"),
        (DFUSE[:-16], "is no DfuSe suffix"),
        (DFUSE[:20], "fw is too short for a DfuSe file"),
        (spoilt(DFUSE, 5, b"\2"), "fw: offset 5 has DfuSe version 2, and only version 1 is known"),
        (spoilt(DFUSE, 6, b"\1\0\0\0"), "fw: offset 6 says that the image ends at 1, but it ends at 297"),
        (spoilt(DFUSE, 10, b"\2"), "fw: offset 297 should hold a target's head, but only 0 bytes do"),
        (spoilt(DFUSE, 10, b"\0"), "fw: offset 11 is left over after the last of 0 targets"),
        (spoilt(DFUSE, 11, b"Tarjet"), "fw: offset 11 is where a target should start, and none does"),
        (spoilt(DFUSE, 277, b"\xff"), "fw: offset 285 should hold a target, but only 12 bytes do"),
        (
            spoilt(DFUSE, 277, b"\x0b"),
            "fw: offset 293 should hold 4 bytes for 0x08000000, but only 3 bytes do",
        ),
        (spoilt(DFUSE, 281, b"\2"), "fw: offset 11 is a target whose elements do not add up to its size"),
        (spoilt(DFUSE, 281, b"\0"), "fw: offset 11 is a target whose elements do not add up to its size"),
        (
            spoilt(DFUSE, 289, b"\xff"),
            "fw: offset 293 should hold 255 bytes for 0x08000000, but only 4 bytes",
        ),
        (make_dfuse(), "fw holds no data"),
        (
            make_dfuse(dfuse_target(CODE), dfuse_target([(0x1FFF_F800, b"ob")], 1, b"@Option\x1b[Bytes")),
            'fw: offset 297 is a target for alternate setting 1 ("@Option?[Bytes"), which is not internal',
        ),
    ],
)
def test_a_dfuse_file_that_is_broken_or_not_for_flash_is_refused_with_the_offset(
    data: bytes, said: str
) -> None:
    assert said in refusal(data)


@pytest.mark.parametrize(("family_id", "family"), [(STM32F1, Family.F1), (STM32F4, Family.F4)])
def test_a_uf2_file_says_what_family_it_is_for(family_id: int, family: Family) -> None:
    image = parse_file(make_uf2(CODE, family_id)).image(0)
    assert image.built_for is family
    assert [segment.data for segment in image.segments] == [b"code"]


def test_uf2_blocks_may_be_out_of_order_of_any_size_and_some_not_for_flash() -> None:
    blocks = [
        uf2_block(FLASH + 476, b"tail", 2, 3),
        uf2_block(0, b"source text", 1, 3, RP2040, flags=0x2001),
        uf2_block(FLASH, b"x" * 476, 0, 3, flags=0x2000 | 0x8000),
    ]
    assert parsed(b"".join(blocks)) == [(FLASH, b"x" * 476 + b"tail")]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (make_uf2(CODE, RP2040), "fw: offset 0 is for RP2040 (family id 0xE48BFF56), no STM32"),
        (make_uf2(CODE, 0x1234), "fw: offset 0 is for an unknown family (family id 0x00001234), no STM32"),
        (
            uf2_block(FLASH, b"a", 0, 2) + uf2_block(FLASH + 256, b"b", 1, 2, STM32F4),
            "fw: offset 512 is for STM32F4, blocks before it for another chip",
        ),
        (uf2_block(FLASH, b"code", 0, 1, flags=0), "fw: offset 0 has no family id"),
        (uf2_block(FLASH, b"code", 0, 1, flags=0x3000), "fw: offset 0 is a block of a file container"),
        (uf2_block(FLASH, b"code", 0, 1, flags=0x2001), "fw holds no data"),
        (uf2_block(FLASH, b"code", 0, 2), "fw says that it has 2 blocks, but block 1 is not there"),
        (uf2_block(FLASH, b"code", 1, 2), "fw says that it has 2 blocks, but block 0 is not there"),
        (uf2_block(FLASH, b"code", 2, 2), "fw: offset 0 is block 2 of 2, counted from 0"),
        (uf2_block(FLASH, b"code", 0, 2) * 2, "fw: offset 512 is block 0 a second time"),
        (make_uf2(CODE) + make_uf2([(FLASH, b"a" * 257)]), "fw: offset 512 says 2 blocks, the ones before"),
        (make_uf2(CODE) + b"UF2\n", "fw: offset 512 is a block of only 4 bytes"),
        (make_uf2(CODE)[:-4] + bytes(4), "fw: offset 0 is where a UF2 block should be, and none is"),
    ],
)
def test_a_uf2_file_broken_or_for_no_stm32_is_refused_with_the_offset(data: bytes, said: str) -> None:
    assert said in refusal(data)
