"""What all file formats have in common, and what any bytes come to."""

import struct
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_files import MAKERS, make_dfuse, make_elf, make_hex, make_srec, make_uf2, with_suffix
from stmota_protocol.api import ProblemCode
from stmota_protocol.image_files import parse_file
from stmota_protocol.images import Image, ImageRefused, Segment

FLASH = 0x0800_0000
HEADS = (b":", b":1000", b"S0", b"S3", b"\x7fELF\x01\x01\x01", b"DfuSe\x01", b"UF2\n\x57\x51\x5d\x9e")
FILES = tuple(make([(FLASH, bytes(range(200)) * 3), (FLASH + 0x4000, b"abc")]) for make in MAKERS.values())


def parsed(data: bytes) -> tuple[tuple[int, bytes], ...]:
    image = parse_file(data).image(0)
    return tuple((segment.address, segment.data) for segment in image.segments)


def refusal(data: bytes, address: int | None = None) -> str:
    with pytest.raises(ImageRefused) as caught:
        parse_file(data, address, "fw.any")
    problem = caught.value.problem
    assert problem.code in (ProblemCode.NOT_FIRMWARE, ProblemCode.DOES_NOT_FIT)
    assert problem.message.startswith(("fw.any", "the address"))
    assert problem.remedy
    assert not problem.overridable
    return problem.message


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_gaps_between_segments_stay_gaps(make: Callable[..., bytes]) -> None:
    segments = ((FLASH, bytes(range(256)) * 5), (FLASH + 0x1_0000, b"second"), (FLASH + 0x2_0001, b"third"))
    assert parsed(make(segments)) == segments


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_segments_in_any_order_are_put_in_order_and_joined(make: Callable[..., bytes]) -> None:
    assert parsed(make([(FLASH + 3, b"def"), (FLASH, b"abc"), (FLASH + 6, b"g")])) == ((FLASH, b"abcdefg"),)


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_a_span_of_4_gib_costs_nothing(make: Callable[..., bytes]) -> None:
    segments = ((0, b"low"), (0xFFFF_FFFC, b"high"))
    assert parsed(make(segments)) == segments


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_an_address_given_twice_is_refused_and_named(make: Callable[..., bytes]) -> None:
    said = refusal(make([(FLASH, b"0123456789"), (FLASH + 8, b"89")]))
    assert "gives the bytes at 0x08000008 a second time" in said


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_an_address_for_a_file_that_has_its_own_is_refused(make: Callable[..., bytes]) -> None:
    said = refusal(make([(FLASH, b"0123")]), 0x0800_4000)
    assert "the address 0x08004000 is for a raw binary, but fw.any is a" in said
    assert "from 0x08000000 to 0x08000004" in said


@pytest.mark.parametrize("make", [make_hex, make_srec, make_elf], ids=["hex", "srec", "elf"])
def test_bytes_beyond_the_last_address_are_refused(make: Callable[..., bytes]) -> None:
    if make is not make_elf:  # their records cannot say more than one address each
        assert "go beyond the last 32-bit address" in refusal(make([(0xFFFF_FFFE, b"ab" * 2)]))
        return
    assert "4 bytes at 0xFFFFFFFE go beyond" in refusal(make([(0xFFFF_FFFE, b"abcd")]))


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_a_file_cut_anywhere_behind_its_first_line_is_refused(make: Callable[..., bytes]) -> None:
    data = make([(FLASH, bytes(range(256)))])
    for length in range(20, len(data) - 1):
        with pytest.raises(ImageRefused):
            parse_file(data[:length])


def test_raw_bytes_go_where_they_are_wanted() -> None:
    assert parse_file(b"\x00\x50\x00\x20raw").image(0x0800_2000) == Image(
        (Segment(0x0800_2000, b"\x00\x50\x00\x20raw"),)
    )


def test_the_suffix_of_a_plain_dfu_file_is_no_firmware() -> None:
    raw = b"\x00\x50\x00\x20raw binary"
    assert parse_file(with_suffix(raw, dfu_version=0x0100)).image(FLASH).segments == (Segment(FLASH, raw),)
    broken = with_suffix(raw, dfu_version=0x0100)[:-1] + b"?"
    assert parse_file(broken).image(FLASH).segments == (Segment(FLASH, broken),)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "fw.any is an empty file, no firmware"),
        (b"PK\x03\x04", "fw.any is a compressed archive, no firmware"),
    ],
)
def test_what_certainly_is_no_firmware_is_refused(data: bytes, said: str) -> None:
    assert refusal(data) == said


def test_more_bytes_than_any_chip_has_are_refused() -> None:
    assert "holds more than 16 MiB" in refusal(make_elf([(FLASH, bytes(16 * 1024 * 1024 + 1))]))


def test_more_lines_than_any_firmware_needs_are_refused() -> None:
    assert "has more than 600000 lines" in refusal(make_hex([(FLASH, b"x")]) + b"\n" * 600_000)


def test_more_pieces_than_any_linker_makes_are_refused() -> None:
    pieces = [(FLASH + 2 * at, b"x") for at in range(1025)]
    assert "is in 1025 separate pieces" in refusal(make_hex(pieces))
    assert len(parsed(make_srec(pieces[:1024]))) == 1024


@given(st.sampled_from(HEADS), st.binary(max_size=600))
@settings(deadline=None, max_examples=300, derandomize=True)
def test_any_bytes_after_a_formats_first_ones_give_an_image_or_a_refusal(head: bytes, rest: bytes) -> None:
    assert_image_or_refusal(head + rest)


@given(st.sampled_from(FILES), st.data())
@settings(deadline=None, max_examples=600, derandomize=True)
def test_a_good_file_with_any_bytes_changed_gives_an_image_or_a_refusal(
    good: bytes, data: st.DataObject
) -> None:
    spoilt = bytearray(good)
    for _ in range(data.draw(st.integers(1, 4))):
        near_the_head = data.draw(st.integers(0, 1)) == 0
        last = min(len(spoilt), 120) if near_the_head else len(spoilt)
        spoilt[data.draw(st.integers(0, last - 1))] = data.draw(st.integers(0, 255))
    assert_image_or_refusal(bytes(spoilt[: data.draw(st.integers(1, len(spoilt)))]))
    assert_image_or_refusal(bytes(spoilt))


def assert_image_or_refusal(data: bytes) -> None:
    try:
        size = parse_file(data).image(0).size
    except ImageRefused:
        return
    assert 0 < size <= len(data)


def test_a_number_in_the_head_that_asks_for_gigabytes_is_refused_at_once() -> None:
    elf = bytearray(make_elf([(FLASH, b"abcd")]))
    elf[52 + 16 : 52 + 20] = struct.pack("<I", 0xFFFF_FFFF)
    assert "should hold 4294967295 bytes for 0x08000000, but the file ends at 88" in refusal(bytes(elf))
    elf = bytearray(make_elf([(FLASH, b"abcd")]))
    elf[44:46] = b"\xfe\xff"
    assert "65534 program headers" in refusal(bytes(elf))
    dfu = make_dfuse(struct.pack("<6sBI255sII", b"Target", 0, 0, b"", 0xFFFF_FFFF, 1))
    assert "should hold a target, but only 0 bytes do" in refusal(dfu)
    dfu = make_dfuse(struct.pack("<6sBI255sII", b"Target", 0, 0, b"", 0, 0xFFFF_FFFF))
    assert "is a target of 4294967295 elements, too many" in refusal(dfu)
    uf2 = bytearray(make_uf2([(FLASH, b"abcd")]))
    uf2[16:20] = b"\xff" * 4
    assert "says 4294967295 bytes, and a block holds at most 476" in refusal(bytes(uf2))
