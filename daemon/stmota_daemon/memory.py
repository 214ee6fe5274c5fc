"""What a job leaves behind for later jobs and for its own second life, as the job sees it."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence

from stmota_daemon.firmware_store import FirmwareStore
from stmota_daemon.store import Store
from stmota_daemon.work import WorkFailed
from stmota_protocol.api import FlashFile, Problem, ProblemCode
from stmota_protocol.images import Segment


class Memory(ABC):
    """What is remembered of chips. Only ever a hint: somebody else may have had the chip in between.

    Nothing is remembered of chips without a name (None).
    """

    @abstractmethod
    def held(self, chip: str | None) -> Mapping[int, str]:
        """What that chip's erase units held last, by address: digests of `UnitContent`."""

    @abstractmethod
    def remember(self, chip: str | None, units: Mapping[int, str]) -> None:
        """These units hold, or are about to hold, what these digests say. Others stay as they were known."""

    @abstractmethod
    def keep(self, segments: Sequence[Segment]) -> None:
        """Keep these bytes for this job's second life, before they are erased: they become files of it.

        Raises `WorkFailed` where they cannot be stored.
        """


class NoMemory(Memory):
    """Remembers nothing."""

    def held(self, chip: str | None) -> Mapping[int, str]:
        """Return nothing."""
        return {}

    def remember(self, chip: str | None, units: Mapping[int, str]) -> None:
        """Forget it."""

    def keep(self, segments: Sequence[Segment]) -> None:
        """Keep nothing: for jobs that have no second life."""


class JobMemory(Memory):
    """One job's, in the daemon's stores."""

    def __init__(
        self, store: Store, firmware: FirmwareStore, add_files: Callable[[tuple[FlashFile, ...]], None]
    ) -> None:
        """`add_files` makes files part of the job."""
        self._store = store
        self._firmware = firmware
        self._add_files = add_files

    def held(self, chip: str | None) -> Mapping[int, str]:
        """Return what the store has."""
        return {} if chip is None else self._store.held_units(chip)

    def remember(self, chip: str | None, units: Mapping[int, str]) -> None:
        """Put it into the store."""
        if chip is not None:
            self._store.save_held_units(chip, {**self._store.held_units(chip), **units})

    def keep(self, segments: Sequence[Segment]) -> None:
        """Put them into the firmware store, and their names into the job."""
        try:
            stored = [(self._firmware.put(segment.data), segment.address) for segment in segments]
        except OSError as error:
            raise WorkFailed(_cannot_keep(error)) from error
        self._add_files(
            tuple(
                FlashFile(firmware=sha256, filename=f"kept from 0x{address:08X}", address=address, kept=True)
                for sha256, address in stored
            )
        )


def _cannot_keep(error: OSError) -> Problem:
    return Problem(
        code=ProblemCode.FAILED,
        message=f"what is to be kept cannot be stored: {error.strerror}; nothing was erased",
        remedy="is the daemon's disk full?",
        step="read",
    )


NO_MEMORY = NoMemory()
