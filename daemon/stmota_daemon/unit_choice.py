"""Which erase units a request means: a range of addresses, numbers, or all."""

from collections.abc import Sequence

from stmota_daemon.work import WorkFailed
from stmota_protocol.api import Problem, ProblemCode
from stmota_protocol.chips.layout import EraseUnit


def chosen_units(
    units: Sequence[EraseUnit], address: int | None, length: int | None, numbers: Sequence[int] | None
) -> tuple[EraseUnit, ...]:
    """Return those of `units` (all of the flash) that are meant, by rising address. Raises `WorkFailed`."""
    if numbers is not None:
        return by_number(units, numbers)
    if address is None or length is None:
        return tuple(units)
    return _in_range(units, address, address + length)


def by_number(units: Sequence[EraseUnit], numbers: Sequence[int]) -> tuple[EraseUnit, ...]:
    """Return the units of these numbers. Raises `WorkFailed` (USAGE) for one that is not there."""
    known = {unit.index for unit in units}
    unknown = sorted(set(numbers) - known)
    if unknown or not numbers:
        runs = f"{units[0].index} to {units[-1].index}"
        message = f"there is no erase unit {unknown[0]}" if unknown else "no erase unit is named"
        raise WorkFailed(_usage(f"{message}: this chip has the units {runs}", "name some of those"))
    wanted = set(numbers)
    return tuple(unit for unit in units if unit.index in wanted)


def _in_range(units: Sequence[EraseUnit], start: int, end: int) -> tuple[EraseUnit, ...]:
    touched = tuple(unit for unit in units if unit.address < end and start < unit.end)
    covered = sum(min(end, unit.end) - max(start, unit.address) for unit in touched)
    if covered < end - start:
        message = f"0x{start:08X}..0x{end:08X} is not all flash, or there is a gap in it"
        remedy = f"what can be erased is 0x{units[0].address:08X}..0x{units[-1].end:08X}"
        raise WorkFailed(_does_not_fit(message, remedy, start))
    if touched[0].address != start or touched[-1].end != end:
        message = (
            f"0x{start:08X}..0x{end:08X} begins or ends inside an erase unit, which is erased only whole"
        )
        remedy = f"the units that it touches are --range 0x{touched[0].address:08X}..0x{touched[-1].end:08X}"
        raise WorkFailed(_does_not_fit(message, remedy, start))
    return touched


def _usage(message: str, remedy: str) -> Problem:
    return Problem(code=ProblemCode.USAGE, message=message, remedy=remedy, step="check")


def _does_not_fit(message: str, remedy: str, address: int) -> Problem:
    return Problem(
        code=ProblemCode.DOES_NOT_FIT, message=message, remedy=remedy, step="check", address=address
    )
