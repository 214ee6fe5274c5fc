"""Option bytes as READ MEMORY shows them: what to read, and how to get words and bits out of it."""

from collections.abc import Iterable, Mapping

from stmota_protocol.chips.model import Chip, RegisterRead
from stmota_protocol.chips.option_fields import OptionField, boot_fields, read_protection_field
from stmota_protocol.chips.write_protect_rules import write_protect_words

_READ_MAX = 256
"""READ MEMORY gives at most this many bytes (AN3155 §3.4)."""
_WORD = 4
_PERIPHERALS = 0x4000_0000
"""From here on option "bytes" are registers of the flash interface: only the words wanted are read."""


def option_reads(chip: Chip) -> tuple[RegisterRead, ...]:
    """Return the reads, of at most 256 bytes each, that get the chip's option bytes.

    The answers, address to bytes, are what the functions of this package take as `option_bytes`. A read
    that the ROM refuses is left out there.
    """
    memory = tuple(
        RegisterRead(address, min(_READ_MAX, last + 1 - address))
        for first, last in chip.option_bytes
        if first < _PERIPHERALS
        for address in range(first, last + 1, _READ_MAX)
    )
    registers = (word for word in _wanted_words(chip) if word >= _PERIPHERALS)
    return memory + tuple(RegisterRead(address, _WORD) for address in registers)


def word_reads(chip: Chip, refused: Iterable[RegisterRead]) -> tuple[RegisterRead, ...]:
    """Return reads of the single words that matter in places that the ROM refused to give at once.

    Where the option bytes end the sources disagree on many chips, and a read beyond their end is refused.
    """
    ranges = [range(read.address, read.address + read.length) for read in refused if read.length > _WORD]
    return tuple(
        RegisterRead(word, _WORD) for word in _wanted_words(chip) if any(word in span for span in ranges)
    )


def _wanted_words(chip: Chip) -> list[int]:
    words = {field.address for field in boot_fields(chip)}
    words |= {variant.when.address for variant in chip.variants if variant.when is not None}
    words |= set(write_protect_words(chip))
    protection = read_protection_field(chip)
    if protection is not None:
        words.add(protection.address)
    return sorted(words)


def option_word(option_bytes: Mapping[int, bytes], address: int) -> int | None:
    """Return the 32-bit little-endian word at `address`, None if it was not read."""
    for start, data in option_bytes.items():
        offset = address - start
        if offset >= 0 and offset + _WORD <= len(data):
            return int.from_bytes(data[offset : offset + _WORD], "little")
    return None


def option_bit(option_bytes: Mapping[int, bytes], address: int, bit: int) -> int | None:
    """Return one bit of the word at `address`, None if it was not read."""
    word = option_word(option_bytes, address)
    return None if word is None else (word >> bit) & 1


def option_value(option_bytes: Mapping[int, bytes], field: OptionField) -> int | None:
    """Return the value of a field, None if its word was not read."""
    word = option_word(option_bytes, field.address)
    return None if word is None else (word >> field.bit) & ((1 << field.width) - 1)
