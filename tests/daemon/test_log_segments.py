import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stmota_daemon.log_segments import LogSegments, StoredLine

BOOT = "0000000000000001"


def lines(first_end: int, count: int, text: str = "x") -> list[StoredLine]:
    return [StoredLine(n=0, at=1.0, text=text, end=first_end + index) for index in range(count)]


def texts(segments: LogSegments, number: int = 0, limit: int = 1000) -> list[tuple[int, str]]:
    return [(line.n, line.text) for line in segments.read(number, limit)]


def test_what_is_appended_is_read_back_numbered(tmp_path: Path) -> None:
    segments = LogSegments(tmp_path)
    segments.append(BOOT, lines(1, 2, "a"))
    segments.append(BOOT, lines(3, 1, "b"))
    assert texts(segments) == [(0, "a"), (1, "a"), (2, "b")]
    assert texts(segments, 1, 1) == [(1, "a")]
    assert texts(segments, 3) == []


def test_a_log_goes_on_after_a_restart(tmp_path: Path) -> None:
    before = LogSegments(tmp_path)
    before.append(BOOT, lines(1, 3))
    before.append("02", lines(7, 1))
    before.close()
    after = LogSegments(tmp_path)
    assert (after.next_number, after.boot, after.end) == (4, "02", 7)
    after.append("02", lines(8, 1, "new"))
    assert texts(after, 3) == [(3, "x"), (4, "new")]


def test_segments_are_bounded_in_size_and_number(tmp_path: Path) -> None:
    segments = LogSegments(tmp_path, max_segment=200, max_segments=3)
    for number in range(50):
        segments.append(BOOT, lines(number, 1, f"line {number}"))
    files = sorted(tmp_path.iterdir())
    assert len(files) == 3
    assert all(file.stat().st_size < 300 for file in files)
    assert segments.first_number == int(files[0].stem) > 0
    kept = texts(segments)
    assert kept == [(number, f"line {number}") for number in range(segments.first_number, 50)]
    again = LogSegments(tmp_path, max_segment=200, max_segments=3)
    assert texts(again) == kept


def test_every_segment_says_its_boot_and_only_changes_are_told(tmp_path: Path) -> None:
    segments = LogSegments(tmp_path, max_segment=150)
    written = [segments.append(boot, lines(0, 1))[0].boot for boot in ("01", "01", "02", "02", "02", "02")]
    assert written[:4] == ["01", None, "02", None]
    for file in tmp_path.iterdir():
        assert b'"boot"' in file.read_bytes().split(b"\n")[0]


def test_a_crash_at_any_byte_loses_only_the_torn_record(tmp_path: Path) -> None:
    directory = tmp_path / "whole"
    segments = LogSegments(directory)
    segments.append(BOOT, lines(1, 3, "äöü"))
    segments.close()
    [file] = directory.iterdir()
    whole = file.read_bytes()
    for length in range(len(whole)):
        torn = tmp_path / str(length)
        torn.mkdir()
        (torn / file.name).write_bytes(whole[:length])
        reopened = LogSegments(torn)
        complete = whole[:length].count(b"\n")
        assert reopened.next_number == complete
        assert reopened.end == (complete or None)
        reopened.append(BOOT, lines(100, 1, "after"))
        assert texts(reopened) == [*((number, "äöü") for number in range(complete)), (complete, "after")]
        reopened.close()


def test_a_damaged_record_is_left_out_and_the_numbers_stay(tmp_path: Path) -> None:
    segments = LogSegments(tmp_path)
    segments.append(BOOT, lines(1, 5))
    [file] = tmp_path.iterdir()
    rows = file.read_bytes().split(b"\n")
    rows[2] = b"\x00garbage"
    file.write_bytes(b"\n".join(rows))
    assert [number for number, _ in texts(LogSegments(tmp_path))] == [0, 1, 3, 4]
    assert LogSegments(tmp_path).next_number == 5


def test_a_full_disk_leaves_the_log_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    segments = LogSegments(tmp_path)
    segments.append(BOOT, lines(1, 1, "first"))
    write: Callable[[int, bytes], int] = os.write
    budget = 20

    def full_disk(descriptor: int, data: bytes) -> int:
        nonlocal budget
        if budget == 0:
            raise OSError(28, "No space left on device")
        written = write(descriptor, data[:budget])
        budget -= written
        return written

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", full_disk)
        with pytest.raises(OSError, match="No space left"):
            segments.append(BOOT, lines(2, 2, "second"))
    segments.append(BOOT, lines(2, 1, "third"))
    assert texts(segments) == [(0, "first"), (1, "third")]


def test_foreign_files_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.jsonl").write_text("mine")
    segments = LogSegments(tmp_path)
    segments.append(BOOT, lines(1, 1))
    assert texts(segments) == [(0, "x")]
    assert (tmp_path / "notes.jsonl").read_text() == "mine"


@settings(deadline=None, max_examples=50)
@given(
    appended=st.lists(st.lists(st.text(max_size=60), min_size=1, max_size=5), max_size=12),
    reopen_after=st.sets(st.integers(0, 12)),
    number=st.integers(0, 60),
    limit=st.integers(1, 60),
)
def test_any_page_of_any_log_is_what_was_written(
    tmp_path_factory: pytest.TempPathFactory,
    appended: list[list[str]],
    reopen_after: set[int],
    number: int,
    limit: int,
) -> None:
    directory = tmp_path_factory.mktemp("log")
    segments = LogSegments(directory, max_segment=300)
    written: list[tuple[int, str]] = []
    for index, group in enumerate(appended):
        stored = segments.append(BOOT, [StoredLine(n=0, at=0.0, text=text, end=0) for text in group])
        written += [(line.n, line.text) for line in stored]
        if index in reopen_after:
            segments.close()
            segments = LogSegments(directory, max_segment=300)
    assert [found for found, _ in written] == list(range(len(written)))
    assert texts(segments, number, limit) == written[number : number + limit]
    segments.close()
