"""The habits of a chip's ROM and flash that a flash job must know: times, limits, defects."""

from dataclasses import dataclass
from enum import Enum, unique

from stmota_protocol.chips.defect_table import defects_of
from stmota_protocol.chips.defects import Defect, DefectKind
from stmota_protocol.chips.model import Chip, Dialect, Family
from stmota_protocol.chips.start_up import start_up_us
from stmota_protocol.chips.timing import flash_timing, mass_erase_max_us

MAX_UNITS_0X43 = 255
"""ERASE: a count byte of 0xFF would mean mass erase (AN3155 §3.7)."""
MAX_UNITS_0X44 = 511
"""EXTENDED ERASE: 512 fail on L152, 511 work on L082 (stm32flash's limit)."""
_ONE_BY_ONE = frozenset({DefectKind.ONE_UNIT_ERASES, DefectKind.EARLY_ERASE_ACK})


@unique
class OverUnerased(Enum):
    """What programming does to flash that is not erased."""

    REFUSES = "refuses"
    """An error; nothing is written, and the ROM acknowledges all the same."""
    CLEARS_BITS = "clears-bits"
    """Bits go from 1 to 0: the result is the AND."""
    NEVER_TWICE = "never-twice"
    """ECC words: a second programming makes the word unreadable."""


@dataclass(frozen=True, slots=True)
class Traits:
    """What holds for one chip with one version of its ROM. Times include their margins."""

    start_up_us: int
    """Reset to the first 0x7F accepted, at worst (with the HSE's time-out)."""
    mass_erase_max_us: int | None
    """None: there is no mass erase that works, or no figure for it."""
    program_block_max_us: int
    """256 bytes."""
    max_units_per_erase: int
    pause_after_erase_us: int
    """To wait after an erase command's ACK, because this ROM acknowledges too early."""
    pause_from_address: int
    """Erase units from this address on need that pause (the others do not)."""
    over_unerased: OverUnerased
    empty_check: bool
    """Empty flash boots the ROM, and only a power-on or an option reload makes the chip look again."""
    defects: tuple[Defect, ...]
    """What this ROM does wrong, or may do wrong where its version is not known."""

    def has(self, kind: DefectKind) -> bool:
        """Whether this ROM has a defect of that kind, as far as is known."""
        return any(defect.kind is kind for defect in self.defects)

    def texts(self, kind: DefectKind) -> str:
        """The defects of a kind, for people; empty if there is none."""
        return "; ".join(defect.text for defect in self.defects if defect.kind is kind)


_CLEARS_BITS = frozenset({Family.F2, Family.F4, Family.F7})
_NEVER_TWICE = frozenset(
    {Family.H5, Family.H7, Family.H7RS, Family.L5, Family.U3, Family.U5, Family.WBA, Family.C5, Family.G5}
)
_EMPTY_CHECK_FAMILIES = frozenset({Family.G0, Family.C0, Family.U0})
_EMPTY_CHECK_PRODUCTS = frozenset(
    # F04/F070x6, F09/F030xC, L011/L021, L41x, L43x, L45x, L496, L4R, L4P, WB1x
    # (entry facts: "F04, F070x6, F09, L01, L4x6+, L4R, WB1x, G0, C0, U0")
    {0x445, 0x442, 0x457, 0x464, 0x435, 0x462, 0x461, 0x470, 0x471, 0x494}
)


def traits(chip: Chip, bootloader_version: int | None) -> Traits:
    """Return what holds for `chip` with the ROM whose version byte is `bootloader_version`.

    The byte stands at `chip.bootloader_id` (0xB3 is V11.3); it is *not* the protocol version that GET
    answers. None, where it could not be read, takes the chip's known defects for granted.
    """
    defects = defects_of(chip.product_id, bootloader_version)
    kinds = {defect.kind for defect in defects}
    paused = [defect for defect in defects if defect.pause_us]
    has_mass_erase = chip.mass_erase and DefectKind.BANK_ERASE not in kinds
    return Traits(
        start_up_us=start_up_us(chip),
        mass_erase_max_us=mass_erase_max_us(chip) if has_mass_erase else None,
        program_block_max_us=flash_timing(chip).block.allow_us,
        max_units_per_erase=1 if kinds & _ONE_BY_ONE else _max_units(chip),
        pause_after_erase_us=max((defect.pause_us for defect in paused), default=0),
        pause_from_address=min((defect.pause_from or 0 for defect in paused), default=chip.flash_start),
        over_unerased=_over_unerased(chip),
        empty_check=has_empty_check(chip),
        defects=defects,
    )


def has_empty_check(chip: Chip) -> bool:
    """Whether empty flash boots the ROM, whatever BOOT0 says."""
    return chip.family in _EMPTY_CHECK_FAMILIES or chip.product_id in _EMPTY_CHECK_PRODUCTS


def _max_units(chip: Chip) -> int:
    return MAX_UNITS_0X43 if chip.erase_command == 0x43 else MAX_UNITS_0X44


def _over_unerased(chip: Chip) -> OverUnerased:
    if chip.family in _CLEARS_BITS:
        return OverUnerased.CLEARS_BITS
    if chip.family in _NEVER_TWICE or chip.dialect is Dialect.BLUENRG:
        return OverUnerased.NEVER_TWICE
    return OverUnerased.REFUSES
