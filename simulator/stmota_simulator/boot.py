"""What a chip starts after a reset: its flash, or the bootloader (AN2606, activation patterns).

Not simulated: dual-bank boot (BFB2), and where a chip with TZEN = 1 goes beyond its secure flash.
"""

from enum import Enum, unique

from stmota_simulator.chip_model import BootRule, ChipModel
from stmota_simulator.options import OptionBytes

OPEN_PRODUCT_STATE = 0xED
"""H5, FLASH_OPTSR PRODUCT_STATE (RM0481 §7.9)."""
ITCM_SYSTEM_MEMORY = 0x0010_0000
"""F7: the ROM in the ITCM bus's view, from the factory in BOOT_ADD1 (RM0385 §2.4)."""
ITCM_FLASH = 0x0020_0000
"""F7: the flash in the same view, from the factory in BOOT_ADD0."""


@unique
class BootSource(Enum):
    """Where the core starts."""

    FLASH = "flash"
    SYSTEM_MEMORY = "system memory"
    NOWHERE = "nowhere"
    """At an address that holds no code of ours: RAM, or a boot address that points nowhere."""


def boot_source(chip: ChipModel, options: OptionBytes, *, boot0: bool, is_empty: bool) -> BootSource:
    """Decide by the level of BOOT0, the option bytes in force, and the empty-check flag."""
    if options.rdp_level == 2 or _is_on(options, "BOOT_LOCK"):
        return BootSource.FLASH
    rule = chip.boot_rule
    is_high = _effective_boot0(rule, options, boot0=boot0)
    if rule in _ADDRESSES:
        return _by_address(chip, options, is_high=is_high)
    if rule is BootRule.PRODUCT_STATE and options.bit("PRODUCT_STATE") != OPEN_PRODUCT_STATE:
        return BootSource.FLASH
    if not is_high:
        return BootSource.SYSTEM_MEMORY if chip.has_empty_check and is_empty else BootSource.FLASH
    if options.has("nBOOT1") and not options.bit("nBOOT1"):
        return BootSource.NOWHERE
    return BootSource.SYSTEM_MEMORY


def _is_on(options: OptionBytes, name: str) -> bool:
    return options.has(name) and bool(options.bit(name))


def _effective_boot0(rule: BootRule, options: OptionBytes, *, boot0: bool) -> bool:
    """The pin, or the option bit in its place."""
    selector, pin_decides_when = _SELECTORS.get(rule, ("", 0))
    if selector and options.bit(selector) != pin_decides_when:
        return not options.bit("nBOOT0")
    return boot0


def _by_address(chip: ChipModel, options: OptionBytes, *, is_high: bool) -> BootSource:
    low_name, high_name, shift = _ADDRESSES[chip.boot_rule]
    if _is_on(options, "TZEN"):
        return BootSource.NOWHERE if is_high else BootSource.FLASH
    address = options.bit(high_name if is_high else low_name) << shift
    is_f7 = chip.boot_rule is BootRule.BOOT_ADD_F7
    if chip.system_memory.holds(address) or (is_f7 and address == ITCM_SYSTEM_MEMORY):
        return BootSource.SYSTEM_MEMORY
    if address == chip.flash.start or (is_f7 and address == ITCM_FLASH):
        return BootSource.FLASH
    return BootSource.NOWHERE


_SELECTORS = {
    BootRule.BOOT_SEL: ("BOOT_SEL", 1),
    BootRule.NBOOT_SEL: ("nBOOT_SEL", 0),
    BootRule.NSWBOOT0: ("nSWBOOT0", 1),
    BootRule.NSBOOTADD: ("nSWBOOT0", 1),
}
"""Option bit, and its value with which the pin decides."""
_ADDRESSES = {
    BootRule.BOOT_ADD: ("BOOT_ADD0", "BOOT_ADD1", 16),
    BootRule.BOOT_ADD_F7: ("BOOT_ADD0", "BOOT_ADD1", 14),
    BootRule.NSBOOTADD: ("NSBOOTADD0", "NSBOOTADD1", 7),
}
"""Fields with the boot address for BOOT0 low and high, and how many low bits of the address they lack."""
