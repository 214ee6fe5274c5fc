from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stmota_protocol.api import ProblemCode
from stmota_protocol.chips import CHIPS, Chip
from stmota_protocol.chips.layout import EraseUnit, largest_units, units_of
from stmota_protocol.chips.traits import traits
from stmota_protocol.images import Image, ImageRefused, Segment
from stmota_protocol.plan import Block, FlashPlan, plan

KIB = 1024
F103, F407, F042, G071, L071, L476, H743 = (
    CHIPS[product_id] for product_id in (0x410, 0x413, 0x445, 0x460, 0x447, 0x415, 0x450)
)
CHIPS_HERE = (F103, F407, F042, G071, L071, L476, H743)


def image_of(data: bytes, address: int) -> Image:
    return Image((Segment(address, data),))


def plan_for(chip: Chip, image: Image, version: int | None = None) -> FlashPlan:
    return plan(image, largest_units(chip), chip, traits(chip, version))


def blocks_of(found: FlashPlan) -> tuple[Block, ...]:
    return (*found.body, found.last_block)


@st.composite
def images(draw: st.DrawFn) -> tuple[Chip, Image]:
    """A chip and an image of one to three segments in its first units, aligned to what it can program."""
    chip = draw(st.sampled_from(CHIPS_HERE))
    segments: list[Segment] = []
    at = chip.flash_start + chip.write_alignment * draw(st.integers(0, 600))
    for _ in range(draw(st.integers(1, 3))):
        body = draw(st.binary(min_size=1, max_size=300))
        erased = bytes([chip.erased_value]) * draw(st.sampled_from((0, 256, 700)))
        data = body + erased + draw(st.sampled_from((b"", b"\x5a", body)))
        segments.append(Segment(at, data))
        at += len(data) + draw(st.sampled_from((0, 1, 40, 3000)))
    return chip, Image(tuple(segments))


@given(images())
@settings(deadline=None, max_examples=200, derandomize=True)
def test_a_chip_that_follows_the_plan_holds_the_image_and_erased_bytes_else(
    drawn: tuple[Chip, Image],
) -> None:
    chip, image = drawn
    found = plan_for(chip, image)
    flash: dict[int, int] = {}
    for unit in found.units:
        flash |= dict.fromkeys(range(unit.address, unit.end), chip.erased_value)
    programmed: set[int] = set()
    for block in blocks_of(found):
        for address, byte in enumerate(block.data, start=block.address):
            assert address not in programmed, "programmed twice"
            programmed.add(address)
            assert address in flash, "programmed where nothing was erased"
            flash[address] = byte
    for segment in image.segments:
        for address, byte in enumerate(segment.data, start=segment.address):
            assert flash.pop(address) == byte
    assert set(flash.values()) <= {chip.erased_value}


@given(images())
@settings(deadline=None, max_examples=200, derandomize=True)
def test_blocks_are_aligned_small_and_within_one_erase_unit(drawn: tuple[Chip, Image]) -> None:
    chip, image = drawn
    found = plan_for(chip, image)
    for block in (*blocks_of(found), *found.verify):
        assert block.address % chip.write_alignment == 0
        assert len(block.data) % chip.write_alignment == 0
        assert 0 < len(block.data) <= 256
        unit = found.unit_of(block)
        assert unit.address <= block.address < block.end <= unit.end
    for lower, higher in pairwise(found.verify):
        assert lower.end <= higher.address


@given(images())
@settings(deadline=None, max_examples=200, derandomize=True)
def test_the_first_unit_is_erased_alone_and_its_first_block_comes_last(drawn: tuple[Chip, Image]) -> None:
    chip, image = drawn
    found = plan_for(chip, image)
    assert found.first_unit.address <= image.start < found.first_unit.end
    assert all(found.first_unit not in command for command in found.other_erases)
    assert found.last_block.address <= image.start < found.last_block.end
    assert found.last_block not in found.body
    assert all(block.address > found.last_block.address for block in (*found.body, *found.verify))
    assert [unit.address for unit in found.units] == sorted({unit.address for unit in found.units})


@given(images())
@settings(deadline=None, max_examples=200, derandomize=True)
def test_all_of_the_image_is_read_back_before_the_last_block(drawn: tuple[Chip, Image]) -> None:
    chip, image = drawn
    found = plan_for(chip, image)
    read_back = {
        address: byte
        for block in (*found.verify, found.last_block)
        for address, byte in enumerate(block.data, start=block.address)
    }
    assert len(read_back) == found.verified_bytes
    for segment in image.segments:
        for address, byte in enumerate(segment.data, start=segment.address):
            assert read_back[address] == byte
    assert set(found.body) <= set(found.verify)
    skipped = set(found.verify) - set(found.body)
    assert all(set(block.data) == {chip.erased_value} for block in skipped)


@given(images())
@settings(deadline=None, max_examples=100, derandomize=True)
def test_totals_and_groups_add_up(drawn: tuple[Chip, Image]) -> None:
    chip, image = drawn
    found = plan_for(chip, image)
    assert found.image_bytes == sum(len(segment.data) for segment in image.segments)
    assert found.erased_bytes == sum(unit.size for unit in found.units)
    assert found.written_bytes == sum(len(block.data) for block in blocks_of(found))
    grouped = found.contents()
    assert tuple(block for _, blocks in grouped for block in blocks) == (found.last_block, *found.verify)
    assert all(found.unit_of(block) == unit for unit, blocks in grouped for block in blocks)


def test_a_plan_for_f103_in_whole() -> None:
    data = bytes(range(256)) * 4 + b"\xff" * 256 + b"end"
    found = plan_for(F103, image_of(data, 0x0800_0000))
    whole = bytes(range(256))
    assert found == FlashPlan(
        first_unit=EraseUnit(0, 0x0800_0000, KIB),
        other_erases=((EraseUnit(1, 0x0800_0400, KIB),),),
        body=(
            Block(0x0800_0100, whole),
            Block(0x0800_0200, whole),
            Block(0x0800_0300, whole),
            Block(0x0800_0500, b"end\xff"),
        ),
        last_block=Block(0x0800_0000, whole),
        verify=(
            Block(0x0800_0100, whole),
            Block(0x0800_0200, whole),
            Block(0x0800_0300, whole),
            Block(0x0800_0400, b"\xff" * 256),
            Block(0x0800_0500, b"end\xff"),
        ),
        image_bytes=1283,
        erased_bytes=2048,
    )


def test_padding_has_the_chips_erased_value() -> None:
    assert plan_for(L071, image_of(b"abc", 0x0800_0000)).last_block.data == b"abc\0\0\0\0\0"
    assert plan_for(H743, image_of(b"abc", 0x0800_0000)).last_block.data == b"abc" + b"\xff" * 29


def test_blocks_are_as_small_as_the_pages_of_l0() -> None:
    found = plan_for(L071, image_of(b"x" * 300, 0x0800_0000))
    assert [len(block.data) for block in (found.last_block, *found.body)] == [128, 128, 48]
    assert len(found.units) == 3


def test_segments_that_share_a_word_share_a_block() -> None:
    image = Image((Segment(0x0800_0000, b"a" * 5), Segment(0x0800_0006, b"b")))
    found = plan_for(L476, image)
    assert (found.last_block, found.body) == (Block(0x0800_0000, b"aaaaa\xffb\xff"), ())


def test_a_first_block_of_nothing_but_the_erased_value_is_written_all_the_same() -> None:
    found = plan_for(F103, image_of(b"\xff" * 600, 0x0800_0000))
    assert found.last_block == Block(0x0800_0000, b"\xff" * 256)
    assert found.body == ()
    assert len(found.verify) == 2


def test_erase_commands_hold_no_more_units_than_the_rom_takes() -> None:
    whole = image_of(b"x" * 128 * KIB, 0x0800_0000)
    assert [len(command) for command in plan_for(F103, whole).other_erases] == [127]
    assert [len(command) for command in plan_for(G071, whole, 0xB2).other_erases] == [63]
    assert [len(command) for command in plan_for(G071, whole, 0xB3).other_erases] == [1] * 63
    l071 = plan_for(L071, image_of(b"x" * 192 * KIB, 0x0800_0000))
    assert [len(command) for command in l071.other_erases] == [511, 511, 511, 2]
    f103_high = CHIPS[0x414]
    large = plan_for(f103_high, image_of(b"x" * 512 * KIB, 0x0800_0000))
    assert [len(command) for command in large.other_erases] == [255]


def test_an_image_without_the_vector_table_treats_its_own_first_unit_so() -> None:
    found = plan_for(F407, image_of(b"x" * 100 * KIB, 0x0801_0000))
    assert found.first_unit == EraseUnit(4, 0x0801_0000, 64 * KIB)
    assert found.other_erases == ((EraseUnit(5, 0x0802_0000, 128 * KIB),),)
    assert found.last_block.address == 0x0801_0000


def test_units_between_segments_are_left_alone() -> None:
    image = Image((Segment(0x0800_0000, b"a"), Segment(0x0800_4000, b"b")))
    assert [unit.index for unit in plan_for(F103, image).units] == [0, 16]


def test_a_plan_crosses_the_hole_of_a_1_mib_h743_only_between_segments() -> None:
    units = units_of(H743, 1024 * KIB)
    image = Image((Segment(0x0800_0000, b"a"), Segment(0x0810_0000, b"b")))
    found = plan(image, units, H743, traits(H743, 0xD4))
    assert [unit.index for unit in found.units] == [0, 8]
    with pytest.raises(ImageRefused) as caught:
        plan(image_of(bytes(513 * KIB), 0x0800_0000), units, H743, traits(H743, 0xD4))
    assert caught.value.problem.code is ProblemCode.DOES_NOT_FIT


def test_a_block_of_no_unit_has_no_unit() -> None:
    found = plan_for(F103, image_of(b"a", 0x0800_0400))
    for address in (0x0800_0000, 0x0800_0800):
        with pytest.raises(LookupError, match="no unit"):
            found.unit_of(Block(address, b"1234"))
