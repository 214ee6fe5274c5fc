from hypothesis import given, settings
from hypothesis import strategies as st

from stmota_daemon.console_lines import MAX_LINE, Line, LineSplitter

BYTE_S = 0.001


def line(at_s: float, text: str, end: int, *, complete: bool = True, lost: int = 0) -> Line:
    return Line(at_s=at_s, text=text, complete=complete, lost=lost, end=end)


def test_bytes_become_lines_with_the_time_of_their_first_byte() -> None:
    splitter = LineSplitter(0)
    assert splitter.feed(0, 10.0, BYTE_S, b"boot\r\nup 1 s\nup") == [
        line(10.0, "boot", 6),
        line(10.006, "up 1 s", 13),
    ]
    assert splitter.has_pending
    assert splitter.feed(15, 12.0, BYTE_S, b" 2 s\n") == [line(10.013, "up 2 s", 20)]
    assert not splitter.has_pending


def test_an_empty_line_is_a_line() -> None:
    assert LineSplitter(0).feed(0, 1.0, BYTE_S, b"\n\r\n") == [line(1.0, "", 1), line(1.001, "", 3)]


def test_what_comes_twice_is_dropped() -> None:
    splitter = LineSplitter(0)
    splitter.feed(0, 1.0, BYTE_S, b"one\ntw")
    assert splitter.feed(0, 2.0, BYTE_S, b"one\ntwo\n") == [line(1.004, "two", 8)]
    assert splitter.feed(2, 3.0, BYTE_S, b"e\n") == []


def test_what_is_missing_is_counted_before_the_next_record() -> None:
    splitter = LineSplitter(0)
    splitter.feed(0, 1.0, BYTE_S, b"ab")
    assert splitter.feed(10, 2.0, BYTE_S, b"c\n") == [
        line(1.0, "ab", 2, complete=False),
        line(2.0, "c", 12, lost=8),
    ]


def test_a_gap_and_the_hole_around_it_are_counted_once() -> None:
    splitter = LineSplitter(0)
    assert splitter.gap(0, 100) == []
    assert splitter.gap(50, 100) == []
    assert splitter.feed(160, 2.0, BYTE_S, b"c\n") == [line(2.0, "c", 162, lost=160)]


def test_without_a_known_position_the_first_byte_decides() -> None:
    splitter = LineSplitter(None)
    assert splitter.gap(0, 1000) == []
    assert splitter.feed(1000, 2.0, BYTE_S, b"c\n") == [line(2.0, "c", 1002)]


def test_a_line_that_never_ends_is_cut_into_parts() -> None:
    splitter = LineSplitter(0)
    lines = splitter.feed(0, 0.0, BYTE_S, b"x" * (2 * MAX_LINE) + b"y\n")
    assert lines == [
        line(0.0, "x" * MAX_LINE, MAX_LINE, complete=False),
        line(MAX_LINE * BYTE_S, "x" * MAX_LINE, 2 * MAX_LINE, complete=False),
        line(2 * MAX_LINE * BYTE_S, "y", 2 * MAX_LINE + 2),
    ]


def test_bytes_that_are_no_utf8_are_shown_as_such() -> None:
    assert LineSplitter(0).feed(0, 0.0, BYTE_S, b"a\xff\xc3\n")[0].text == r"a\xff\xc3"


def test_a_flush_does_not_split_a_character_but_does_not_wait_for_ever_either() -> None:
    splitter = LineSplitter(0)
    splitter.feed(0, 0.0, BYTE_S, "a€".encode()[:-1])
    assert [found.text for found in splitter.flush()] == ["a"]
    assert [found.text for found in splitter.flush()] == [r"\xe2\x82"]
    assert splitter.flush() == []


def test_a_flush_does_not_split_a_line_end() -> None:
    splitter = LineSplitter(0)
    splitter.feed(0, 0.0, BYTE_S, b"ok\r")
    assert splitter.flush() == [line(0.0, "ok", 2, complete=False)]
    assert [found.text for found in splitter.feed(3, 1.0, BYTE_S, b"\n")] == [""]


chunks = st.lists(st.binary(max_size=40), max_size=20)


@settings(deadline=None)
@given(chunks=chunks, flush_after=st.sets(st.integers(0, 20)), data=st.data())
def test_no_byte_is_lost_or_doubled_whatever_comes_again(
    chunks: list[bytes], flush_after: set[int], data: st.DataObject
) -> None:
    whole = b"".join(chunks)
    splitter = LineSplitter(0)
    lines: list[Line] = []
    position = 0
    for index, chunk in enumerate(chunks):
        again_from = data.draw(st.integers(0, position))
        lines += splitter.feed(again_from, 0.0, BYTE_S, whole[again_from : position + len(chunk)])
        position += len(chunk)
        if index in flush_after:
            lines += splitter.flush()
    while splitter.has_pending:
        lines += splitter.flush()
    start = 0
    for found in lines:
        piece = whole[start : found.end]
        piece = piece.removesuffix(b"\n").removesuffix(b"\r") if found.complete else piece
        assert found.text == piece.decode("utf-8", "backslashreplace")
        assert found.lost == 0
        start = found.end
    assert start == len(whole)
    assert sum(found.complete for found in lines) == whole.count(b"\n")


@settings(deadline=None)
@given(text=st.text(max_size=300), cuts=st.lists(st.integers(0, 1200), max_size=8))
def test_text_that_is_flushed_anywhere_stays_whole_characters(text: str, cuts: list[int]) -> None:
    whole = text.replace("\n", " ").replace("\r", " ").encode()
    splitter = LineSplitter(0)
    lines: list[Line] = []
    start = 0
    for cut in [*sorted(min(cut, len(whole)) for cut in cuts), len(whole)]:
        lines += splitter.feed(start, 0.0, BYTE_S, whole[start:cut])
        if splitter.has_pending and _is_worth_a_flush(whole[:cut], lines):
            lines += splitter.flush()
        start = cut
    while splitter.has_pending:
        lines += splitter.flush()
    assert "".join(found.text for found in lines) == whole.decode()


def _is_worth_a_flush(so_far: bytes, lines: list[Line]) -> bool:
    """Whether a whole character waits: a cut one alone is flushed as bytes, for want of its rest."""
    end = lines[-1].end if lines else 0
    try:
        return bool(so_far[end:].decode())
    except UnicodeDecodeError as error:
        return error.start > 0
