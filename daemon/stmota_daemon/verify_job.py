"""The verify job: what the chip holds against a file. Nothing is written."""

from collections.abc import Sequence

from stmota_daemon.asking import Asking
from stmota_daemon.comparing import Comparing
from stmota_daemon.difference import Difference
from stmota_daemon.given_files import read_files
from stmota_daemon.in_rom import in_rom
from stmota_daemon.recovery import Recovery
from stmota_daemon.refusals import readable
from stmota_daemon.target import describe
from stmota_daemon.work import Board, Report, WorkFailed
from stmota_daemon.work_outcome import WorkOutcome
from stmota_protocol.an3155 import Code
from stmota_protocol.api import Phase, Problem, ProblemCode
from stmota_protocol.api.chip_work import MemoryPiece, VerifyOptions, VerifyResult
from stmota_protocol.images import Image, ImageRefused
from stmota_protocol.merging import Part, merged


async def verify(
    board: Board, report: Report, contents: Sequence[bytes], options: VerifyOptions
) -> WorkOutcome:
    """Compare every byte that the files give, whose bytes are `contents`; the chip is left reset.

    Raises `WorkFailed` (VERIFY_FAILED).
    """
    files = read_files(contents, options.files)
    async with in_rom(board, report, options.baud) as (bootloader, target):
        readable(target)
        parts = [file.part(target.chip) for file in files]
        image = _merged(parts)
        recovery = Recovery(bootloader, report)
        asking = Asking(bootloader, report, recovery)
        comparing = Comparing(asking, report, bootloader.settings)
        found = await _compare(comparing, report, image, by_sum=Code.GET_CHECKSUM in target.commands)
    if found:
        raise WorkFailed(_differs(found, parts))
    result = VerifyResult(
        pieces=tuple(MemoryPiece(address=one.address, length=len(one.data)) for one in image.segments),
        length=image.size,
        summed=comparing.summed,
        seconds=asking.pace.seconds,
        recoveries=recovery.count,
    )
    return WorkOutcome(target=describe(target), result=result)


async def _compare(comparing: Comparing, report: Report, image: Image, *, by_sum: bool) -> list[Difference]:
    if not by_sum:
        return await comparing.by_reading(Phase.VERIFY, f"verifying {image.size} bytes", image.segments)
    text = f"verifying {image.size} bytes by the chip's checksum"
    doubtful = await comparing.by_sum(Phase.VERIFY, text, image.segments)
    if not doubtful:
        return []
    length = sum(len(one.data) for one in doubtful)
    found = await comparing.by_reading(Phase.VERIFY, f"reading back {length} bytes", doubtful)
    if not found and length > len(image.segments) * 8:  # more than the ragged ends of segments
        report.note("the chip's checksum is not what was expected, but what it holds is right", warning=True)
    return found


def _merged(parts: Sequence[Part]) -> Image:
    try:
        return merged(parts)
    except ImageRefused as refused:
        raise WorkFailed(refused.problem) from refused


def _differs(found: Sequence[Difference], parts: Sequence[Part]) -> Problem:
    first = found[0]
    names = ", ".join(part.name for part in parts)
    where = f"0x{first.address:08X}"
    if len(parts) > 1:
        where += f", of {_owner(parts, first.address)}"
    count = sum(one.count for one in found)
    others = f": {count} bytes differ" if count > 1 else ""
    return Problem(
        code=ProblemCode.VERIFY_FAILED,
        message=f"the chip holds something else than {names}{others}, the first at {where}",
        remedy="another image, or none, is in the flash: `stmota flash` puts this one there",
        step="verify",
        address=first.address,
        expected=f"0x{first.expected:02X}",
        got=f"0x{first.got:02X}",
    )


def _owner(parts: Sequence[Part], address: int) -> str:
    """The name of the file that gives the byte."""
    return next(
        part.name
        for part in parts
        for segment in part.image.segments
        if segment.address <= address < segment.end
    )
