"""The option-bytes job: read them, and write them where it is known how the chip's ROM takes that."""

from collections.abc import Mapping

from stmota_daemon.bootloader import Bootloader
from stmota_daemon.in_rom import in_rom
from stmota_daemon.inspect import ASK_BAUD
from stmota_daemon.option_change import Change
from stmota_daemon.refusals import readable, refuse
from stmota_daemon.target import Target, describe
from stmota_daemon.work import Board, Report, WorkFailed
from stmota_daemon.work_outcome import WorkOutcome
from stmota_protocol import an3155
from stmota_protocol.an3155_protection import OPTION_PROGRAM_US
from stmota_protocol.api import Problem, ProblemCode
from stmota_protocol.api.chip_work import MemoryBytes, OptionBytesOptions, OptionBytesResult, OptionValue
from stmota_protocol.chips.option_bytes import option_value
from stmota_protocol.chips.option_dangers import dangers
from stmota_protocol.chips.option_writes import (
    BadOptionWrite,
    OptionBlock,
    changed_blocks,
    named_fields,
    option_blocks,
    reloads_by_itself,
)

MAY_NEED_POWER = (
    "this chip may load them only when its supply comes: power-cycle the board before you rely on the change"
)


async def option_bytes(board: Board, report: Report, options: OptionBytesOptions) -> WorkOutcome:
    """Write what is asked for, if anything, and read. Raises `WorkFailed`; the chip is left reset."""
    async with in_rom(board, report, ASK_BAUD) as (bootloader, target):
        readable(target)
        changed: tuple[OptionBlock, ...] = ()
        if options.fields or options.raw:
            changed = _wanted(target, await _blocks(bootloader, target), options)
            _check(target, changed, options, report)
        after = target
        for block in changed:
            after = await _write(bootloader, report, block)
    note = MAY_NEED_POWER if changed and not reloads_by_itself(after.chip) else None
    if not changed and (options.fields or options.raw):
        note = "they were so already: nothing was written"
    return WorkOutcome(target=describe(after), result=_result(after, written=bool(changed), note=note))


async def _blocks(bootloader: Bootloader, target: Target) -> tuple[OptionBlock, ...]:
    """Read the blocks twice: what is written back must be what was there, and a read has no checksum."""
    blocks: list[OptionBlock] = []
    for address, length in option_blocks(target.chip):
        command = an3155.read_memory(address, length, bootloader.settings)
        first, second = await bootloader.execute(command), await bootloader.execute(command)
        if first != second:
            raise WorkFailed(_unsure(address))
        blocks.append(OptionBlock(address, first))
    return tuple(blocks)


def _wanted(
    target: Target, blocks: tuple[OptionBlock, ...], options: OptionBytesOptions
) -> tuple[OptionBlock, ...]:
    try:
        raw = {patch.address: bytes.fromhex(patch.data) for patch in options.raw}
        return changed_blocks(target.chip, blocks, options.fields, raw)
    except BadOptionWrite as bad:
        problem = Problem(code=ProblemCode.USAGE, message=bad.message, remedy=bad.remedy, step="check")
        raise WorkFailed(problem) from bad


def _check(
    target: Target, changed: tuple[OptionBlock, ...], options: OptionBytesOptions, report: Report
) -> None:
    after = {**target.option_bytes, **{block.address: block.data for block in changed}}
    for danger in dangers(target.chip, target.option_bytes, after):
        problem = Problem(
            code=ProblemCode.PERMANENT if danger.is_permanent else ProblemCode.WOULD_LOCK_OUT,
            message=danger.reason,
            remedy=danger.remedy,
            step="check",
            overridable=not danger.is_permanent,
        )
        if danger.is_permanent and options.permanent:
            report.note(f"{problem.message} (allowed by --permanent)", warning=True)
        else:
            refuse(problem, report, force=options.force)


async def _write(bootloader: Bootloader, report: Report, block: OptionBlock) -> Target:
    change = Change(bootloader, report)
    command = an3155.write_memory(block.address, block.data, OPTION_PROGRAM_US)
    target = await change.make(command, f"writing the option bytes at 0x{block.address:08X}")
    held = _held(target.option_bytes, block)
    if held is None or held == block.data:
        change.settle(in_force=None if held is None else True)
        return target
    change.settle(in_force=False)
    raise WorkFailed(_not_taken(block, held))


def _held(option_bytes: Mapping[int, bytes], block: OptionBlock) -> bytes | None:
    held = option_bytes.get(block.address)
    return None if held is None else held[: len(block.data)]


def _result(target: Target, *, written: bool, note: str | None) -> OptionBytesResult:
    values = [
        OptionValue(name=name, value=value, address=field.address, bit=field.bit, width=field.width)
        for name, field in named_fields(target.chip).items()
        if (value := option_value(target.option_bytes, field)) is not None
    ]
    blocks = [
        MemoryBytes(address=address, data=data.hex()) for address, data in sorted(target.option_bytes.items())
    ]
    return OptionBytesResult(fields=tuple(values), blocks=tuple(blocks), written=written, note=note)


def _unsure(address: int) -> Problem:
    return Problem(
        code=ProblemCode.FAILED,
        message=f"the option bytes at 0x{address:08X} read differently each time: nothing was written",
        remedy="check ground and the length of the wires",
        step="read",
        address=address,
    )


def _not_taken(block: OptionBlock, held: bytes) -> Problem:
    offset = next(at for at, pair in enumerate(zip(block.data, held, strict=True)) if pair[0] != pair[1])
    address = block.address + offset
    return Problem(
        code=ProblemCode.VERIFY_FAILED,
        message=f"the option byte at 0x{address:08X} was written, but holds 0x{held[offset]:02X}",
        remedy="power-cycle the board and look with `stmota option-bytes read`; some bits cannot be written",
        step="verify",
        address=address,
        expected=f"0x{block.data[offset]:02X}",
        got=f"0x{held[offset]:02X}",
    )
