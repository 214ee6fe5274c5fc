"""Tell an F2's or F4's ROM its supply voltage, so that it erases and programs faster."""

from stmota_daemon.bootloader import Bootloader
from stmota_daemon.link import LinkLost
from stmota_daemon.target import Target
from stmota_daemon.trouble import Trouble
from stmota_daemon.work import Report, WorkFailed
from stmota_protocol import an3155
from stmota_protocol.api import Problem, ProblemCode
from stmota_protocol.chips.supply import DEFAULT_RANGE, REGISTER, SupplyRefused, check_supply, supply_range


def check_supply_option(supply_mv: int | None) -> None:
    """Refuse a voltage that no chip has, before anything is touched. Raises `WorkFailed` (`USAGE`)."""
    try:
        if supply_mv is not None:
            check_supply(supply_mv)
    except SupplyRefused as refused:
        raise WorkFailed(_problem(refused)) from refused


async def tell_supply(bootloader: Bootloader, report: Report, target: Target, supply_mv: int | None) -> None:
    """Tell the ROM its supply, now and after each reset to come; it forgets it at the job's end.

    A chip that is left in its ROM, or started by GO, is first set back to what it takes after a reset.
    Raises `WorkFailed`: `USAGE` for a chip that does not take it.
    """
    if supply_mv is None:
        return
    try:
        told = supply_range(target.chip, supply_mv)
    except SupplyRefused as refused:
        raise WorkFailed(_problem(refused)) from refused
    report.note(f"supply {supply_mv} mV: the chip erases and programs {told.width_bits} bits at once")
    bootloader.at_entry = _write(told.code)
    bootloader.before_leaving = _write(DEFAULT_RANGE)
    try:
        await bootloader.execute(bootloader.at_entry)
    except (Trouble, LinkLost) as trouble:
        report.note(f"{trouble}; once more", warning=True)
        await bootloader.enter()  # which tells it, too


def _write(code: int) -> an3155.Command:
    return an3155.write_memory(REGISTER, bytes((code,)), within_us=0)


def _problem(refused: SupplyRefused) -> Problem:
    return Problem(code=ProblemCode.USAGE, message=refused.message, remedy=refused.remedy, step="check")
