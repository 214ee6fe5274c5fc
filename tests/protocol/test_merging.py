"""Several files as one image."""

import pytest

from stmota_protocol.api import ProblemCode
from stmota_protocol.chips.model import Family
from stmota_protocol.formats.pieces import MAX_SEGMENTS
from stmota_protocol.images import Image, ImageRefused, Segment
from stmota_protocol.merging import Part, merged

FLASH = 0x0800_0000


def part(name: str, *segments: tuple[int, bytes], built_for: Family | None = None) -> Part:
    return Part(name, Image(tuple(Segment(FLASH + at, data) for at, data in segments), built_for))


def refusal(*parts: Part) -> ImageRefused:
    with pytest.raises(ImageRefused) as caught:
        merged(parts)
    assert caught.value.problem.remedy
    assert not caught.value.problem.overridable
    return caught.value


def test_one_file_is_its_own_image() -> None:
    only = part("a", (0, b"a"), (9, b"b"), built_for=Family.F1)
    assert merged([only]) == only.image


def test_files_in_any_order_become_segments_by_rising_address_and_gaps_stay() -> None:
    image = merged([part("app", (0x400, b"app"), (0x500, b"config")), part("boot", (0, b"boot"))])
    assert image == part("", (0, b"boot"), (0x400, b"app"), (0x500, b"config")).image


def test_files_that_touch_become_one_segment() -> None:
    assert merged([part("b", (4, b"app")), part("a", (0, b"boot"))]) == part("", (0, b"bootapp")).image


@pytest.mark.parametrize(
    ("one", "other", "said"),
    [
        ((0, b"boot"), (3, b"app"), "boot and app overlap: both give what goes to 0x08000003 to 0x08000003"),
        (
            (0, b"bootboot"),
            (2, b"app"),
            "boot and app overlap: both give what goes to 0x08000002 to 0x08000004",
        ),
        ((0, b"same"), (0, b"same"), "boot and app overlap: both give what goes to 0x08000000 to 0x08000003"),
        (
            (5, b"boot"),
            (0, b"app..."),
            "app and boot overlap: both give what goes to 0x08000005 to 0x08000005",
        ),
    ],
)
def test_files_that_overlap_are_refused_with_both_names_and_the_range(
    one: tuple[int, bytes], other: tuple[int, bytes], said: str
) -> None:
    problem = refusal(part("boot", one), part("app", other)).problem
    assert problem.code is ProblemCode.DOES_NOT_FIT
    assert problem.message == said


def test_an_overlap_behind_a_file_that_touches_is_named_after_the_file_that_gives_it() -> None:
    problem = refusal(part("a", (0, b"aa")), part("b", (2, b"bb")), part("c", (3, b"c"))).problem
    assert problem.message.startswith("b and c overlap")


def test_files_for_different_families_are_refused() -> None:
    problem = refusal(
        part("a.bin", (0, b"a")),
        part("b.uf2", (2, b"b"), built_for=Family.F1),
        part("c.uf2", (4, b"c"), built_for=Family.F4),
    ).problem
    assert problem.code is ProblemCode.NOT_FIRMWARE
    assert (
        problem.message == "the files are built for different chips: b.uf2 for STM32F1 and c.uf2 for STM32F4"
    )
    assert merged([part("a", (0, b"a")), part("b", (2, b"b"), built_for=Family.F1)]).built_for is Family.F1


def test_too_many_pieces_together_are_refused() -> None:
    halves = [
        part(name, *((4 * at + shift, b"x") for at in range(MAX_SEGMENTS // 2 + 1)))
        for name, shift in (("a", 0), ("b", 2))
    ]
    assert "1026 separate pieces" in refusal(*halves).problem.message
