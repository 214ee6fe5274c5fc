"""What a chip starts after a reset: its flash, or the bootloader (AN2606, activation patterns)."""

from enum import Enum, unique

from stmota_simulator.chip_model import BootRule, ChipModel
from stmota_simulator.options import OptionBytes


@unique
class BootSource(Enum):
    """Where the core starts."""

    FLASH = "flash"
    SYSTEM_MEMORY = "system memory"
    NOWHERE = "nowhere"
    """At an address that holds no code of ours: RAM, or a boot address that points nowhere."""


def boot_source(chip: ChipModel, options: OptionBytes, *, boot0: bool, is_empty: bool) -> BootSource:
    """Decide by the level of BOOT0, the option bytes in force, and the empty-check flag."""
    if options.rdp_level == 2:
        return BootSource.FLASH
    rule = chip.boot_rule
    if rule is BootRule.BOOT_ADD:
        return _by_address(chip, options, boot0=boot0)
    if rule is BootRule.NBOOT_SEL and options.bit("BOOT_LOCK"):
        return BootSource.FLASH
    if not _effective_boot0(rule, options, boot0=boot0):
        return BootSource.SYSTEM_MEMORY if chip.has_empty_check and is_empty else BootSource.FLASH
    if rule is BootRule.PIN or options.bit("nBOOT1"):
        return BootSource.SYSTEM_MEMORY
    return BootSource.NOWHERE


def _effective_boot0(rule: BootRule, options: OptionBytes, *, boot0: bool) -> bool:
    if rule is BootRule.BOOT_SEL and not options.bit("BOOT_SEL"):
        return not options.bit("nBOOT0")
    if rule is BootRule.NBOOT_SEL and options.bit("nBOOT_SEL"):
        return not options.bit("nBOOT0")
    return boot0


def _by_address(chip: ChipModel, options: OptionBytes, *, boot0: bool) -> BootSource:
    address = options.bit("BOOT_ADD1" if boot0 else "BOOT_ADD0") << 16
    if chip.system_memory.holds(address):
        return BootSource.SYSTEM_MEMORY
    return BootSource.FLASH if address == chip.flash.start else BootSource.NOWHERE
