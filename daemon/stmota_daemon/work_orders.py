"""Which coroutine does which kind of job."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

from stmota_daemon.doctor import doctor
from stmota_daemon.expectation import ExpectationMissed
from stmota_daemon.firmware_store import MAX_FIRMWARE, FirmwareStore
from stmota_daemon.flash import flash
from stmota_daemon.inspect import info, reset
from stmota_daemon.rollback import Rollback
from stmota_daemon.store import Store
from stmota_daemon.work import Board, Report, WorkFailed
from stmota_protocol.api import (
    DoctorReport,
    FlashFile,
    FlashOptions,
    FlashReport,
    Job,
    JobKind,
    Problem,
    ProblemCode,
    TargetInfo,
)


@dataclass(frozen=True, slots=True)
class WorkOutcome:
    """What a job brought back."""

    report: FlashReport | None = None
    target: TargetInfo | None = None
    doctor: DoctorReport | None = None

    @property
    def found(self) -> TargetInfo | None:
        """The chip that was found, if the job looked."""
        return self.report.target if self.report else self.target


Work: TypeAlias = Callable[[Board, Report, Job], Awaitable[WorkOutcome]]
"""Does a job on a board; raises `WorkFailed`. A cancellation leaves the chip reset."""


def works(firmware: FirmwareStore, store: Store) -> Mapping[JobKind, Work]:
    """Return what to do for each kind of job."""

    async def do_flash(board: Board, report: Report, job: Job) -> WorkOutcome:
        options = _flash_options(job)
        rollback = Rollback(store, firmware, options)
        contents = _contents(firmware, options)
        try:
            done = await flash(board, report, contents, options, rollback.prepare)
        except ExpectationMissed as missed:
            problem = await rollback.undo(missed.problem, report, partial(flash, board, report))
            raise WorkFailed(problem) from missed
        rollback.remember()
        return WorkOutcome(report=done)

    async def do_info(board: Board, report: Report, _job: Job) -> WorkOutcome:
        return WorkOutcome(target=await info(board, report))

    async def do_reset(board: Board, report: Report, _job: Job) -> WorkOutcome:
        await reset(board, report)
        return WorkOutcome()

    async def do_doctor(board: Board, report: Report, _job: Job) -> WorkOutcome:
        return WorkOutcome(doctor=await doctor(board, report))

    return {
        JobKind.FLASH: do_flash,
        JobKind.INFO: do_info,
        JobKind.RESET: do_reset,
        JobKind.DOCTOR: do_doctor,
    }


def _flash_options(job: Job) -> FlashOptions:
    if job.flash is None:
        raise WorkFailed(Problem(code=ProblemCode.USAGE, message=f"job {job.id} says not what to flash"))
    return job.flash


def _contents(firmware: FirmwareStore, options: FlashOptions) -> list[bytes]:
    """Read a flash's files. Raises `WorkFailed` where one is not in the store, or all are too much."""
    contents: list[bytes] = []
    for file in options.files:
        content = firmware.read(file.firmware)
        if content is None:
            raise WorkFailed(_no_firmware(file))
        contents.append(content)
        if sum(map(len, contents)) > MAX_FIRMWARE:
            raise WorkFailed(_too_much(options))
    return contents


def _no_firmware(file: FlashFile) -> Problem:
    return Problem(
        code=ProblemCode.UNKNOWN_FIRMWARE,
        message=f"the firmware {file.firmware[:12]} of {file.filename} is not in the store any more",
        remedy="flash the file again: that sends it again",
    )


def _too_much(options: FlashOptions) -> Problem:
    return Problem(
        code=ProblemCode.DOES_NOT_FIT,
        message=f"the {len(options.files)} files have more than {MAX_FIRMWARE >> 20} MiB together",
        remedy="strip the debug information from ELF files, or give Intel HEX files made of them",
    )
