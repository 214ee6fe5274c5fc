"""What speaks against a job, as problems that several kinds of job share."""

from collections.abc import Sequence

from stmota_daemon.target import Target
from stmota_daemon.work import Report, WorkFailed
from stmota_protocol.an3155 import Code
from stmota_protocol.api import Problem, ProblemCode
from stmota_protocol.chips.layout import EraseUnit, LayoutUnknown, units_of
from stmota_protocol.chips.protection import write_protected_units
from stmota_protocol.chips.secure_flash import SecureFlashUnknown, secure_flash_start

STEP = "check"


def readable(target: Target) -> None:
    """Raise `WorkFailed` (PROTECTED) for a chip that refuses to be read."""
    if target.is_read_protected:
        raise WorkFailed(read_protected(target))


def writable(target: Target, units: Sequence[EraseUnit], what: str) -> None:
    """Raise `WorkFailed` (PROTECTED) if any of `units`, which `what` covers, is write-protected."""
    protected = write_protected_units(target.chip, target.option_bytes, units)
    if protected:
        raise WorkFailed(write_protected(protected, what))


def command_listed(target: Target, code: Code) -> None:
    """Raise `WorkFailed` (NO_COMMAND) if GET does not list a command."""
    if code not in target.commands:
        message = f"the ROM of {target.chip.name} has no {code.title} (0x{code:02X}): GET does not list it"
        raise WorkFailed(
            Problem(
                code=ProblemCode.NO_COMMAND,
                message=message,
                remedy="`stmota info` lists what it has; `stmota option-bytes` may do the same",
                step=STEP,
            )
        )


def flash_units(target: Target) -> tuple[EraseUnit, ...]:
    """Return all erase units of the chip. Raises `WorkFailed` where they cannot be told."""
    try:
        return units_of(target.chip, target.flash_size, target.option_bytes)
    except LayoutUnknown as unknown:
        raise WorkFailed(layout_unknown(unknown)) from unknown


def erasable_units(target: Target) -> tuple[EraseUnit, ...]:
    """Return the erase units below the second core's flash (WB, WL). Raises `WorkFailed`."""
    try:
        secure_from = secure_flash_start(target.chip, target.option_bytes)
    except SecureFlashUnknown as unknown:
        raise WorkFailed(
            Problem(code=ProblemCode.PROTECTED, message=unknown.message, remedy=unknown.remedy, step=STEP)
        ) from unknown
    return tuple(unit for unit in flash_units(target) if secure_from is None or unit.end <= secure_from)


def refuse(problem: Problem, report: Report, *, force: bool) -> None:
    """Raise `WorkFailed`, or note that the user has overridden it."""
    if not (force and problem.overridable):
        raise WorkFailed(problem)
    report.note(f"{problem.message} (overridden by --force)", warning=True)


def read_protected(target: Target) -> Problem:
    """The chip refuses to be read, written and erased."""
    return Problem(
        code=ProblemCode.PROTECTED,
        message=f"{target.chip.name} is read-protected (RDP level 1): the ROM refuses to read and write",
        remedy="`stmota unprotect readout` removes the protection, and erases the whole chip",
        step=STEP,
    )


def write_protected(units: Sequence[EraseUnit], what: str) -> Problem:
    """`units` are write-protected, and `what` covers them."""
    where = ", ".join(f"0x{unit.address:08X}" for unit in units[:4]) + (", …" if len(units) > 4 else "")
    return Problem(
        code=ProblemCode.PROTECTED,
        message=f"{what} covers write-protected flash: {len(units)} erase units ({where})",
        remedy="`stmota unprotect write` removes the write protection",
        step=STEP,
        address=units[0].address,
    )


def layout_unknown(unknown: LayoutUnknown) -> Problem:
    """The erase units cannot be told."""
    return Problem(code=ProblemCode.WRONG_CHIP, message=unknown.message, remedy=unknown.remedy, step=STEP)
