"""The file that `--trace` names: opened before the job, so that a wrong name costs nothing."""

from pathlib import Path
from types import TracebackType
from typing import Self

from stmota_client import screen
from stmota_client.client import Client
from stmota_client.errors import ClientError
from stmota_protocol.api import Job, ProblemCode


class TraceOutput:
    """A file for one job's trace; a context manager. Raises `ClientError` (USAGE) if it cannot be written."""

    def __init__(self, name: str) -> None:
        self._path = Path(name)
        try:
            self._file = self._path.open("wb")
        except OSError as error:
            raise self._refused(error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def fetch(self, client: Client, job: Job) -> None:
        """Write the trace of a job that has ended; one that cannot be had is a warning: the job is done."""
        try:
            self._file.write(client.job_trace(job.id))
            self._file.flush()
        except ClientError as error:
            screen.warn(f"no trace of job {job.id}: {error}")
        except OSError as error:
            raise self._refused(error) from error

    def _refused(self, error: OSError) -> ClientError:
        return ClientError.of(
            ProblemCode.USAGE,
            f"cannot write the trace to {self._path}: {error.strerror}",
            "name a file that can be written behind --trace",
        )
