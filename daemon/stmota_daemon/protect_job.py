"""The jobs that turn read and write protection on and off by the ROM's own commands."""

from collections.abc import Sequence

from stmota_daemon.erase_command import longest_erase_us
from stmota_daemon.in_rom import in_rom
from stmota_daemon.inspect import ASK_BAUD
from stmota_daemon.option_change import Change
from stmota_daemon.refusals import command_listed, flash_units, readable
from stmota_daemon.target import Target, describe
from stmota_daemon.unit_choice import by_number
from stmota_daemon.work import Board, Report, WorkFailed
from stmota_daemon.work_outcome import WorkOutcome
from stmota_protocol import an3155_protection as rom
from stmota_protocol.an3155 import Code
from stmota_protocol.api import Problem, ProblemCode
from stmota_protocol.api.chip_work import Protection, ProtectionResult, ProtectOptions, UnprotectOptions
from stmota_protocol.chips.layout import EraseUnit, largest_units
from stmota_protocol.chips.protect_groups import GroupsUnknown, PartOfGroup, groups_of
from stmota_protocol.chips.protection import write_protected_units
from stmota_protocol.chips.write_protect_rules import write_protect_rule


async def protect(board: Board, report: Report, options: ProtectOptions) -> WorkOutcome:
    """Turn a protection on. Raises `WorkFailed`; the chip is left reset."""
    async with in_rom(board, report, ASK_BAUD) as (bootloader, target):
        change = Change(bootloader, report)
        if options.what is Protection.READOUT:
            after = await _readout_protected(target, change)
            in_force = after.is_read_protected
        else:
            readable(target)
            command_listed(target, Code.WRITE_PROTECT)
            everything = flash_units(target)
            units = everything if options.units is None else by_number(everything, options.units)
            groups = _groups(target, everything, units)
            text = f"protecting {len(units)} erase units against being written"
            after = await change.make(rom.write_protect(groups), text)
            in_force = _all_protected(after, units)
        return _outcome(after, change, options.what, on=True, in_force=in_force)


async def unprotect(board: Board, report: Report, options: UnprotectOptions) -> WorkOutcome:
    """Turn a protection off; READOUT erases the whole chip. Raises `WorkFailed`; the chip is left reset."""
    async with in_rom(board, report, ASK_BAUD) as (bootloader, target):
        change = Change(bootloader, report)
        if options.what is Protection.READOUT:
            command_listed(target, Code.READOUT_UNPROTECT)
            text = "lifting the read protection; the chip erases all of its flash first"
            after = await change.make(rom.readout_unprotect(_longest_erase_us(target)), text)
            in_force: bool | None = not after.is_read_protected
        else:
            readable(target)
            command_listed(target, Code.WRITE_UNPROTECT)
            after = await change.make(rom.write_unprotect(), "lifting the write protection")
            in_force = _none_protected(after)
        return _outcome(after, change, options.what, on=False, in_force=in_force)


async def _readout_protected(target: Target, change: Change) -> Target:
    command_listed(target, Code.READOUT_PROTECT)
    if target.is_read_protected:
        return target
    return await change.make(rom.readout_protect(), "protecting the chip against being read")


def _longest_erase_us(target: Target) -> int:
    """Of the largest part: a protected chip does not tell its size."""
    one_by_one_us = longest_erase_us(target, largest_units(target.chip))
    return max(target.traits.mass_erase_max_us or 0, one_by_one_us)


def _outcome(
    target: Target, change: Change, what: Protection, *, on: bool, in_force: bool | None
) -> WorkOutcome:
    note = change.settle(in_force=in_force)
    result = ProtectionResult(what=what, on=on, confirmed=in_force, note=note)
    return WorkOutcome(target=describe(target), result=result)


def _groups(target: Target, everything: Sequence[EraseUnit], units: Sequence[EraseUnit]) -> tuple[int, ...]:
    try:
        groups = groups_of(target.chip, target.option_bytes, everything, units)
    except PartOfGroup as part:
        numbers = f"{part.units[0].index}-{part.units[-1].index}"
        problem = Problem(
            code=ProblemCode.DOES_NOT_FIT,
            message=f"{target.chip.name} protects erase units in groups, and {numbers} are one of them",
            remedy=f"name all of the units {numbers}, or none",
            step="check",
            address=part.units[0].address,
        )
        raise WorkFailed(problem) from part
    except GroupsUnknown as unknown:
        problem = Problem(
            code=ProblemCode.NO_COMMAND,
            message=f"how {target.chip.name} counts what WRITE PROTECT protects is in no source of stmota's",
            remedy="use a debugger or ST's own tool",
            step="check",
        )
        raise WorkFailed(problem) from unknown
    if len(groups) > rom.MOST_GROUPS or groups[-1] > rom.HIGHEST_GROUP:
        problem = Problem(
            code=ProblemCode.DOES_NOT_FIT,
            message=f"WRITE PROTECT has room for {rom.MOST_GROUPS} numbers up to {rom.HIGHEST_GROUP}",
            remedy="name fewer erase units with --sectors",
            step="check",
        )
        raise WorkFailed(problem)
    return groups


def _all_protected(target: Target, units: Sequence[EraseUnit]) -> bool:
    return len(write_protected_units(target.chip, target.option_bytes, units)) == len(units)


def _none_protected(target: Target) -> bool | None:
    if target.is_read_protected or write_protect_rule(target.chip) is None:
        return None
    return not write_protected_units(target.chip, target.option_bytes, flash_units(target))
