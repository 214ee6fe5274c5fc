"""What the table knows of a chip: the types of its rows.

Addresses are the target's, sizes are bytes. `None` means that no source has the figure: never guess
in its place. The rows stand in this package's modules by family, the whole table in `__init__.py`.
"""

from dataclasses import dataclass
from enum import Enum, unique

KIB = 1024


@unique
class Family(Enum):
    """ST's product families, as far as their ROM bootloaders and flash differ."""

    F0 = "STM32F0"
    F1 = "STM32F1"
    F2 = "STM32F2"
    F3 = "STM32F3"
    F4 = "STM32F4"
    F7 = "STM32F7"
    G0 = "STM32G0"
    G4 = "STM32G4"
    G5 = "STM32G5"
    H5 = "STM32H5"
    H7 = "STM32H7"
    H7RS = "STM32H7R/S"
    L0 = "STM32L0"
    L1 = "STM32L1"
    L4 = "STM32L4"
    L5 = "STM32L5"
    U0 = "STM32U0"
    U3 = "STM32U3"
    U5 = "STM32U5"
    WB = "STM32WB"
    WB0 = "STM32WB0"
    """With WL3x and BlueNRG: flash at 0x10040000 and a bootloader of their own."""
    WBA = "STM32WBA"
    WL = "STM32WL"
    C0 = "STM32C0"
    C5 = "STM32C5"
    W = "STM32W"


@unique
class Dialect(Enum):
    """Which bootloader protocol the ROM speaks."""

    AN3155 = "AN3155"
    """8E1, GET ID with a 16-bit product id."""
    BLUENRG = "BlueNRG"
    """8N1, product id in the third byte of the GET ID reply, no option-byte or protection commands."""


@dataclass(frozen=True, slots=True)
class Units:
    """A run of equal erase units (ST's pages or sectors)."""

    count: int
    size: int

    @property
    def total(self) -> int:
        """Bytes of the whole run."""
        return self.count * self.size


@dataclass(frozen=True, slots=True)
class BitIs:
    """An option bit with a value, as a condition: where ROM READ MEMORY shows it."""

    name: str
    """By the reference manual."""
    address: int
    """Of the 32-bit little-endian option word."""
    bit: int
    value: int
    """0 or 1: the variant holds when the bit has this value."""


@dataclass(frozen=True, slots=True)
class Bank:
    """One flash bank: where it starts, and how the ROM's erase command numbers its units."""

    start: int
    first_unit: int
    layout: tuple[Units, ...]


@dataclass(frozen=True, slots=True)
class Variant:
    """A layout that differs from the plain rule, for parts of exactly `flash_size` bytes.

    The banks hold all erase units that are safe to address; the note says what was left out.
    """

    flash_size: int
    banks: tuple[Bank, ...]
    when: BitIs | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class RegisterRead:
    """How READ MEMORY gets a register: read `length` bytes at `address`; it starts at `offset` of them."""

    address: int
    length: int
    offset: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Chip:
    """One product id of the ROM bootloader: a die, sold as several devices and sizes."""

    product_id: int
    family: Family
    label: str
    """Short, for people: `STM32F103 medium density`."""
    devices: str
    """All devices that answer with this product id."""

    flash_start: int = 0x0800_0000
    flash_size_max: int
    layout: tuple[Units, ...]
    """Erase units of the largest part in one view; the numbers run on from 0. Smaller parts are shorter."""
    layout_note: str = ""
    bank2_start: int | None = None
    """Where bank 2 of the largest part starts; None: one bank, or one view."""
    bank2_first_unit: int | None = None
    variants: tuple[Variant, ...] = ()
    """Exceptions from `layout`, the first that applies wins."""

    ram_start: int = 0x2000_0000
    ram_size: int | None = None
    ram_reserved: int | None = None
    """Bytes that the ROM uses, from `ram_start` on unless the notes say otherwise."""
    more_ram: tuple[tuple[int, int], ...] = ()
    """Other RAM where a stack may lie, (start, size), by the data sheets: only to judge a stack pointer."""

    may_hold_more: bool = False
    """Parts often hold more flash than the size register says, up to `flash_size_max`."""
    option_bytes: tuple[tuple[int, int], ...] = ()
    """Ranges (first, last address). On newer families these are registers of the flash interface."""
    system_memory: tuple[tuple[int, int], ...] = ()
    """ROM ranges (first, last address)."""
    bootloader_id: int | None = None
    """Address of the byte that tells the ROM's version: 0xXY is VX.Y."""
    flash_size_register: int | None = None
    """16 bits: KiB of flash."""
    unique_id: int | None = None
    """First address of the unique id."""
    size_read: RegisterRead | None = None
    uid_read: RegisterRead | None = None
    uid_words: tuple[int, ...] = (0, 4, 8)
    """Where the unique id's 32-bit words lie, from its first address."""

    write_alignment: int
    """Address and length of every write: multiples of this."""
    mass_erase: bool = True
    erase_command: int = 0x44
    """0x44 EXTENDED ERASE or 0x43 ERASE; what GET lists wins."""
    erased_value: int = 0xFF
    dialect: Dialect = Dialect.AN3155

    single_source: bool = False
    """Only one source has this row: treat every figure with doubt."""
    sources: str
    disagreement: str = ""
    """Where the sources differ, and what was taken."""
    notes: str = ""

    @property
    def name(self) -> str:
        """For people, with the product id: `STM32F103 medium density (0x410)`."""
        return f"{self.label} (0x{self.product_id:03X})"

    @property
    def flash_end(self) -> int:
        """First address after the largest part's flash."""
        return self.flash_start + self.flash_size_max
