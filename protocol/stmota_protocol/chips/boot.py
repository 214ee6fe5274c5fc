"""Whether the BOOT0 pin will still bring the ROM once the flash is not empty, by the option bytes."""

from collections.abc import Mapping
from dataclasses import dataclass

from stmota_protocol.chips.model import Chip, Family
from stmota_protocol.chips.option_bytes import option_value
from stmota_protocol.chips.option_fields import boot_fields
from stmota_protocol.chips.option_writes import is_writable

_ITCM_SYSTEM_MEMORY = 0x0010_0000
"""Where F7 shows its ROM on the ITCM bus: the factory BOOT_ADD1 (RM0385 §2.4)."""
_ONLY_SWD = (
    "; --force flashes all the same, and then only a debugger (SWD) or the firmware itself can undo it"
)


@dataclass(frozen=True, slots=True)
class LockOut:
    """Why BOOT0 would be ignored, and what to do about it first."""

    option: str
    """The option bit, by the reference manual's name."""
    reason: str
    remedy: str


def boot_options(chip: Chip, option_bytes: Mapping[int, bytes]) -> dict[str, str]:
    """Return the option bits that decide booting, name to value; those not read are left out."""
    found: dict[str, str] = {}
    for field in boot_fields(chip):
        value = option_value(option_bytes, field)
        if value is not None:
            found[field.name] = str(value) if field.width == 1 else f"0x{value:0{-(-field.width // 4)}X}"
    return found


def boot_lockout(chip: Chip, option_bytes: Mapping[int, bytes]) -> LockOut | None:
    """Say whether a chip with anything in its flash would start it although BOOT0 is high.

    None: the pin will bring the ROM, or the option bytes that decide it could not be read.
    """
    fields = boot_fields(chip)
    read = {field.name: option_value(option_bytes, field) for field in fields}
    values = {name: value for name, value in read.items() if value is not None}
    if values.get("BOOT_LOCK") == 1:
        reason = "BOOT_LOCK is 1: the chip always starts its flash"
        return LockOut("BOOT_LOCK", reason, _remedy(chip, "BOOT_LOCK", "0"))
    selector = _ignored_pin(values)
    if selector is not None:
        return _option_lockout(chip, selector, values)
    if values.get("nBOOT1") == 0:
        reason = "nBOOT1 is 0: BOOT0 high starts the RAM, not the bootloader"
        return LockOut("nBOOT1", reason, _remedy(chip, "nBOOT1", "1"))
    return _address_lockout(chip, values)


def _remedy(chip: Chip, name: str, value: str) -> str:
    if is_writable(chip):
        return f"`stmota option-bytes write {name}={value}` first{_ONLY_SWD}"
    return f"set {name} to {value} first (with a debugger, or ST's tool over this bootloader){_ONLY_SWD}"


_PIN_IGNORED_WHEN = (("nBOOT_SEL", 1), ("BOOT_SEL", 0), ("nSWBOOT0", 0))
"""The bits that put an option bit in the pin's place (G0/C0/U0/L01x; F04x/F09x/C5; L4/G4/L5/U5/WB/WL)."""


def _ignored_pin(values: Mapping[str, int]) -> tuple[str, int] | None:
    for name, value in _PIN_IGNORED_WHEN:
        if values.get(name) == value:
            return name, value
    return None


def _option_lockout(chip: Chip, selector: tuple[str, int], values: Mapping[str, int]) -> LockOut | None:
    name, value = selector
    starts_flash = values.get("nBOOT0") == 1 or values.get("BOOT0") == 0
    if not starts_flash:
        return None
    decider = "nBOOT0 = 1" if "nBOOT0" in values else "BOOT0 = 0"
    reason = f"{name} is {value}, so that option bit {decider} decides and the pin does not"
    return LockOut(name, reason, _remedy(chip, name, str(1 - value)))


def _address_lockout(chip: Chip, values: Mapping[str, int]) -> LockOut | None:
    """Judge the families where BOOT0 high starts at an address held in option bytes."""
    if "BOOT_ADD1" in values:
        name, address = "BOOT_ADD1", values["BOOT_ADD1"] << (14 if chip.family is Family.F7 else 16)
    elif "NSBOOTADD1" in values and values.get("TZEN") == 0:
        name, address = "NSBOOTADD1", values["NSBOOTADD1"] << 7
    else:
        return None
    if address == _ITCM_SYSTEM_MEMORY and chip.family is Family.F7:
        return None
    if not chip.system_memory or any(first <= address <= last for first, last in chip.system_memory):
        return None
    reason = f"{name} makes BOOT0 high start at 0x{address:08X}, not in the bootloader"
    factory = "0x0040" if chip.family is Family.F7 else "its factory value"  # RM0385 §2.4: system memory
    return LockOut(name, reason, _remedy(chip, name, factory))
