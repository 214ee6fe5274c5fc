"""What a job leaves behind for later jobs and for its own second life, as the job sees it."""

from abc import ABC, abstractmethod
from collections.abc import Mapping

from stmota_daemon.store import Store


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


class NoMemory(Memory):
    """Remembers nothing."""

    def held(self, chip: str | None) -> Mapping[int, str]:
        """Return nothing."""
        return {}

    def remember(self, chip: str | None, units: Mapping[int, str]) -> None:
        """Forget it."""


class StoredMemory(Memory):
    """The daemon's, in its store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def held(self, chip: str | None) -> Mapping[int, str]:
        """Return what the store has."""
        return {} if chip is None else self._store.held_units(chip)

    def remember(self, chip: str | None, units: Mapping[int, str]) -> None:
        """Put it into the store."""
        if chip is not None:
            self._store.save_held_units(chip, {**self._store.held_units(chip), **units})


NO_MEMORY = NoMemory()
