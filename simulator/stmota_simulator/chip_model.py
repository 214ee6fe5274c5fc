"""What a simulated chip is, as data. The chips themselves, and where their numbers come from: `chips/`."""

from dataclasses import dataclass
from enum import Enum, unique
from typing import TypeAlias

from stmota_protocol.steps import Parity
from stmota_simulator.layout import Layout, LayoutByOption

KIB = 1024


@dataclass(frozen=True, slots=True)
class Duration:
    """How long an operation takes by the data sheet."""

    typical_us: float
    slowest_us: float


@dataclass(frozen=True, slots=True)
class Range:
    """Addresses, the last one included."""

    first: int
    last: int

    @property
    def size(self) -> int:
        """In bytes."""
        return self.last + 1 - self.first

    def holds(self, address: int, length: int = 1) -> bool:
        """Whether all of it lies inside."""
        return self.first <= address and address + length - 1 <= self.last


@unique
class ProgramRule(Enum):
    """What programming does to flash that is not erased."""

    REFUSES = "refuses"
    """A programming error: nothing is written (F1, F0, L0)."""
    REFUSES_TWICE = "refuses twice"
    """ECC: a unit is programmed once only, even when that left it as erased (L4, G0 and their like)."""
    CLEARS_BITS = "clears bits"
    """Bits go from 1 to 0 (F2, F4, F7)."""
    SPOILS = "spoils"
    """ECC without a check: the bits mix and the unit no longer reads right (H7, H5, L1)."""


@dataclass(frozen=True, slots=True)
class FlashModel:
    """A flash array: erase units in address order, how it is programmed, and what that takes."""

    start: int
    layout: Layout
    """Unless an option bit says otherwise."""
    program_bytes: int
    """The unit that is programmed at once."""
    program: Duration
    """Of one such unit."""
    erase_by_size: tuple[tuple[int, Duration], ...]
    """Time to erase a unit, by its size in bytes."""
    mass_erase: Duration | None
    """Of the whole array; None: unit after unit."""
    rule: ProgramRule
    erased: int = 0xFF
    bank_erase: Duration | None = None
    """Of one of several banks; None: unit after unit."""
    zero_over_any: bool = False
    """All zeros may be programmed over anything."""
    row_bytes: int = 0
    """Whole aligned rows are programmed in the time of one unit (L0 half page); 0: there are none."""
    has_parallelism: bool = False
    """Programs byte-wise until 0xFFFF0000 is written: then wider, and faster (F2, F4)."""
    layouts_by_option: tuple[LayoutByOption, ...] = ()
    """The first that applies takes the place of `layout`."""

    @property
    def size(self) -> int:
        """In bytes."""
        return self.layout.size


@unique
class OptionLoading(Enum):
    """When the chip goes by new option bytes."""

    AT_RESET = "at reset"
    AT_POWER_ON = "at power-on"
    AT_ONCE = "at once"


@dataclass(frozen=True, slots=True)
class OptionField:
    """Some bits of a 32-bit little-endian option word."""

    address: int
    bit: int
    width: int = 1


@dataclass(frozen=True, slots=True)
class ProtectBits:
    """Write protection with one bit for each group of flash."""

    words: tuple[tuple[int, int, int], ...]
    """(address of the word, first bit, bits): the bits are counted through."""
    protects_when: int
    group_bytes: int = 0
    """Flash that one bit protects; 0: `Layout.units_per_bit`."""


@dataclass(frozen=True, slots=True)
class ProtectRanges:
    """Write protection by areas: first unit from bit 0, last unit from bit 16; first > last: none."""

    words: tuple[tuple[int, int], ...]
    """(address of the word, its bank from 0); without a second bank they all count from unit 0."""
    width: int


WriteProtection: TypeAlias = ProtectBits | ProtectRanges


@dataclass(frozen=True, slots=True)
class OptionModel:
    """The option bytes."""

    areas: tuple[tuple[int, bytes], ...]
    """Address and factory content of each block; complements are filled in."""
    complement_bytes: int
    """So many bytes are followed by as many of their complement; 0: none."""
    rdp: OptionField
    rdp_0: int
    """Value of read protection level 0."""
    rdp_1: int
    """Value that READOUT PROTECT programs."""
    rdp_2: int | None
    """Value of level 2, which has no bootloader; None: the family has no such level."""
    write_protection: WriteProtection
    secure_from: OptionField | None = None
    """First unit of the other core's flash, out of this one's reach (WB: SFSA)."""
    fields: tuple[tuple[str, OptionField], ...] = ()
    """Bits that decide booting, by the reference manual's name."""
    loading: OptionLoading = OptionLoading.AT_RESET
    is_writable: bool = True
    """Whether the ROM writes them by WRITE MEMORY."""


@unique
class BootRule(Enum):
    """What decides between flash and bootloader at a reset."""

    PIN = "pin"
    """BOOT0 (BOOT1 is wired low; where it is option bit nBOOT1, that must be 1)."""
    BOOT_SEL = "BOOT_SEL"
    """F04x: the pin where BOOT_SEL is 1, else nBOOT0."""
    NBOOT_SEL = "nBOOT_SEL"
    """G0: the pin where nBOOT_SEL is 0, else nBOOT0; never with BOOT_LOCK."""
    NSWBOOT0 = "nSWBOOT0"
    """L43x, L4R, G4, WB, WL: the pin where nSWBOOT0 is 1, else nBOOT0; never with BOOT_LOCK."""
    BOOT_ADD = "BOOT_ADD"
    """H7: BOOT0 low starts at BOOT_ADD0, high at BOOT_ADD1: the address's upper 16 bits."""
    BOOT_ADD_F7 = "BOOT_ADD of F7"
    """The same in steps of 16 KiB, and in the view of the ITCM bus."""
    NSBOOTADD = "NSBOOTADD"
    """L5, U5, WBA: pin or nBOOT0 as for nSWBOOT0; low starts at NSBOOTADD0, high at NSBOOTADD1."""
    PRODUCT_STATE = "PRODUCT_STATE"
    """H5: the pin, while the product state is open."""


@unique
class Quirk(Enum):
    """Defects of ROMs (AN2606, and threads named in reference/stm32/protocol.md §6)."""

    TWO_NACKS_WHEN_PROTECTED = "two NACKs for READ and WRITE at RDP 1"
    NO_NACK_ON_BAD_ADDRESS = "no NACK on a bad address"
    SHORT_SIZE_READ_REFUSED = "a 2-byte read of the flash size is refused"
    RAM_WRITES_CORRUPTED = "writes to RAM arrive corrupted"
    NO_OPTION_RELOAD = "no option reload"
    ERASES_FIRST_PAGE_ONLY = "of a list of pages only the first is erased"
    CLEARS_EMPTY_FLAG = "the empty-check flag is cleared when the ROM starts"
    GO_WITHOUT_FIRST_ACK = "the first ACK of GO is missing"
    GO_NOT_WORKING = "GO does nothing"
    GET_COUNTS_WRONG = "GET announces 13 and sends 11"
    BANK_2_ERASE_EARLY = "ERASE of bank 2 is acknowledged before it is done"
    BANK_ERASE_BROKEN = "ERASE of a whole bank does nothing"
    BANK_2_LISTS_FAIL = "of a list of several pages those in bank 2 are not erased"
    SYNC_ACKED_TWICE = "0x7F is acknowledged twice"
    GO_WANTS_LOW_STACK = "GO does nothing where the stack begins in the last 16 bytes of RAM"
    RAM_REFUSED = "READ, WRITE and GO of RAM are refused"
    WRITE_AFTER_READ_LOSES = "a WRITE after a READ loses its first 32 bytes"
    HANGS_WHEN_EMPTY = "a reset with empty flash hangs the chip until its supply fails"


@dataclass(frozen=True, slots=True)
class RomModel:
    """One version of a family's bootloader ROM."""

    version: str
    """As AN2606 writes it, `9.1`."""
    protocol: int
    """What GET and GET VERSION answer: 0x31 for 3.1."""
    start_up_us: int
    """From the release of NRST to the first 0x7F that is heard."""
    start_up_without_crystal_us: int
    ram_reserved: tuple[Range, ...]
    """RAM that the ROM uses itself: writes there are refused."""
    quirks: frozenset[Quirk] = frozenset()
    parity: Parity = Parity.EVEN
    """NONE: WB0 and its like (AN5471)."""
    id_reply: bytes | None = None
    """GET ID's reply between its ACKs, where it is not a 16-bit product id."""
    sync_reply_us: int = 300
    """From 0x7F to 0x79: 0.16 to 0.4 ms were measured at 115200 (protocol.md §8)."""
    has_checksum: bool = False
    """Whether it has GET CHECKSUM: some ROMs from protocol 3.3 on (AN3155); no table says which."""

    @property
    def id_byte(self) -> int:
        """The bootloader ID at its address in system memory: version 9.1 is 0x91 (AN2606)."""
        high, low = self.version.split(".")
        return int(high) << 4 | int(low)

    @property
    def has_extended_erase(self) -> bool:
        """EXTENDED ERASE from protocol 3.0 on, ERASE before; never both (AN3155 §3)."""
        return self.protocol >= 0x30


@dataclass(frozen=True, slots=True)
class ChipModel:
    """One chip."""

    name: str
    family: str
    product_id: int
    flash: FlashModel
    ram: tuple[Range, ...]
    system_memory: Range
    info: Range
    """Where the size register and the unique id can be read."""
    flash_size_register: int
    unique_id_register: int
    options: OptionModel
    boot_rule: BootRule
    roms: tuple[RomModel, ...]
    """The first one is what a board has unless told otherwise."""
    has_empty_check: bool = False
    resets_after_options: bool = False
    """Whether the ROM resets the chip after it wrote option bytes; it reloads them then."""
    unique_id_offsets: tuple[int, ...] = (0, 4, 8)
    """Where the unique id's three words are, from its register on."""
    bootloader_id_register: int | None = None
    one_time: Range | None = None
    """OTP that WRITE MEMORY reaches."""
    eeprom: Range | None = None
    has_special_erase: bool = True
    """Whether EXTENDED ERASE knows mass and bank erase (L0, L1: no)."""
    fastest_baud: int = 460_800
    """Above it the ROM measures wrong."""

    @property
    def title(self) -> str:
        """As it is printed on the chip."""
        return f"STM32{self.name}"
