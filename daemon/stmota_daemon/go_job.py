"""The go job: start what is at an address, by the ROM's GO."""

from stmota_daemon.ending import go_obstacle, start_and_watch
from stmota_daemon.in_rom import in_rom
from stmota_daemon.inspect import ASK_BAUD
from stmota_daemon.refusals import command_listed, readable, refuse
from stmota_daemon.target import VECTORS_BYTES, Target, describe, read_several
from stmota_daemon.work import Board, Report
from stmota_daemon.work_outcome import WorkOutcome
from stmota_protocol.an3155 import Code
from stmota_protocol.api import Phase, Problem, ProblemCode
from stmota_protocol.api.chip_work import GoOptions, GoResult
from stmota_protocol.chips.model import RegisterRead
from stmota_protocol.image_checks import ram_ranges
from stmota_protocol.plan import Block


async def go(board: Board, report: Report, options: GoOptions) -> WorkOutcome:
    """Start it and watch the log. Raises `WorkFailed`; only then the chip is left reset."""
    async with in_rom(board, report, ASK_BAUD, resets=False) as (bootloader, target):
        readable(target)
        command_listed(target, Code.GO)
        where = RegisterRead(options.address, VECTORS_BYTES)
        vectors = (await read_several(bootloader, [where])).get(where)
        problem = _doubt(target, options.address, vectors)
        if problem is not None:
            refuse(problem, report, force=options.force)
        report.phase(Phase.START, 0, f"starting what is at 0x{options.address:08X} by GO")
        ending = await start_and_watch(board, bootloader, report, target, options.address)
    result = GoResult(
        address=options.address, started=ending.started, evidence=ending.evidence, note=ending.note
    )
    return WorkOutcome(target=describe(target), result=result)


def _doubt(target: Target, address: int, vectors: bytes | None) -> Problem | None:
    """Judge whether there is a vector table: GO jumps wherever it is told."""
    if address % 4:
        return _problem(address, f"0x{address:08X} is no multiple of 4, and the ROM refuses it", force=False)
    if vectors is None:
        return _problem(address, f"there is no memory at 0x{address:08X}", force=False)
    obstacle = go_obstacle(target, Block(address, vectors))
    if obstacle is not None:
        return _problem(address, f"GO cannot start it: {obstacle}")
    stack, reset = (int.from_bytes(vectors[at : at + 4], "little") for at in (0, 4))
    if not any(start < stack <= end for start, end in ram_ranges(target.chip)) or stack % 4:
        return _problem(address, f"what is at 0x{address:08X} begins with 0x{stack:08X}: no stack pointer")
    if not reset & 1:
        return _problem(address, f"the reset vector at 0x{address + 4:08X} is 0x{reset:08X}: no Thumb code")
    return None


def _problem(address: int, message: str, *, force: bool = True) -> Problem:
    remedy = "give the address of a vector table, such as the start of an image in the flash"
    return Problem(
        code=ProblemCode.NOT_FIRMWARE,
        message=message,
        remedy=f"{remedy}; --force starts it all the same" if force else remedy,
        step="check",
        address=address,
        overridable=force,
    )
