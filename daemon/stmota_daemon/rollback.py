"""The image that a chip had before: remembered by its unique id, put back when a new one does not do."""

from collections.abc import Awaitable, Callable, Sequence

import msgspec

from stmota_daemon.firmware_store import FirmwareStore
from stmota_daemon.store import Store
from stmota_daemon.target import Target
from stmota_daemon.work import Report, WorkFailed
from stmota_protocol.api import FlashFile, FlashOptions, FlashReport, Problem, ProblemCode

Reflash = Callable[[Sequence[bytes], FlashOptions], Awaitable[FlashReport]]
"""Flashes other files onto the same board. Raises `WorkFailed`."""


class Rollback:
    """For one flash: what the chip had, and what becomes of that."""

    def __init__(self, store: Store, firmware: FirmwareStore, options: FlashOptions) -> None:
        self._store = store
        self._firmware = firmware
        self._options = options
        self._chip: str | None = None
        self._before: tuple[FlashFile, ...] = ()

    def prepare(self, target: Target) -> None:
        """Look up what the chip has. Raises `WorkFailed` if a rollback would have nothing to go back to."""
        self._chip = target.name_of_one
        if self._chip is not None:
            self._before = self._store.verified_image(self._chip) or ()
        if not self._options.rollback:
            return
        if self._chip is None:
            raise WorkFailed(
                _refused("this chip does not tell its unique id, by which images are remembered")
            )
        if not self._before:
            raise WorkFailed(_refused("no image was ever verified on this chip by this daemon"))
        gone = [file.filename for file in self._before if not self._firmware.has(file.firmware)]
        if gone:
            raise WorkFailed(_refused(f"{', '.join(gone)} of the image before is not in the store any more"))

    def remember(self) -> None:
        """The flash is done: what was verified is what the chip has; what was not is not known."""
        if self._chip is not None:
            self._store.save_verified_image(self._chip, self._options.files if self._options.verify else None)

    async def undo(self, missed: Problem, report: Report, reflash: Reflash) -> Problem:
        """The new image did not do: put the old one back if that is wanted. Return the job's problem."""
        if not self._options.rollback:
            self.remember()
            return missed
        names = ", ".join(file.filename for file in self._before)
        report.note(f"{missed.message}; putting back {names}", warning=True)
        options = FlashOptions(
            files=self._before, baud=self._options.baud, supply_mv=self._options.supply_mv, force=True
        )
        try:
            await reflash(self._contents_before(), options)
        except WorkFailed as failed:
            return _not_restored(missed, names, failed.problem)
        return _restored(missed, names)

    def _contents_before(self) -> list[bytes]:
        contents = [self._firmware.read(file.firmware) for file in self._before]
        whole = [content for content in contents if content is not None]
        if len(whole) < len(contents):
            raise WorkFailed(_refused("a file of the image before is damaged in the store"))
        return whole


def _refused(why: str) -> Problem:
    return Problem(
        code=ProblemCode.NO_IMAGE_BEFORE,
        message=f"--rollback has nothing to go back to: {why}",
        remedy="flash the image to go back to once with this daemon, or leave out --rollback",
        step="check",
    )


def _restored(missed: Problem, names: str) -> Problem:
    return msgspec.structs.replace(
        missed, message=f"{missed.message}; the image before ({names}) is back, verified and started"
    )


def _not_restored(missed: Problem, names: str, problem: Problem) -> Problem:
    return msgspec.structs.replace(
        missed,
        message=f"{missed.message}; putting back the image before ({names}) FAILED: {problem.message}",
        remedy=f"the board may start nothing now: {problem.remedy or 'flash it again'}",
    )
