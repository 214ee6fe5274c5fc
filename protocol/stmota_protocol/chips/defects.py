"""What ST's ROM bootloaders do wrong, by product id and ROM version, and what the host does about it."""

from dataclasses import dataclass
from enum import Enum, unique

_AN2606 = "AN2606, known limitations of the device's bootloader"


@unique
class DefectKind(Enum):
    """What is wrong; each says what the host does about it."""

    SECOND_NACK = "READ and WRITE are refused by two NACKs at RDP level 1"
    """What follows a NACK is dropped until the line is quiet."""
    SILENT_ADDRESS = "a bad address is not refused, and the next bytes are taken for a command"
    """The chip is reset and asked once more, and the place then left out."""
    SECOND_ACK = "0x7F is acknowledged twice"
    """What follows the ACK is dropped until the line is quiet."""
    MISCOUNTED_GET = "GET announces two bytes more than it sends"
    """The list is read until the line is quiet; on other chips such a list is a lost byte and asked again."""
    ONE_UNIT_ERASES = "an erase of several pages goes wrong"
    """One page a command, with a pause where the ROM acknowledges too early."""
    EARLY_ERASE_ACK = "an erase in bank 2 is acknowledged before it is done"
    """One sector a command, and its longest time waited for."""
    BANK_ERASE = "the erase of a whole bank does nothing"
    """Neither bank nor mass erase is used: sectors are listed."""
    GO_FIRST_ACK = "the first ACK of GO is missing"
    """GO goes on without it."""
    GO_DEAD = "GO does not work"
    """The application is started by a reset with BOOT0 low, or by the user where the lines are not wired."""
    GO_STACK = "GO wants the stack below the last 16 bytes of RAM"
    """Such an image is not started by GO."""
    GO_LEAVES = "GO leaves clocks or debug as the ROM had them"
    """Told when a board is started by GO; a reset, which stmota prefers, does not have it."""
    WRITE_AFTER_READ = "a write that follows a read loses its first 32 bytes"
    """The chip is reset between reading and writing; the verify is a second pass."""
    RAM = "RAM cannot be used by the host, or not reliably"
    """stmota runs no code in RAM."""
    SHORT_READS = "a read of two bytes is refused where a longer one is not"
    """The flash size is read with what surrounds it (`Chip.size_read`)."""
    SLOW_START = "the ROM starts late, or answers 0x7F late"
    """0x7F is repeated for 3 s, and what comes late is dropped (`start_up.py`)."""
    JITTER = "the ROM measures the baud badly: 57600 is safer than 115200"
    """Told in the remedy when the line gives trouble."""
    EMPTY_HANGS = "empty flash and a reset hang the chip until a power cycle"
    """Told in the remedy when the chip falls silent."""
    EMPTY_FLAG = "the empty-check flag is cleared when the ROM starts"
    """The application is started by GO, which does not depend on it."""
    PROTECTION = "protection or option bytes are not taken over as they should be"
    """Told with the chip."""
    NO_ENTRY = "the ROM does not start, or not properly, in some circumstances"
    """Told with the chip."""
    ELSEWHERE = "outside of what stmota uses"
    """Told with the chip."""


@dataclass(frozen=True, slots=True)
class Defect:
    """One defect of some ROM versions of some product ids."""

    product_ids: tuple[int, ...]
    versions: frozenset[int] | None
    """Version bytes (0xB3 is V11.3); None: all."""
    kind: DefectKind
    text: str
    """For people."""
    source: str = _AN2606
    pause_us: int = 0
    """To wait after an erase's ACK."""
    pause_from: int | None = None
    """Only erase units from this address on need the pause."""

    def holds_for(self, product_id: int, version: int | None) -> bool:
        """Whether it must be reckoned with; an unknown version may have it."""
        if product_id not in self.product_ids:
            return False
        return self.versions is None or version is None or version in self.versions
