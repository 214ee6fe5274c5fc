"""What speaks against new option bytes: some can never be changed again, some shut the bootloader out."""

from collections.abc import Mapping
from dataclasses import dataclass

from stmota_protocol.chips.boot import boot_lockout
from stmota_protocol.chips.model import Chip, Family
from stmota_protocol.chips.option_bytes import option_value
from stmota_protocol.chips.option_fields import boot_fields, read_protection_field

_LEVEL_2 = 0xCC
"""RDP level 2 of all families but F1, which has no such level: no debugger, no bootloader, for ever."""


@dataclass(frozen=True, slots=True)
class Danger:
    """One thing that speaks against it."""

    reason: str
    remedy: str
    is_permanent: bool
    """Nothing undoes it; else it is a matter of judgement."""


def dangers(chip: Chip, before: Mapping[int, bytes], after: Mapping[int, bytes]) -> tuple[Danger, ...]:
    """Return what speaks against a change from `before` to `after` (address to bytes, as read)."""
    found = (
        _read_protection(chip, before, after),
        _boot(chip, before, after),
        _trust_zone(chip, before, after),
    )
    return tuple(danger for danger in found if danger is not None)


def _read_protection(chip: Chip, before: Mapping[int, bytes], after: Mapping[int, bytes]) -> Danger | None:
    field = read_protection_field(chip)
    if field is None:
        return None
    old, new = option_value(before, field), option_value(after, field)
    if old == new or new is None:
        return None
    if new == _LEVEL_2 and chip.family is not Family.F1:
        reason = (
            f"{field.name} = 0x{new:02X} is read protection level 2: no bootloader and no debugger, for ever"
        )
        return Danger(reason, "leave it, unless you mean just that: then --permanent", is_permanent=True)
    reason = f"{field.name} = 0x{new:02X} turns on read protection, and undoing it erases the whole chip"
    return Danger(
        reason, "`stmota protect readout` is the command for it; --force writes it here", is_permanent=False
    )


def _boot(chip: Chip, before: Mapping[int, bytes], after: Mapping[int, bytes]) -> Danger | None:
    lock_out = boot_lockout(chip, after)
    if lock_out is None or boot_lockout(chip, before) == lock_out:
        return None
    reason = f"the chip would then ignore BOOT0 once its flash is not empty: {lock_out.reason}"
    remedy = "leave it; --force writes it, and then only a debugger (SWD) or the firmware itself can undo it"
    return Danger(reason, remedy, is_permanent=False)


def _trust_zone(chip: Chip, before: Mapping[int, bytes], after: Mapping[int, bytes]) -> Danger | None:
    field = next((one for one in boot_fields(chip) if one.name == "TZEN"), None)
    if field is None or option_value(before, field) == option_value(after, field):
        return None
    reason = "TZEN changes: with TrustZone on the bootloader takes part of its commands only"
    return Danger(reason, "leave it, or --force", is_permanent=False)
