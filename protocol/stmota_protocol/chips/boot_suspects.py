"""Why a chip may start its flash although BOOT0 is high: what to name when the ROM does not answer."""

from stmota_protocol.chips.model import Chip, Family
from stmota_protocol.chips.option_fields import boot_fields
from stmota_protocol.chips.traits import has_empty_check

_CONDITIONS = {
    "BOOT_LOCK": "BOOT_LOCK is 1",
    "nBOOT_SEL": "nBOOT_SEL is 1",
    "BOOT_SEL": "BOOT_SEL is 0",
    "nSWBOOT0": "nSWBOOT0 is 0",
    "nBOOT1": "nBOOT1 is 0",
    "TZEN": "TZEN is set",
    "BOOT_ADD1": "BOOT_ADD1 does not point at the bootloader",
    "NSBOOTADD1": "NSBOOTADD1 does not point at the bootloader",
    "PRODUCT_STATE": "PRODUCT_STATE is neither Open nor Provisioning",
}
"""AN2606, activation patterns (entry facts, "What decides ROM entry")."""
_NO_LEVEL_2 = frozenset({Family.F1})
"""Its read protection has one level only (PM0075)."""
_ANY_FAMILY = (
    "some families ignore BOOT0 by option bits (nBOOT_SEL on G0, C0, U0 and L01x, as from the factory once"
    " their flash is not empty; nSWBOOT0 on L4, G4, L5, U5, WB and WL; BOOT_LOCK, TZEN, nBOOT1), and RDP"
    " level 2 has no bootloader"
)


def boot0_suspects(chip: Chip | None) -> str:
    """Say what may make BOOT0 be ignored: of `chip`, which was seen on this board before, or of any.

    Empty for a chip that only its pins decide about.
    """
    if chip is None:
        return _ANY_FAMILY
    known = {field.name for field in boot_fields(chip)}
    found = [text for name, text in _CONDITIONS.items() if name in known]
    if chip.family not in _NO_LEVEL_2:
        found.append("RDP is at level 2")
    if not found:
        return ""
    since = " once its flash is not empty" if has_empty_check(chip) else ""
    return f"{chip.name}, seen on this board before, does not heed BOOT0{since} where {' or '.join(found)}"
