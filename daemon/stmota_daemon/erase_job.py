"""The erase job: all of the flash, a range of it, or some of its units; then a look at what they hold."""

from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import aclosing

from stmota_daemon.asking import Asking
from stmota_daemon.bootloader import Bootloader
from stmota_daemon.comparing import Comparing
from stmota_daemon.difference import Difference
from stmota_daemon.erase_command import erase_all, erase_units
from stmota_daemon.in_rom import in_rom
from stmota_daemon.link import LinkLost
from stmota_daemon.recovery import Recovery
from stmota_daemon.refusals import erasable_units, flash_units, readable, writable
from stmota_daemon.target import Target, describe
from stmota_daemon.trouble import Trouble
from stmota_daemon.unit_choice import chosen_units
from stmota_daemon.work import Board, Report, WorkFailed
from stmota_daemon.work_outcome import WorkOutcome
from stmota_protocol import an3155
from stmota_protocol.api import Phase, Problem, ProblemCode
from stmota_protocol.api.chip_work import EraseOptions, EraseResult
from stmota_protocol.chips.layout import EraseUnit
from stmota_protocol.chips.model import Family
from stmota_protocol.images import Segment

SAMPLE_BYTES = 16
"""Looked at from the start and the end of each unit where all of it would take too long."""
NO_MASS_ERASE = frozenset({Family.WB, Family.WL})
"""Their second core's stack is in the same flash (protocol.md, extra family facts)."""


async def erase(board: Board, report: Report, options: EraseOptions) -> WorkOutcome:
    """Erase, and look. Raises `WorkFailed`; the chip is left reset."""
    async with in_rom(board, report, options.baud) as (bootloader, target):
        readable(target)
        units = chosen_units(erasable_units(target), options.address, options.length, options.units)
        writable(target, units, "the range to erase")
        recovery = Recovery(bootloader, report)
        asking = Asking(bootloader, report, recovery)
        commands = _commands(target, units, is_everything=units == flash_units(target))
        await _Erasing(bootloader, report, recovery, asking).run(commands, len(units))
        comparing = Comparing(asking, report, bootloader.settings)
        checked = await _check(comparing, target, units, check_all=options.check_all)
    result = EraseResult(
        units=len(units),
        length=sum(unit.size for unit in units),
        checked=checked,
        seconds=asking.pace.seconds,
        recoveries=recovery.count,
    )
    return WorkOutcome(target=describe(target), result=result)


def _commands(target: Target, units: Sequence[EraseUnit], *, is_everything: bool) -> list[an3155.Command]:
    """The unit with the vector table comes first, alone: half an image must not boot."""
    can_mass_erase = target.traits.mass_erase_max_us is not None and target.chip.family not in NO_MASS_ERASE
    if is_everything and can_mass_erase:
        return [erase_all(target, units)]
    return [erase_units(target, group) for group in _groups(units, target.traits.max_units_per_erase)]


def _groups(units: Sequence[EraseUnit], largest: int) -> Iterator[Sequence[EraseUnit]]:
    yield units[:1]
    for start in range(1, len(units), largest):
        yield units[start : start + largest]


class _Erasing:
    """Erases through trouble: what is not known to be erased is erased again."""

    def __init__(self, bootloader: Bootloader, report: Report, recovery: Recovery, asking: Asking) -> None:
        self._bootloader = bootloader
        self._report = report
        self._recovery = recovery
        self._pace = asking.pace

    async def run(self, commands: Sequence[an3155.Command], count: int) -> None:
        left = deque(commands)
        total = sum(command.length for command in left)
        while left:
            self._report.phase(Phase.ERASE, total, f"erasing {count} unit{'s' if count > 1 else ''}")
            meter = self._pace.meter(Phase.ERASE, self._report)
            try:
                async with aclosing(self._bootloader.stream(tuple(left))) as answers:
                    async for packed, result in answers:
                        left.popleft()
                        self._recovery.progressed()
                        done = total - sum(command.length for command in left)
                        meter.add(packed.commands[0].length, 0, result, done)
            except (Trouble, LinkLost) as trouble:
                self._pace.interrupted()
                await self._recovery.recover(trouble)


async def _check(comparing: Comparing, target: Target, units: Sequence[EraseUnit], *, check_all: bool) -> int:
    """Raise `WorkFailed` (VERIFY_FAILED) where a byte is not erased; return how many were looked at."""
    value = bytes([target.chip.erased_value])
    whole = [Segment(unit.address, value * unit.size) for unit in units]
    text = "looking whether they are erased"
    if an3155.Code.GET_CHECKSUM in target.commands and not check_all:
        to_read = await comparing.by_sum(Phase.VERIFY, text, whole)
    else:
        to_read = whole if check_all else [sample for segment in whole for sample in _samples(segment)]
    found = await comparing.by_reading(Phase.VERIFY, text, to_read) if to_read else []
    if found:
        raise WorkFailed(_not_erased(found))
    return comparing.summed + sum(len(segment.data) for segment in to_read)


def _samples(segment: Segment) -> Iterator[Segment]:
    if len(segment.data) <= 2 * SAMPLE_BYTES:
        yield segment
        return
    yield Segment(segment.address, segment.data[:SAMPLE_BYTES])
    yield Segment(segment.end - SAMPLE_BYTES, segment.data[-SAMPLE_BYTES:])


def _not_erased(found: Sequence[Difference]) -> Problem:
    first = found[0]
    return Problem(
        code=ProblemCode.VERIFY_FAILED,
        message=f"the erase was acknowledged, but 0x{first.address:08X} holds 0x{first.got:02X}",
        remedy="the ROM acknowledges the erase of write-protected flash and does nothing: look at"
        " `stmota info`; `stmota unprotect write` removes a write protection",
        step="erase",
        address=first.address,
        expected=f"0x{first.expected:02X}",
        got=f"0x{first.got:02X}",
    )
