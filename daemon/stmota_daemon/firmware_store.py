"""Firmware by content hash: a file is sent once, and what a job reads is what the client sent."""

import hashlib
import os
import re
import secrets
from pathlib import Path
from typing import Self

from stmota_daemon.errors import DaemonError

MAX_FIRMWARE = 64 * 1024 * 1024
"""Bytes of one file: far above any image (2 MiB of flash) and any ELF; bounds an upload."""
MAX_TOTAL = 2 * 1024 * 1024 * 1024
"""Bytes of all files: the least recently used go first."""
_HASH = re.compile(r"[0-9a-f]{64}\Z")


class FirmwareTooLarge(DaemonError):
    """The file exceeds `MAX_FIRMWARE`."""


class WrongHash(DaemonError):
    """What came does not have the hash it was announced with."""


class FirmwareStore:
    """A directory of files named by their SHA-256 in hex. Raises OSError as the file system does."""

    def __init__(self, directory: Path, max_total: int = MAX_TOTAL) -> None:
        self._directory = directory
        self._max_total = max_total
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        for leftover in directory.glob(".upload-*"):
            leftover.unlink(missing_ok=True)

    @staticmethod
    def is_hash(text: str) -> bool:
        """Whether `text` is a SHA-256 in lower-case hex."""
        return _HASH.match(text) is not None

    def has(self, sha256: str) -> bool:
        """Whether that firmware is here; it counts as used now."""
        if not self.is_hash(sha256):
            return False
        try:
            os.utime(self._directory / sha256)
        except FileNotFoundError:
            return False
        return True

    def read(self, sha256: str) -> bytes | None:
        """Return that firmware; None when it is not here or its file was damaged (it is removed then)."""
        if not self.has(sha256):
            return None
        path = self._directory / sha256
        data = path.read_bytes()
        if hashlib.sha256(data).hexdigest() != sha256:
            path.unlink(missing_ok=True)
            return None
        return data

    def put(self, data: bytes) -> str:
        """Store a firmware of the daemon's own; return its SHA-256 in hex."""
        sha256 = hashlib.sha256(data).hexdigest()
        if not self.has(sha256):
            with self.begin(sha256) as upload:
                upload.write(data)
                upload.finish()
        return sha256

    def begin(self, sha256: str) -> "Upload":
        """Begin to receive a firmware. Raises ValueError for what is no hash."""
        if not self.is_hash(sha256):
            message = f"{sha256[:80]!r} is no SHA-256 in lower-case hex"
            raise ValueError(message)
        return Upload(self, self._directory, sha256)

    def make_room(self) -> None:
        """Remove the least recently used files while all of them exceed the total."""
        files = [(path.stat(), path) for path in self._directory.iterdir() if self.is_hash(path.name)]
        total = sum(status.st_size for status, _ in files)
        for status, path in sorted(files, key=lambda entry: entry[0].st_mtime_ns):
            if total <= self._max_total:
                return
            path.unlink(missing_ok=True)
            total -= status.st_size


class Upload:
    """One firmware on its way in; a context manager that leaves nothing behind unless `finish` succeeded."""

    def __init__(self, store: FirmwareStore, directory: Path, sha256: str) -> None:
        self._store = store
        self._sha256 = sha256
        self._final = directory / sha256
        self._path = directory / f".upload-{secrets.token_hex(8)}"
        self._file = os.fdopen(os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
        self._hash = hashlib.sha256()
        self._length = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._file.close()
        self._path.unlink(missing_ok=True)

    def write(self, data: bytes) -> None:
        """Append a piece. Raises `FirmwareTooLarge`."""
        self._length += len(data)
        if self._length > MAX_FIRMWARE:
            message = f"a firmware may have {MAX_FIRMWARE} bytes"
            raise FirmwareTooLarge(message)
        self._hash.update(data)
        self._file.write(data)

    def finish(self) -> None:
        """Check the hash and put the file in its place. Raises `WrongHash`."""
        found = self._hash.hexdigest()
        if found != self._sha256:
            message = (
                f"the body has SHA-256 {found}, not {self._sha256}: was it cut off or changed on its way?"
            )
            raise WrongHash(message)
        self._file.flush()
        os.fsync(self._file.fileno())
        self._path.replace(self._final)
        self._store.make_room()
