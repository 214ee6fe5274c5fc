"""What is wrong with an image or a chip, found before the first erase.

A refusal of fact stands; one of judgement is overridden by `force`, and then becomes a note.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from stmota_daemon.given_files import GivenFile
from stmota_daemon.refusals import layout_unknown, readable, refuse, writable
from stmota_daemon.target import Target
from stmota_daemon.work import Report, WorkFailed
from stmota_protocol.api import FlashOptions, Problem, ProblemCode
from stmota_protocol.chips.boot import boot_lockout
from stmota_protocol.chips.layout import EraseUnit, LayoutUnknown, first_gap, sure_units, units_of
from stmota_protocol.chips.secure_flash import secure_flash_start
from stmota_protocol.image_checks import (
    check_family,
    check_secure_flash,
    check_start,
    check_vector_table,
    flash_size_for,
)
from stmota_protocol.images import Image, ImageRefused
from stmota_protocol.merging import merged
from stmota_protocol.plan import FlashPlan, plan


@dataclass(frozen=True, slots=True)
class Checked:
    """What is to be flashed, and nothing speaks against it."""

    image: Image
    """All of it, what is kept too."""
    given: Image
    """What the user's files hold."""
    units: tuple[EraseUnit, ...]
    """All of the chip's flash."""
    plan: FlashPlan


def check_flash(target: Target, files: Sequence[GivenFile], options: FlashOptions, report: Report) -> Checked:
    """Plan the flash, or raise `WorkFailed` with the first thing that speaks against it."""
    readable(target)
    parts = [file.part(target.chip) for file in files]
    try:
        image = merged(parts)
        given = merged([part for part, file in zip(parts, files, strict=True) if not file.named.kept])
        size = flash_size_for(image, target.chip, target.register_flash_size, force=options.force)
        units = _units(target, image, None if target.register_flash_size is None else size)
        check_secure_flash(image, target.chip, secure_flash_start(target.chip, target.option_bytes))
        found = plan(image, units, target.chip, target.traits)
    except ImageRefused as refused:
        raise WorkFailed(refused.problem) from refused
    except LayoutUnknown as unknown:
        raise WorkFailed(layout_unknown(unknown)) from unknown
    starts = [] if options.keep else [check_start(part, image, units) for part in parts]
    for problem in [*filter(None, starts), *_judgements(target, given)]:
        refuse(problem, report, force=options.force)
    writable(target, found.units, "the image")
    return Checked(image, given, units, found)


def _units(target: Target, image: Image, flash_size: int | None) -> tuple[EraseUnit, ...]:
    """All of the chip's units, or those that are certain if the image needs no others.

    Raises `LayoutUnknown`.
    """
    try:
        return units_of(target.chip, flash_size, target.option_bytes)
    except LayoutUnknown:
        sure = sure_units(target.chip, flash_size, target.option_bytes)
        if any(first_gap(segment.address, segment.end, sure) is not None for segment in image.segments):
            raise
        return sure


def _judgements(target: Target, image: Image) -> list[Problem]:
    found = [check_family(image, target.chip), check_vector_table(image, target.chip)]
    lock_out = boot_lockout(target.chip, target.option_bytes)
    if lock_out is not None:
        found.append(
            Problem(
                code=ProblemCode.WOULD_LOCK_OUT,
                message=f"once flash is not empty the chip would ignore BOOT0: {lock_out.reason}",
                remedy=lock_out.remedy,
                step="check",
                overridable=True,
            )
        )
    return [problem for problem in found if problem is not None]
