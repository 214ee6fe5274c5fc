"""What an image leaves uncovered of its erase units."""

from stmota_protocol.chips.layout import EraseUnit
from stmota_protocol.images import Image, Segment
from stmota_protocol.uncovered import Span, not_empty, uncovered

UNITS = tuple(EraseUnit(index, 0x400 * index, 0x400) for index in range(4))


def image(*segments: tuple[int, int]) -> Image:
    return Image(tuple(Segment(start, bytes(end - start)) for start, end in segments))


def test_a_unit_that_is_covered_whole_leaves_nothing() -> None:
    assert uncovered(image((0, 0x800)), UNITS[:2]) == ()


def test_what_is_before_between_and_behind_segments_is_uncovered_unit_by_unit() -> None:
    found = uncovered(image((0x100, 0x200), (0x300, 0x500), (0xC10, 0xC20)), (UNITS[0], UNITS[1], UNITS[3]))
    assert found == (
        Span(0, 0x100),
        Span(0x200, 0x300),
        Span(0x500, 0x800),
        Span(0xC00, 0xC10),
        Span(0xC20, 0x1000),
    )


def test_a_span_is_cut_at_multiples_of_a_block() -> None:
    assert list(Span(0x1F0, 0x410).cut()) == [
        Span(0x1F0, 0x200),
        Span(0x200, 0x300),
        Span(0x300, 0x400),
        Span(0x400, 0x410),
    ]


def test_empty_pieces_are_left_out_and_others_joined() -> None:
    pieces = [
        (Span(0, 2), b"ab"),
        (Span(2, 4), b"c\xff"),
        (Span(4, 6), b"\xff\xff"),
        (Span(6, 8), b"\xffd"),
    ]
    assert not_empty(pieces, 0xFF) == (Segment(0, b"abc\xff"), Segment(6, b"\xffd"))
    assert not_empty(pieces[2:3], 0xFF) == ()
