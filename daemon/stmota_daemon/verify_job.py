"""The verify job: what the chip holds against a file. Nothing is written."""

from collections.abc import Sequence

from stmota_daemon.asking import Asking
from stmota_daemon.comparing import Comparing
from stmota_daemon.difference import Difference
from stmota_daemon.in_rom import in_rom
from stmota_daemon.recovery import Recovery
from stmota_daemon.refusals import readable
from stmota_daemon.target import describe
from stmota_daemon.work import Board, Report, WorkFailed
from stmota_daemon.work_outcome import WorkOutcome
from stmota_protocol.an3155 import Code
from stmota_protocol.api import Phase, Problem, ProblemCode
from stmota_protocol.api.chip_work import MemoryPiece, VerifyOptions, VerifyResult
from stmota_protocol.image_files import parse_file
from stmota_protocol.images import Image, ImageRefused


async def verify(board: Board, report: Report, image_file: bytes, options: VerifyOptions) -> WorkOutcome:
    """Compare every byte that the file gives. Raises `WorkFailed` (VERIFY_FAILED); the chip is left reset."""
    try:
        file = parse_file(image_file, options.address, options.filename)
    except ImageRefused as refused:
        raise WorkFailed(refused.problem) from refused
    async with in_rom(board, report, options.baud) as (bootloader, target):
        readable(target)
        image = file.image(target.chip.flash_start if options.address is None else options.address)
        recovery = Recovery(bootloader, report)
        asking = Asking(bootloader, report, recovery)
        comparing = Comparing(asking, report, bootloader.settings)
        found = await _compare(comparing, report, image, by_sum=Code.GET_CHECKSUM in target.commands)
    if found:
        raise WorkFailed(_differs(found, options.filename))
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


def _differs(found: Sequence[Difference], filename: str) -> Problem:
    first = found[0]
    count = sum(one.count for one in found)
    others = f": {count} bytes differ" if count > 1 else ""
    return Problem(
        code=ProblemCode.VERIFY_FAILED,
        message=f"the chip holds something else than {filename}{others}, the first at 0x{first.address:08X}",
        remedy="another image, or none, is in the flash: `stmota flash` puts this one there",
        step="verify",
        address=first.address,
        expected=f"0x{first.expected:02X}",
        got=f"0x{first.got:02X}",
    )
