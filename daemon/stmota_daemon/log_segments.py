"""A console log on disk: append-only segment files of one JSON record a line, bounded in size and number.

A segment is named by the number of its first record, so that a record is found by name and line. Writes
go to the file at once and are not synced: they survive the daemon's crash, not the machine's last moments.
A torn record at the end, left by a crash, is cut off when the log is opened.
"""

import logging
import os
from pathlib import Path

import msgspec

logger = logging.getLogger(__name__)

MAX_SEGMENT = 512 * 1024
"""Bytes: one is read in a millisecond, which is how long a reader may hold up the daemon."""
MAX_SEGMENTS = 64
"""32 MiB a board: about 400 000 lines."""
_NAME_DIGITS = 16


class StoredLine(msgspec.Struct, frozen=True, omit_defaults=True):
    """One record on disk."""

    n: int
    """Its number."""
    at: float
    text: str
    end: int
    """Console position behind it, on the boot `boot`."""
    boot: str | None = None
    """Boot id in hex, where it differs from the record before or begins a segment."""
    part: bool = False
    """No line end followed."""
    lost: int = 0


_decode = msgspec.json.Decoder(StoredLine).decode
_encode = msgspec.json.Encoder().encode


class LogSegments:
    """The segment files in one directory. Raises OSError as the file system does."""

    def __init__(
        self, directory: Path, max_segment: int = MAX_SEGMENT, max_segments: int = MAX_SEGMENTS
    ) -> None:
        self._directory = directory
        self._max_segment = max_segment
        self._max_segments = max_segments
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._firsts = sorted(int(path.stem) for path in directory.glob("*.jsonl") if path.stem.isdecimal())
        self._descriptor: int | None = None
        self._length = 0
        self.next_number = 0
        self.boot: str | None = None
        self.end: int | None = None
        if self._firsts:
            self._reopen_last()

    def close(self) -> None:
        """Release the file."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    @property
    def first_number(self) -> int:
        """Number of the oldest record that is still there (or will be)."""
        return self._firsts[0] if self._firsts else self.next_number

    def append(self, boot: str, lines: list[StoredLine]) -> list[StoredLine]:
        """Write records, numbered here; return them as written. All of them are written, or none."""
        if not lines:
            return []
        if self._descriptor is None or self._length >= self._max_segment:
            self._begin_segment()
        numbered = [
            msgspec.structs.replace(
                line,
                n=self.next_number + index,
                boot=boot if index == 0 and (boot != self.boot or not self._length) else None,
            )
            for index, line in enumerate(lines)
        ]
        self._write(b"".join(_encode(line) + b"\n" for line in numbered))
        self.next_number += len(numbered)
        self.boot, self.end = boot, numbered[-1].end
        return numbered

    def read(self, number: int, limit: int) -> list[StoredLine]:
        """Return records from `number` on, at most `limit`; damaged ones are left out."""
        found: list[StoredLine] = []
        for index, first in enumerate(self._firsts):
            following = self._firsts[index + 1] if index + 1 < len(self._firsts) else self.next_number
            if following <= number or len(found) >= limit:
                continue
            rows = self._path(first).read_bytes().split(b"\n")[:-1]
            start = max(0, number - first)
            found += _decoded(rows[start : start + limit - len(found)])
        return found

    def _path(self, first: int) -> Path:
        return self._directory / f"{first:0{_NAME_DIGITS}d}.jsonl"

    def _begin_segment(self) -> None:
        self.close()
        path = self._path(self.next_number)
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self._length = 0
        if self.next_number not in self._firsts:
            self._firsts.append(self.next_number)
        while len(self._firsts) > self._max_segments:
            self._path(self._firsts.pop(0)).unlink(missing_ok=True)

    def _write(self, data: bytes) -> None:
        """Append to the open segment. After a failure (disk full) the file is what it was."""
        descriptor = self._descriptor
        if descriptor is None:
            message = "no segment is open"
            raise ValueError(message)
        try:
            written = 0
            while written < len(data):
                written += os.write(descriptor, data[written:])
        except OSError:
            os.ftruncate(descriptor, self._length)
            raise
        self._length += len(data)

    def _reopen_last(self) -> None:
        path = self._path(self._firsts[-1])
        data = path.read_bytes()
        whole = data[: data.rfind(b"\n") + 1]
        self._descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CLOEXEC)
        if len(whole) < len(data):
            logger.warning("%s: a torn record of %d bytes is cut off", path, len(data) - len(whole))
            os.ftruncate(self._descriptor, len(whole))
        self._length = len(whole)
        rows = whole.split(b"\n")[:-1]
        self.next_number = self._firsts[-1] + len(rows)
        records = _decoded(rows)
        if records:
            self.end = records[-1].end
            self.boot = next((record.boot for record in reversed(records) if record.boot), None)


def _decoded(rows: list[bytes]) -> list[StoredLine]:
    records: list[StoredLine] = []
    for row in rows:
        try:
            records.append(_decode(row))
        except msgspec.DecodeError:
            logger.warning("a damaged log record is left out: %.80r", row)
    return records
