import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stmota_daemon.errors import NotPrivate
from stmota_daemon.peer_text import cleaned
from stmota_daemon.private_files import make_private_dir
from stmota_edge.atomic_file import write_atomically


def test_a_private_directory_is_made_and_found_again(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b"
    make_private_dir(path)
    make_private_dir(path)
    assert path.stat().st_mode & 0o777 == 0o700


def test_a_directory_of_somebody_else_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    owner = tmp_path.stat().st_uid
    monkeypatch.setattr(os, "getuid", lambda: owner + 1)
    with pytest.raises(NotPrivate, match=rf"belongs to user {owner}, .* must be your own"):
        make_private_dir(tmp_path)


def test_a_file_in_the_place_of_a_directory_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(NotPrivate, match=r"cannot use the directory .*/file/x: Not a directory"):
        make_private_dir(tmp_path / "file" / "x")


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "f"
    write_atomically(path, b"old")
    assert path.stat().st_mode & 0o777 == 0o600

    def full_disk(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(OSError, match="No space left"):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


@settings(deadline=None)
@given(text=st.text(), max_length=st.integers(1, 80))
def test_cleaned_text_is_printable_and_short(text: str, max_length: int) -> None:
    shown = cleaned(text, max_length)
    assert shown.isprintable()
    assert len(shown) <= max_length
    if text.isprintable() and len(text) <= max_length:
        assert shown == text


def test_control_characters_are_shown_as_what_they_are() -> None:
    assert cleaned("evil\x1b]0;x\x07\n", 63) == r"evil\x1b]0;x\x07\n"
    assert cleaned("x" * 100, 10) == "xxxxxxxxx…"
