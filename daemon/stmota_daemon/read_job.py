"""The read job: memory of the chip into the firmware store, at wire speed whatever the latency."""

from collections.abc import Iterator, Sequence
from contextlib import aclosing

from stmota_daemon.asking import Asking
from stmota_daemon.bootloader import Bootloader
from stmota_daemon.firmware_store import FirmwareStore
from stmota_daemon.in_rom import in_rom
from stmota_daemon.recovery import Recovery
from stmota_daemon.refusals import flash_units, readable
from stmota_daemon.target import Target, describe
from stmota_daemon.work import Board, Report
from stmota_daemon.work_outcome import WorkOutcome
from stmota_protocol import an3155
from stmota_protocol.api import Phase
from stmota_protocol.api.chip_work import MemoryPiece, ReadOptions, ReadResult


async def read(board: Board, report: Report, firmware: FirmwareStore, options: ReadOptions) -> WorkOutcome:
    """Read a range, or all of the flash. Raises `WorkFailed`; the chip is left reset."""
    async with in_rom(board, report, options.baud) as (bootloader, target):
        readable(target)
        pieces = _pieces(target, options)
        recovery = Recovery(bootloader, report)
        asking = Asking(bootloader, report, recovery)
        held = bytearray()
        length = sum(piece.length for piece in pieces)
        commands = [command for piece in pieces for command in reads(piece, bootloader)]
        async with aclosing(asking.ask(Phase.READ, f"reading {length} bytes", commands)) as answers:
            async for _, reply in answers:
                held += reply
    seconds = max(asking.pace.seconds, 1e-6)
    result = ReadResult(
        firmware=firmware.put(bytes(held)),
        pieces=pieces,
        erased_value=target.chip.erased_value,
        seconds=seconds,
        bytes_per_s=length / seconds,
        line_rate_share=asking.wire_us / 1e6 / seconds,
        recoveries=recovery.count,
    )
    return WorkOutcome(target=describe(target), result=result)


def reads(piece: MemoryPiece, bootloader: Bootloader) -> Iterator[an3155.Command]:
    """Yield the reads of a piece, cut at multiples of 256: no read crosses the end of a memory."""
    end = piece.address + piece.length
    at = piece.address
    while at < end:
        until = min(end, at - at % an3155.MAX_BLOCK + an3155.MAX_BLOCK)
        yield an3155.read_memory(at, until - at, bootloader.settings)
        at = until


def _pieces(target: Target, options: ReadOptions) -> tuple[MemoryPiece, ...]:
    if options.address is not None and options.length is not None:
        return (MemoryPiece(address=options.address, length=options.length),)
    return joined([MemoryPiece(address=unit.address, length=unit.size) for unit in flash_units(target)])


def joined(pieces: Sequence[MemoryPiece]) -> tuple[MemoryPiece, ...]:
    """Join pieces, by rising address, that follow on each other."""
    found: list[MemoryPiece] = []
    for piece in pieces:
        if found and found[-1].address + found[-1].length == piece.address:
            last = found.pop()
            piece = MemoryPiece(address=last.address, length=last.length + piece.length)  # noqa: PLW2901
        found.append(piece)
    return tuple(found)
