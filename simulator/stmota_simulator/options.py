"""Option bytes: as they are stored, and as the chip goes by them since it loaded them."""

from collections.abc import Mapping

from stmota_simulator.chip_model import (
    ChipModel,
    OptionField,
    OptionLoading,
    ProtectBits,
    ProtectRanges,
    Range,
)
from stmota_simulator.errors import UnknownOption
from stmota_simulator.layout import Layout


class OptionBytes:
    """The option bytes of one chip."""

    def __init__(self, chip: ChipModel) -> None:
        self._chip = chip
        self._model = chip.options
        self._stored = {address: bytearray(content) for address, content in self._model.areas}
        self._complete()
        self._loaded = dict(self._stored)
        self.load()

    @property
    def rdp_level(self) -> int:
        """The read protection that is in force: 0, 1 or 2."""
        value = self._get(self._model.rdp, self._loaded)
        if value == self._model.rdp_0:
            return 0
        return 2 if value == self._model.rdp_2 else 1

    def load(self) -> None:
        """Go by what is stored from now on."""
        self._loaded = {address: bytearray(content) for address, content in self._stored.items()}

    def bit(self, name: str) -> int:
        """A named field as it is in force."""
        return self._get(dict(self._model.fields)[name], self._loaded)

    def has(self, name: str) -> bool:
        """Whether the chip has a field of that name."""
        return name in dict(self._model.fields)

    def layout(self) -> Layout:
        """How the flash is divided, by the option bytes in force."""
        for one in self._chip.flash.layouts_by_option:
            if self.bit(one.option) == one.value:
                return one.layout
        return self._chip.flash.layout

    def set_named(self, values: Mapping[str, int]) -> None:
        """Store named fields. Raises `UnknownOption`."""
        fields = dict(self._model.fields)
        folded = {name.upper(): name for name in fields}
        for name, value in values.items():
            wanted = f"{name}={value}"
            field = fields.get(folded.get(name.upper(), ""))
            if field is None or not 0 <= value < 1 << field.width:
                raise UnknownOption(wanted, self._chip.title, fields)
            self._set(field, value)
        self._complete()
        self._load_at_once()

    def set_rdp_level(self, level: int) -> None:
        """Store a read protection level. Raises `UnknownOption` for one that the family lacks."""
        value = {0: self._model.rdp_0, 1: self._model.rdp_1, 2: self._model.rdp_2}.get(level)
        if value is None:
            wanted = f"RDP={level}"
            raise UnknownOption(wanted, self._chip.title, ["RDP=0", "RDP=1"])
        self._set(self._model.rdp, value)
        self._complete()
        self._load_at_once()

    def area_at(self, address: int, length: int) -> Range | None:
        """The block that holds a piece of memory."""
        for start, content in self._stored.items():
            area = Range(start, start + len(content) - 1)
            if area.holds(address, length):
                return area
        return None

    def read(self, address: int, length: int) -> bytes:
        """Return stored bytes, all inside one block."""
        area = self.area_at(address, length)
        if area is None:
            return b""
        offset = address - area.first
        return bytes(self._stored[area.first][offset : offset + length])

    def write(self, address: int, data: bytes) -> None:
        """Erase a block and program it from its start; complements are the hardware's work."""
        block = self._stored[address]
        block[: len(data)] = data
        self._complete()
        self._load_at_once()

    def protect(self, groups: set[int]) -> None:
        """Store write protection of these groups and no others; an area from the lowest to the highest."""
        protection = self._model.write_protection
        if isinstance(protection, ProtectBits):
            self._set_bits(protection, groups)
        else:
            self._set_ranges(protection, groups)
        self._complete()
        self._load_at_once()

    def protected_units(self, layout: Layout) -> frozenset[int]:
        """Erase units of this layout that can neither be erased nor programmed now."""
        protection = self._model.write_protection
        if isinstance(protection, ProtectBits):
            return self._units_of_bits(protection, layout)
        return self._units_of_ranges(protection, layout) | self._secure_units(layout)

    def _secure_units(self, layout: Layout) -> frozenset[int]:
        field = self._model.secure_from
        if field is None:
            return frozenset()
        return frozenset(range(self._get(field, self._loaded), len(layout.sizes)))

    def _units_of_ranges(self, protection: ProtectRanges, layout: Layout) -> frozenset[int]:
        units: set[int] = set()
        for address, bank in protection.words:
            first_unit = layout.first_of(bank)
            first = self._get(OptionField(address, 0, protection.width), self._loaded)
            last = self._get(OptionField(address, 16, protection.width), self._loaded)
            units.update(range(first_unit + first, first_unit + last + 1))
        return frozenset(units)

    def _units_of_bits(self, protection: ProtectBits, layout: Layout) -> frozenset[int]:
        bits = [
            self._get(OptionField(address, first + index), self._loaded)
            for address, first, count in protection.words
            for index in range(count)
        ]
        units: set[int] = set()
        for unit, offset, _ in layout.bounds():
            group = (
                offset // protection.group_bytes if protection.group_bytes else unit // layout.units_per_bit
            )
            if bits[min(group, len(bits) - 1)] == protection.protects_when:
                units.add(unit)
        return frozenset(units)

    def _set_bits(self, protection: ProtectBits, groups: set[int]) -> None:
        number = 0
        for address, first, count in protection.words:
            for index in range(count):
                is_protected = number in groups
                value = protection.protects_when if is_protected else 1 - protection.protects_when
                self._set(OptionField(address, first + index), value)
                number += 1

    def _set_ranges(self, protection: ProtectRanges, groups: set[int]) -> None:
        top = (1 << protection.width) - 1
        firsts = [self.layout().first_of(bank) for _, bank in protection.words]
        spans = {first: [unit - first for unit in groups if 0 <= unit - first <= top] for first in firsts}
        for (address, _), first_unit in zip(protection.words, firsts, strict=True):
            inside = spans.pop(first_unit, [])  # the bank's first area takes them, its second holds none
            first, last = (min(inside), max(inside)) if inside else (top, 0)
            self._set(OptionField(address, 0, protection.width), first)
            self._set(OptionField(address, 16, protection.width), last)

    def _load_at_once(self) -> None:
        if self._model.loading is OptionLoading.AT_ONCE:
            self.load()

    def _complete(self) -> None:
        """Fill in the complements."""
        step = self._model.complement_bytes
        if not step:
            return
        for block in self._stored.values():
            for at in range(0, len(block), 2 * step):
                value = block[at : at + step]
                block[at + step : at + 2 * step] = bytes(byte ^ 0xFF for byte in value)

    @staticmethod
    def _get(field: OptionField, blocks: Mapping[int, bytearray]) -> int:
        for start, block in blocks.items():
            offset = field.address - start
            if 0 <= offset < len(block):
                word = int.from_bytes(block[offset : offset + 4], "little")
                return word >> field.bit & ((1 << field.width) - 1)
        return 0

    def _set(self, field: OptionField, value: int) -> None:
        for start, block in self._stored.items():
            offset = field.address - start
            if 0 <= offset < len(block):
                mask = ((1 << field.width) - 1) << field.bit
                word = int.from_bytes(block[offset : offset + 4], "little")
                block[offset : offset + 4] = (word & ~mask | value << field.bit).to_bytes(4, "little")
