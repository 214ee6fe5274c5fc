"""What the option bytes say of read and write protection, in words and as erase units."""

from collections.abc import Iterable, Mapping, Sequence

from stmota_protocol.chips.layout import EraseUnit, largest_units
from stmota_protocol.chips.model import Chip, Family
from stmota_protocol.chips.option_bytes import option_bit, option_value, option_word
from stmota_protocol.chips.option_fields import read_protection_field
from stmota_protocol.chips.write_protect_rules import Areas, BitMap, write_protect_rule

_OPEN_PRODUCT_STATE = 0xED
_PRODUCT_STATES = {
    0x17: "provisioning",
    0x2E: "iRoT provisioned",
    0xC6: "TZ closed",
    0x72: "closed",
    0x5C: "locked",
}
"""Life states of H5 (CubeProgrammer's data base; RM0481 §7)."""
_OFF = 0xAA
_OFF_F1 = 0xA5
_LEVEL_2 = 0xCC
_LEVEL_0_5 = 0x55
_HAVE_LEVEL_0_5 = frozenset({Family.L5, Family.U3, Family.U5, Family.WBA})
_F76X = 0x451
_F76X_NDBANK = (0x1FFF_0008, 13)


def read_protection(chip: Chip, option_bytes: Mapping[int, bytes]) -> str | None:
    """Return the read protection in words, "" for none, None if it could not be read.

    A chip at level 1 refuses to be read at all, so its option bytes mostly are not there to ask.
    """
    field = read_protection_field(chip)
    value = None if field is None else option_value(option_bytes, field)
    if value is None:
        return None
    if chip.family is Family.H5:
        if value == _OPEN_PRODUCT_STATE:
            return ""
        return "product state " + _PRODUCT_STATES.get(value, f"0x{value:02X}")
    if value == (_OFF_F1 if chip.family is Family.F1 else _OFF):
        return ""
    if chip.family is not Family.F1 and value == _LEVEL_2:
        return "RDP level 2"
    if chip.family in _HAVE_LEVEL_0_5 and value == _LEVEL_0_5:
        return "RDP level 0.5"
    return "RDP level 1"


def write_protection(chip: Chip, option_bytes: Mapping[int, bytes]) -> str | None:
    """Return which erase units are write-protected, in words, "" for none, None if it could not be read.

    The numbers are those of the largest part.
    """
    test = _protected_indexes(chip, option_bytes, largest_units(chip))
    return None if test is None else _runs_text(test)


def write_protected_units(
    chip: Chip, option_bytes: Mapping[int, bytes], units: Sequence[EraseUnit]
) -> tuple[EraseUnit, ...]:
    """Return those of `units` that are write-protected; none where it could not be read.

    Areas of bank 2 are only told on parts whose bank 2 starts with the number in the table: the ROM
    acknowledges writes there all the same, and verifying finds it.
    """
    indexes = _protected_indexes(chip, option_bytes, units)
    return () if indexes is None else tuple(unit for unit in units if unit.index in indexes)


def _protected_indexes(
    chip: Chip, option_bytes: Mapping[int, bytes], units: Iterable[EraseUnit]
) -> frozenset[int] | None:
    rule = write_protect_rule(chip)
    if rule is None:
        return None
    if isinstance(rule, Areas):
        protected = _area_indexes(rule, chip, option_bytes)
        return None if protected is None else protected & {unit.index for unit in units}
    return _bit_map_indexes(rule, chip, option_bytes, units)


def _area_indexes(rule: Areas, chip: Chip, option_bytes: Mapping[int, bytes]) -> frozenset[int] | None:
    mask = (1 << rule.width) - 1
    banks = ((0, rule.bank_1), (chip.bank2_first_unit or 0, rule.bank_2))
    indexes: set[int] = set()
    for first_unit, addresses in banks:
        for address in addresses:
            word = option_word(option_bytes, address)
            if word is None:
                return None
            first, last = word & mask, (word >> 16) & mask
            indexes.update(range(first_unit + first, first_unit + last + 1))
    return frozenset(indexes)


def _bit_map_indexes(
    rule: BitMap, chip: Chip, option_bytes: Mapping[int, bytes], units: Iterable[EraseUnit]
) -> frozenset[int] | None:
    bits = _bits(rule, option_bytes)
    protects_when = _protects_when(rule, option_bytes)
    if bits is None or protects_when is None:
        return None
    found = ((unit.index, protect_group(rule, chip, option_bytes, unit)) for unit in units)
    return frozenset(index for index, group in found if group is not None and bits[group] == protects_when)


def _bits(rule: BitMap, option_bytes: Mapping[int, bytes]) -> list[int] | None:
    bits: list[int] = []
    for address, first, count in rule.words:
        word = option_word(option_bytes, address)
        if word is None:
            return None
        bits += [(word >> (first + i)) & 1 for i in range(count)]
    return bits


def _protects_when(rule: BitMap, option_bytes: Mapping[int, bytes]) -> int | None:
    if rule.inverted_by is None:
        return rule.protects_when
    mode = option_bit(option_bytes, *rule.inverted_by)
    return None if mode is None else rule.protects_when ^ mode


def protect_group(rule: BitMap, chip: Chip, option_bytes: Mapping[int, bytes], unit: EraseUnit) -> int | None:
    """Return which bit of the rule protects an erase unit, None if none does."""
    groups = sum(count for _, _, count in rule.words)
    dual = chip.product_id == _F76X and option_bit(option_bytes, *_F76X_NDBANK) == 0
    offset = unit.address - chip.flash_start
    group = (
        offset // rule.group_bytes if rule.group_bytes else unit.index // (2 if dual else rule.group_units)
    )
    if group < groups:
        return group
    return groups - 1 if rule.last_covers_rest else None


def _runs_text(indexes: frozenset[int]) -> str:
    runs: list[tuple[int, int]] = []
    for index in sorted(indexes):
        if runs and runs[-1][1] == index - 1:
            runs[-1] = (runs[-1][0], index)
        else:
            runs.append((index, index))
    texts = (f"{first}" if first == last else f"{first} to {last}" for first, last in runs)
    return "erase units " + ", ".join(texts) if runs else ""
