"""Which coroutine does which kind of job."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from stmota_daemon.firmware_store import FirmwareStore
from stmota_daemon.flash import flash
from stmota_daemon.inspect import info, reset
from stmota_daemon.work import Board, Report, WorkFailed
from stmota_protocol.api import FlashOptions, FlashReport, Job, JobKind, Problem, ProblemCode, TargetInfo


@dataclass(frozen=True, slots=True)
class WorkOutcome:
    """What a job brought back."""

    report: FlashReport | None = None
    target: TargetInfo | None = None

    @property
    def found(self) -> TargetInfo | None:
        """The chip that was found, if the job looked."""
        return self.report.target if self.report else self.target


Work: TypeAlias = Callable[[Board, Report, Job], Awaitable[WorkOutcome]]
"""Does a job on a board; raises `WorkFailed`. A cancellation leaves the chip reset."""


def works(firmware: FirmwareStore) -> Mapping[JobKind, Work]:
    """Return what to do for each kind of job."""

    async def do_flash(board: Board, report: Report, job: Job) -> WorkOutcome:
        options = _flash_options(job)
        image_file = firmware.read(options.firmware)
        if image_file is None:
            raise WorkFailed(_no_firmware(options))
        return WorkOutcome(report=await flash(board, report, image_file, options))

    async def do_info(board: Board, report: Report, _job: Job) -> WorkOutcome:
        return WorkOutcome(target=await info(board, report))

    async def do_reset(board: Board, report: Report, _job: Job) -> WorkOutcome:
        await reset(board, report)
        return WorkOutcome()

    return {JobKind.FLASH: do_flash, JobKind.INFO: do_info, JobKind.RESET: do_reset}


def _flash_options(job: Job) -> FlashOptions:
    if job.flash is None:
        raise WorkFailed(Problem(code=ProblemCode.USAGE, message=f"job {job.id} says not what to flash"))
    return job.flash


def _no_firmware(options: FlashOptions) -> Problem:
    return Problem(
        code=ProblemCode.UNKNOWN_FIRMWARE,
        message=f"the firmware {options.firmware[:12]} of {options.filename} is not in the store any more",
        remedy="flash the file again: that sends it again",
    )
