"""Which coroutine does which kind of job."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import TypeAlias, TypeVar

from stmota_daemon.bridge_settings_job import bridge_settings
from stmota_daemon.bridge_update_job import SignUpdate, bridge_update
from stmota_daemon.doctor import doctor
from stmota_daemon.erase_job import erase
from stmota_daemon.expectation import ExpectationMissed
from stmota_daemon.firmware_store import MAX_FIRMWARE, FirmwareStore
from stmota_daemon.flash import flash
from stmota_daemon.go_job import go
from stmota_daemon.inspect import info, reset
from stmota_daemon.jobs import JobRegistry
from stmota_daemon.memory import JobMemory
from stmota_daemon.option_job import option_bytes
from stmota_daemon.protect_job import protect, unprotect
from stmota_daemon.read_job import read
from stmota_daemon.rollback import Rollback
from stmota_daemon.store import Store
from stmota_daemon.verify_job import verify
from stmota_daemon.work import Board, Report, WorkFailed
from stmota_daemon.work_outcome import WorkOutcome
from stmota_protocol.api import FlashFile, FlashOptions, Job, JobKind, Problem, ProblemCode
from stmota_protocol.api.bridge_work import BridgeSettingsOptions, BridgeUpdateOptions
from stmota_protocol.api.chip_work import (
    EraseOptions,
    GoOptions,
    OptionBytesOptions,
    ProtectOptions,
    ReadOptions,
    UnprotectOptions,
    VerifyOptions,
)

Options = TypeVar("Options")
Work: TypeAlias = Callable[[Board, Report, Job], Awaitable[WorkOutcome]]
"""Does a job on a board; raises `WorkFailed`. A cancellation leaves the chip reset."""


def works(
    firmware: FirmwareStore, store: Store, jobs: JobRegistry, sign_update: SignUpdate
) -> Mapping[JobKind, Work]:
    """Return what to do for each kind of job."""

    async def do_flash(board: Board, report: Report, job: Job) -> WorkOutcome:
        options = _flash_options(job)
        rollback = Rollback(store, firmware, options)
        contents = _contents(firmware, options.files)
        memory = JobMemory(store, firmware, partial(jobs.add_files, job.id))
        try:
            done = await flash(board, report, contents, options, rollback.prepare, memory)
        except ExpectationMissed as missed:
            problem = await rollback.undo(
                missed.problem, report, partial(flash, board, report, memory=memory)
            )
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

    async def do_read(board: Board, report: Report, options: ReadOptions) -> WorkOutcome:
        return await read(board, report, firmware, options)

    async def do_verify(board: Board, report: Report, options: VerifyOptions) -> WorkOutcome:
        return await verify(board, report, _contents(firmware, options.files), options)

    async def do_update(board: Board, report: Report, job: Job) -> WorkOutcome:
        options = _options(BridgeUpdateOptions, job)
        image = _firmware(firmware, options.firmware, options.filename)
        return await bridge_update(board, report, image, options, sign_update, is_resumed=job.restarts > 0)

    return {
        JobKind.FLASH: do_flash,
        JobKind.INFO: do_info,
        JobKind.RESET: do_reset,
        JobKind.DOCTOR: do_doctor,
        JobKind.READ: _with_options(ReadOptions, do_read),
        JobKind.VERIFY: _with_options(VerifyOptions, do_verify),
        JobKind.ERASE: _with_options(EraseOptions, erase),
        JobKind.GO: _with_options(GoOptions, go),
        JobKind.PROTECT: _with_options(ProtectOptions, protect),
        JobKind.UNPROTECT: _with_options(UnprotectOptions, unprotect),
        JobKind.OPTION_BYTES: _with_options(OptionBytesOptions, option_bytes),
        JobKind.BRIDGE_SETTINGS: _with_options(BridgeSettingsOptions, bridge_settings),
        JobKind.BRIDGE_UPDATE: do_update,
    }


def _with_options(
    kind: type[Options], work: Callable[[Board, Report, Options], Awaitable[WorkOutcome]]
) -> Work:
    """Make work on options of a kind into work on a job that has them."""

    async def do(board: Board, report: Report, job: Job) -> WorkOutcome:
        return await work(board, report, _options(kind, job))

    return do


def _options(kind: type[Options], job: Job) -> Options:
    if not isinstance(job.options, kind):
        message = f"job {job.id} has no options of the kind {job.kind.value}"
        raise WorkFailed(Problem(code=ProblemCode.USAGE, message=message))
    return job.options


def _flash_options(job: Job) -> FlashOptions:
    if job.flash is None:
        raise WorkFailed(Problem(code=ProblemCode.USAGE, message=f"job {job.id} says not what to flash"))
    return job.flash


def _contents(store: FirmwareStore, files: Sequence[FlashFile]) -> list[bytes]:
    """Read a job's files. Raises `WorkFailed` where one is not in the store, or all are too much."""
    contents: list[bytes] = []
    for file in files:
        contents.append(_firmware(store, file.firmware, file.filename))
        if sum(map(len, contents)) > MAX_FIRMWARE:
            raise WorkFailed(_too_much(len(files)))
    return contents


def _firmware(store: FirmwareStore, sha256: str, filename: str) -> bytes:
    found = store.read(sha256)
    if found is None:
        problem = Problem(
            code=ProblemCode.UNKNOWN_FIRMWARE,
            message=f"the firmware {sha256[:12]} of {filename} is not in the store any more",
            remedy="give the command again: that sends it again",
        )
        raise WorkFailed(problem)
    return found


def _too_much(count: int) -> Problem:
    return Problem(
        code=ProblemCode.DOES_NOT_FIT,
        message=f"the {count} files have more than {MAX_FIRMWARE >> 20} MiB together",
        remedy="strip the debug information from ELF files, or give Intel HEX files made of them",
    )
