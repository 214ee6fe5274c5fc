"""Traces of jobs: a file each, bounded one by one and all together; docs/trace.md has the format."""

import logging
import os
from pathlib import Path

from stmota_protocol.trace import TraceFull, TraceHeader, TraceRecord, trace_line

logger = logging.getLogger(__name__)

MAX_TRACE = 64 * 1024 * 1024
"""Bytes of one trace: 2 MiB written and read back make some 14 MB, so this is for a job gone wild."""
MAX_TOTAL = 512 * 1024 * 1024
"""Bytes of all traces: the oldest go first."""
_SUFFIX = ".trace.jsonl"


class TraceStore:
    """A directory of traces, by job."""

    def __init__(self, directory: Path, max_trace: int = MAX_TRACE, max_total: int = MAX_TOTAL) -> None:
        self._directory = directory
        self._max_trace = max_trace
        self._max_total = max_total
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)

    def find(self, job_id: str) -> Path | None:
        """Return the file of a job that is known; None if it has none (any more)."""
        path = self._path(job_id)
        return path if path.exists() else None

    def open(self, header: TraceHeader) -> "TraceFile":
        """Begin a job's trace, or go on with the one that an earlier daemon began. Never raises OSError."""
        self._make_room()
        return TraceFile(self._path(header.job), header, self._max_trace)

    def _path(self, job_id: str) -> Path:
        return self._directory / f"{job_id}{_SUFFIX}"

    def _make_room(self) -> None:
        try:
            files = [(path.stat(), path) for path in self._directory.glob(f"*{_SUFFIX}")]
            total = sum(status.st_size for status, _ in files)
            for status, path in sorted(files, key=lambda entry: entry[0].st_mtime_ns):
                if total + self._max_trace <= self._max_total:
                    return
                path.unlink(missing_ok=True)
                total -= status.st_size
        except OSError as error:
            logger.warning("old traces cannot be removed: %s", error)


class TraceFile:
    """One trace being written. A disk that refuses ends the trace, not the job: it is logged once."""

    def __init__(self, path: Path, header: TraceHeader, max_bytes: int) -> None:
        self._left = max_bytes
        self._descriptor: int | None = None
        try:
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
            length = _cut_half_line(self._descriptor)
        except OSError as error:
            self._give_up(error)
            return
        self._left -= length
        if not length:
            self.write(header)

    def write(self, *records: TraceRecord) -> None:
        """Append records, in one write: a reader never sees half of them but after a crash."""
        data = b"".join(map(trace_line, records))
        if self._descriptor is None or not data:
            return
        if len(data) > self._left:
            data = trace_line(TraceFull(at=records[0].at))
        self._left -= len(data)
        try:
            os.write(self._descriptor, data)
        except OSError as error:
            self._give_up(error)
            return
        if self._left < 0 or data.startswith(b'{"type":"full"'):
            self.close()

    def close(self) -> None:
        """Release the file."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _give_up(self, error: OSError) -> None:
        logger.error("the trace cannot be written: %s", error)
        self.close()


def _cut_half_line(descriptor: int) -> int:
    """Remove what follows the last line end: a daemon was killed there. Return the length left."""
    length = os.fstat(descriptor).st_size
    data = os.pread(descriptor, length, 0)
    whole = data.rfind(b"\n") + 1
    if whole < length:
        os.ftruncate(descriptor, whole)
    return whole
