"""What commands of the ROM take, reckoned ahead: the wire's time and the chip's.

The first by AN3155's packets, the second by the data sheets. Only for choosing between two ways to do
something; nobody waits by these figures. The ROM's and the edge's own reactions, fractions of a millisecond a
packet, are left out.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from stmota_protocol.an3155 import CHECKSUM_WORD_US
from stmota_protocol.chips.model import Chip
from stmota_protocol.chips.timing import flash_timing
from stmota_protocol.steps import UartSettings

_OPENING = 2 + 1  # code and its complement, ACK: AN3155 §3
_NUMBER = 4 + 1 + 1  # four bytes, their XOR, ACK
_READ = _OPENING + _NUMBER + 2 + 1  # count and its complement, ACK: AN3155 §3.4
_WRITE = _OPENING + _NUMBER + 1 + 1 + 1  # count, XOR, ACK: AN3155 §3.6
_CHECKSUM = _OPENING + 4 * _NUMBER + 1 + 4 + 1  # four numbers, ACK, CRC, XOR: AN3155, Get Checksum
_TYPICAL = 0.5
"""Typical erase and program times, of the maxima that `timing.py` has: 22 of 40 ms and 85 of 125 us (G0,
DS12991), 2 of 4 s (H74x, DS12110), 0.4 of 0.8 s (F4 x8, DS8626): the least share, so that no gain is
overrated."""


@dataclass(frozen=True, slots=True)
class Costs:
    """Microseconds of one command, on a line with these settings."""

    settings: UartSettings
    chip: Chip
    round_trip_us: int = 0
    """What waiting for an answer costs beyond the command itself."""

    def read_us(self, length: int) -> int:
        """READ MEMORY."""
        return self.settings.wire_time_us(_READ + length)

    def checksum_us(self, length: int) -> int:
        """GET CHECKSUM; the chip's part is the time it is given, as no document has its real one."""
        return self.settings.wire_time_us(_CHECKSUM) + length // 4 * CHECKSUM_WORD_US

    def write_us(self, length: int) -> int:
        """WRITE MEMORY."""
        program_us = round(flash_timing(self.chip).block.max_us * _TYPICAL)
        return self.settings.wire_time_us(_WRITE + length) + program_us

    def redo_us(self, unit_size: int, blocks: Iterable[int], *, verify: bool) -> int:
        """Erase a unit, write blocks of these lengths and read them back."""
        return round(flash_timing(self.chip).unit(unit_size).max_us * _TYPICAL) + sum(
            self.write_us(length) + verify * self.read_us(length) for length in blocks
        )
