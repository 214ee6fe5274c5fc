"""A file that is there whole or not at all."""

import os
from pathlib import Path

import pytest

from stmota_client.errors import ClientError
from stmota_client.output_file import OutputFile


def test_the_content_takes_the_place_of_an_old_file_whose_mode_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "x.bin"
    path.write_bytes(b"old")
    path.chmod(0o640)
    with OutputFile(path) as output:
        assert path.read_bytes() == b"old"
        output.write(b"new")
    assert path.read_bytes() == b"new"
    assert path.stat().st_mode & 0o777 == 0o640
    assert list(tmp_path.iterdir()) == [path]


def test_an_interrupt_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), OutputFile(tmp_path / "x.bin"):
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


def test_a_link_stays_and_what_it_points_to_is_written(tmp_path: Path) -> None:
    real, link = tmp_path / "real.bin", tmp_path / "link.bin"
    link.symlink_to(real)
    with OutputFile(link) as output:
        output.write(b"new")
    assert link.is_symlink()
    assert real.read_bytes() == b"new"


def test_a_pipe_is_written_to_and_not_replaced(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        with OutputFile(pipe) as output:
            output.write(b"through")
        assert os.read(reader, 100) == b"through"
    finally:
        os.close(reader)
    assert pipe.is_fifo()


def test_a_place_that_cannot_be_written_to_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(ClientError, match=r"cannot write .*: No such file or directory"):
        OutputFile(tmp_path / "no" / "x.bin").__enter__()
