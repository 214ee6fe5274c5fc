"""The habits of a chip's ROM and flash that a flash job must know: times, limits, defects."""

from dataclasses import dataclass, replace
from enum import Enum, unique

from stmota_protocol.chips.model import Chip, Dialect, Family
from stmota_protocol.chips.start_up import start_up_us
from stmota_protocol.chips.timing import flash_timing

MAX_UNITS_0X43 = 255
"""ERASE: a count byte of 0xFF would mean mass erase (AN3155 §3.7)."""
MAX_UNITS_0X44 = 511
"""EXTENDED ERASE: 512 fail on L152, 511 work on L082 (stm32flash's limit)."""
_ONE_BY_ONE_PAUSE_US = 40_000
"""Between erases where the ROM's erase of several pages is broken: one page's longest erase (AN2606)."""


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
    """None: there is no mass erase, or no figure for it."""
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
    defects: tuple[str, ...]
    """What this ROM does wrong, for people."""


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
    timing = flash_timing(chip)
    found = Traits(
        start_up_us=start_up_us(chip),
        mass_erase_max_us=timing.mass.allow_us if timing.mass and chip.mass_erase else None,
        program_block_max_us=timing.block.allow_us,
        max_units_per_erase=_max_units(chip),
        pause_after_erase_us=0,
        pause_from_address=chip.flash_start,
        over_unerased=_over_unerased(chip),
        empty_check=chip.family in _EMPTY_CHECK_FAMILIES or chip.product_id in _EMPTY_CHECK_PRODUCTS,
        defects=(),
    )
    for quirk in QUIRKS:
        if quirk.product_id == chip.product_id and quirk.holds_for(bootloader_version):
            found = quirk.applied_to(found)
    return found


def _max_units(chip: Chip) -> int:
    return MAX_UNITS_0X43 if chip.erase_command == 0x43 else MAX_UNITS_0X44


def _over_unerased(chip: Chip) -> OverUnerased:
    if chip.family in _CLEARS_BITS:
        return OverUnerased.CLEARS_BITS
    if chip.family in _NEVER_TWICE or chip.dialect is Dialect.BLUENRG:
        return OverUnerased.NEVER_TWICE
    return OverUnerased.REFUSES


@dataclass(frozen=True, slots=True)
class Quirk:
    """A defect of some ROM versions of one product id (AN2606 unless it says otherwise)."""

    product_id: int
    versions: frozenset[int] | None
    """Version bytes; None: all."""
    text: str
    one_by_one: bool = False
    pause_after_erase_us: int = 0
    pause_from_address: int | None = None

    def holds_for(self, version: int | None) -> bool:
        """Whether it must be reckoned with; an unknown version may have it."""
        return self.versions is None or version is None or version in self.versions

    def applied_to(self, found: Traits) -> Traits:
        """Return the traits with this defect."""
        return replace(
            found,
            max_units_per_erase=1 if self.one_by_one else found.max_units_per_erase,
            pause_after_erase_us=max(found.pause_after_erase_us, self.pause_after_erase_us),
            pause_from_address=self.pause_from_address or found.pause_from_address,
            defects=(*found.defects, self.text),
        )


def _versions(*versions: int) -> frozenset[int]:
    return frozenset(versions)


QUIRKS: tuple[Quirk, ...] = (
    Quirk(
        0x460,
        _versions(0xB3),
        "bootloader V11.3 erases several pages in one command wrongly: pages are erased one by one",
        one_by_one=True,
        pause_after_erase_us=_ONE_BY_ONE_PAUSE_US,
    ),
    Quirk(0x460, _versions(0xB2), "bootloader V11.2 does not reload option bytes over USART"),
    Quirk(
        0x467,
        _versions(0xD0, 0x92),
        "bootloader V13.0/V9.2 fails to erase several pages of bank 2: pages are erased one by one",
        one_by_one=True,
    ),
    Quirk(
        0x450,
        _versions(0x90, 0x91),
        "bootloader V9.0/V9.1 acknowledges erases in bank 2 too early, and GO without its first ACK",
        one_by_one=True,
        pause_after_erase_us=6_000_000,  # one sector's longest erase, DS12110: 4 s, and half of it again
        pause_from_address=0x0810_0000,
    ),
    Quirk(0x450, _versions(0xD2, 0xD3), "bootloader V13.2/V13.3: GO and bank erase do not work"),
    Quirk(0x483, _versions(0x92), "bootloader V9.2: reads between writes return 0xFF"),
    Quirk(0x480, _versions(0x91), "bootloader V9.1: reads between writes may return 0xFF"),
    Quirk(0x464, _versions(0xD1), "bootloader V13.1 acknowledges 0x7F twice"),
    Quirk(0x415, _versions(0x90, 0xA1), "bootloader V9.0/V10.1 corrupts writes to RAM"),
    Quirk(0x469, _versions(0xD3), "bootloader V13.3 does not boot bank 2 properly"),
    Quirk(0x44C, _versions(0xB0), "bootloader V11.0: empty flash and a reset hang until a power cycle"),
    Quirk(0x493, _versions(0xD1), "bootloader V13.1: empty flash and a reset hang until a power cycle"),
    Quirk(0x44D, None, "bootloader V18.1: empty flash and a reset hang until a power cycle"),
    Quirk(0x459, _versions(0xB1), "bootloader V11.1: empty flash and a reset hang until a power cycle"),
    Quirk(0x466, _versions(0x51, 0x52), "bootloader V5.1/V5.2 hangs while PA3 is low"),
    Quirk(0x413, None, "GO leaves the CCM's clock off"),
    Quirk(0x423, None, "GO leaves AHB1ENR 0: the application must turn on its clocks"),
    Quirk(0x433, None, "GO leaves AHB1ENR 0: the application must turn on its clocks"),
    Quirk(0x431, None, "GO leaves AHB1ENR 0: the application must turn on its clocks"),
    Quirk(0x418, None, "parts with a date code before 937 have an unusable bootloader; PA9 high delays it"),
    Quirk(0x449, None, "115200 baud may fail by jitter of up to 6 %: 57600 is safer"),
    Quirk(0x451, None, "115200 baud may fail by jitter of up to 6 %: 57600 is safer"),
    Quirk(0x452, None, "115200 baud may fail by jitter of up to 6 %: 57600 is safer"),
)
"""Protocol facts §6. A version byte 0xXY is VX.Y; V18.1 does not fit one byte, so that row is for all."""
