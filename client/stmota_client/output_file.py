"""A file that is there whole or not at all."""

import os
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from stmota_client.errors import ClientError
from stmota_protocol.api import ProblemCode


class OutputFile:
    """Makes room beside `path` at once, so that what will not work shows before the work.

    `write` puts all of the content in its place; a `with` block left without it leaves nothing behind. What
    is no regular file (a device, a pipe) is written to as it is. One that `is_private` only its owner reads.
    """

    def __init__(self, path: Path, *, is_private: bool = False) -> None:
        self._shown = path
        self._mode = 0o600 if is_private else 0o666
        self._path = path.resolve()
        self._beside: Path | None = None

    def __enter__(self) -> Self:
        try:
            if not self._path.exists() or self._path.is_file():
                beside = self._path.with_name(f".{self._path.name}.{os.urandom(4).hex()}.part")
                beside.touch(self._mode, exist_ok=False)
                self._beside = beside
            elif self._path.is_dir():
                raise _cannot_write(self._shown, "it is a directory")
        except OSError as error:
            raise _cannot_write(self._shown, error.strerror) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._beside is not None:
            with suppress(OSError):
                self._beside.unlink(missing_ok=True)

    def write(self, content: bytes) -> None:
        """Write all of it. Raises `ClientError`; what stood there before is then untouched."""
        try:
            with (self._beside or self._path).open("wb") as file:
                file.write(content)
                if self._beside is not None:
                    file.flush()
                    os.fsync(file.fileno())
            if self._beside is not None:
                if self._path.exists():
                    self._beside.chmod(self._path.stat().st_mode & 0o777)
                self._beside.replace(self._path)
        except OSError as error:
            raise _cannot_write(self._shown, error.strerror) from error


def _cannot_write(path: Path, why: str | None) -> ClientError:
    return ClientError.of(ProblemCode.USAGE, f"cannot write {path}: {why}", "name another file")
