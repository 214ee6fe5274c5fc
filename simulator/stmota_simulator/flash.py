"""A flash array: what programming and erasing do to it, and how long they take."""

import random
import zlib
from bisect import bisect_right
from dataclasses import dataclass

from stmota_simulator.chip_model import Duration, FlashModel, ProgramRule
from stmota_simulator.errors import BadImage
from stmota_simulator.layout import Layout


@dataclass(slots=True)
class FlashCounters:
    """What was done to the flash since it was made."""

    unit_erases: int = 0
    """Erase units that were erased, those of a mass erase too."""
    mass_erases: int = 0
    programs_refused: int = 0
    """Units that were not erased and refused to be programmed."""
    double_programs: int = 0
    """Units that were programmed a second time since their erase, whatever came of it."""
    protected_attempts: int = 0
    """Erases and programs of write-protected units: acknowledged, and nothing done."""


class Flash:
    """The array. Offsets are from its start; units have the numbers of the ROM's erase commands."""

    def __init__(self, model: FlashModel, *, is_slow: bool = False) -> None:
        self.model = model
        self.data = bytearray([model.erased]) * model.size
        self.counters = FlashCounters()
        self.protected: frozenset[int] = frozenset()
        """Write-protected erase units."""
        self.width_bytes = 1
        """How many bytes are programmed at once where the family lets one choose (`has_parallelism`)."""
        self._is_slow = is_slow
        self.arrange(model.layout)
        self._programmed = bytearray(model.size // model.program_bytes)
        """1 for each program unit that was programmed since its erase."""

    def arrange(self, layout: Layout) -> None:
        """Divide the array into these units; what it holds stays."""
        self.layout = layout
        self._bounds = {number: (start, end) for number, start, end in layout.bounds()}
        self._numbers = list(self._bounds)
        self._starts = [start for start, _ in self._bounds.values()]

    @property
    def size(self) -> int:
        """In bytes."""
        return len(self.data)

    @property
    def units(self) -> list[int]:
        """Numbers of all units, by rising address."""
        return self._numbers

    def crc32(self) -> int:
        """CRC-32 of the whole array, as zlib computes it."""
        return zlib.crc32(self.data)

    def is_empty(self) -> bool:
        """What the empty check looks at: whether the first word is erased."""
        return self._is_erased(0, 4)

    def preload(self, image: bytes, offset: int = 0) -> None:
        """Put an image there as a programmer would have: erased around it. Raises `BadImage`."""
        if offset + len(image) > self.size:
            message = (
                f"{len(image)} bytes at 0x{self.model.start + offset:08X} do not fit {self.size} of flash"
            )
            raise BadImage(message)
        self.data[:] = bytes([self.model.erased]) * self.size
        self.data[offset : offset + len(image)] = image
        step = self.model.program_bytes
        self._programmed[:] = bytes(len(self._programmed))
        first, last = offset // step, -(-(offset + len(image)) // step)
        self._programmed[first:last] = b"\x01" * (last - first)

    def unit_at(self, offset: int) -> int:
        """Number of the erase unit that holds an offset."""
        return self._numbers[bisect_right(self._starts, offset) - 1]

    def bounds(self, unit: int) -> tuple[int, int]:
        """Where a unit begins and where the next one does."""
        return self._bounds[unit]

    def bank_of(self, unit: int) -> int:
        """Number of the bank that holds a unit, from 0."""
        return next(bank for bank in range(len(self.layout.banks)) if unit in self.layout.numbers_of(bank))

    def erase_us(self, unit: int) -> int:
        """Time to erase one unit."""
        start, end = self.bounds(unit)
        duration = dict(self.model.erase_by_size)[end - start]
        return self._scaled(duration)

    def mass_erase_us(self) -> int:
        """Time to erase the whole array at once, or unit after unit where that is not possible."""
        if self.model.mass_erase is None:
            return sum(map(self.erase_us, self._numbers))
        return self._scaled(self.model.mass_erase)

    def bank_erase_us(self, bank: int) -> int:
        """Time to erase one of several banks."""
        if self.model.bank_erase is None:
            return sum(map(self.erase_us, self.layout.numbers_of(bank)))
        return self._scaled(self.model.bank_erase)

    def program_us(self, offset: int, length: int) -> int:
        """Time to program a block that begins at an offset."""
        if self.model.row_bytes:
            return round(self._time_us(self.model.program) * self._row_operations(offset, length))
        at_once = max(self.model.program_bytes, self.width_bytes)
        return round(self._time_us(self.model.program) * -(-length // at_once))

    def erase(self, unit: int, share: float = 1.0) -> None:
        """Erase a unit; interrupted after a share of the time, it holds neither old nor erased bytes."""
        if unit in self.protected:
            self.counters.protected_attempts += 1
            return
        start, end = self.bounds(unit)
        self.counters.unit_erases += 1
        if share < 1.0:
            self._leave_half_erased(start, end)
            return
        self.data[start:end] = bytes([self.model.erased]) * (end - start)
        step = self.model.program_bytes
        self._programmed[start // step : end // step] = bytes((end - start) // step)

    def erase_all(self, share: float = 1.0) -> None:
        """Mass erase."""
        self.counters.mass_erases += 1
        for unit in self._numbers:
            self.erase(unit, share)

    def wipe(self, share: float = 1.0) -> None:
        """Mass erase that no write protection stops."""
        protected, self.protected = self.protected, frozenset()
        self.erase_all(share)
        self.protected = protected

    def program(self, offset: int, data: bytes, share: float = 1.0) -> None:
        """Program a block, as the family does it; interrupted, only the first share of it.

        The block begins at a program unit; a last unit that is not whole is filled with erased bytes.
        """
        step = self.model.program_bytes
        data += bytes([self.model.erased]) * (-len(data) % step)
        data = data[: int(len(data) // step * share) * step]
        first, end = offset // step, (offset + len(data)) // step
        is_free = not self.protected and not any(self._programmed[first:end])
        if is_free and self._is_erased(offset, len(data)):
            self.data[offset : offset + len(data)] = data
            self._programmed[first:end] = b"\x01" * (end - first)
            return
        for at in range(0, len(data), step):
            self._program_unit(offset + at, data[at : at + step])

    def _program_unit(self, offset: int, data: bytes) -> None:
        if self.unit_at(offset) in self.protected:
            self.counters.protected_attempts += 1
            return
        index = offset // len(data)
        old = self.data[offset : offset + len(data)]
        is_blank = self._is_erased(offset, len(data))
        was_programmed = bool(self._programmed[index])
        self.counters.double_programs += was_programmed
        if not self._accepts(data, is_blank=is_blank, was_programmed=was_programmed):
            self.counters.programs_refused += 1
            return
        mixes = self.model.rule in {ProgramRule.CLEARS_BITS, ProgramRule.SPOILS}
        self.data[offset : offset + len(data)] = self._mixed(old, data) if mixes else data
        self._programmed[index] = 1

    def _mixed(self, old: bytearray, new: bytes) -> bytes:
        """Programming moves bits away from the erased state and never back."""
        if self.model.erased:
            return bytes(a & b for a, b in zip(old, new, strict=True))
        return bytes(a | b for a, b in zip(old, new, strict=True))

    def _is_erased(self, offset: int, length: int) -> bool:
        return self.data[offset : offset + length].count(self.model.erased) == length

    def _accepts(self, data: bytes, *, is_blank: bool, was_programmed: bool) -> bool:
        rule = self.model.rule
        if rule in {ProgramRule.CLEARS_BITS, ProgramRule.SPOILS}:
            return True
        if self.model.zero_over_any and not any(data):
            return True
        return is_blank and not (was_programmed and rule is ProgramRule.REFUSES_TWICE)

    def _leave_half_erased(self, start: int, end: int) -> None:
        """Some bits are erased already, some not yet: the same ones each time."""
        mask = random.Random(start).randbytes(end - start)  # noqa: S311 reproducible, no secret
        old = self.data[start:end]
        if self.model.erased:
            self.data[start:end] = bytes(a | b for a, b in zip(old, mask, strict=True))
        else:
            self.data[start:end] = bytes(a & b for a, b in zip(old, mask, strict=True))
        step = self.model.program_bytes
        self._programmed[start // step : end // step] = b"\x01" * ((end - start) // step)

    def _row_operations(self, offset: int, length: int) -> int:
        """Whole aligned rows take one operation each, what is left one for each program unit."""
        row = self.model.row_bytes
        first, last = -(-offset // row), (offset + length) // row
        rows = max(0, last - first)
        return rows + -(-(length - rows * row) // self.model.program_bytes)

    def _scaled(self, duration: Duration) -> int:
        """Time to erase: x32 takes half of x8 (DS8626 T40); of the steps between no figure is known."""
        return round(self._time_us(duration) / (2 if self.width_bytes >= 4 else 1))

    def _time_us(self, duration: Duration) -> float:
        return duration.slowest_us if self._is_slow else duration.typical_us
