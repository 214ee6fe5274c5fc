"""Option bytes as READ MEMORY shows them: what to read, and how to get words and bits out of it."""

from collections.abc import Mapping

from stmota_protocol.chips.model import Chip, RegisterRead

_READ_MAX = 256
"""READ MEMORY gives at most this many bytes (AN3155 §3.4)."""


def option_reads(chip: Chip) -> tuple[RegisterRead, ...]:
    """Return the reads, of at most 256 bytes each, that cover the chip's option bytes.

    The answers, address to bytes, are what the functions of this package take as `option_bytes`. A read
    that the ROM refuses is left out there.
    """
    return tuple(
        RegisterRead(address, min(_READ_MAX, last + 1 - address))
        for first, last in chip.option_bytes
        for address in range(first, last + 1, _READ_MAX)
    )


def option_word(option_bytes: Mapping[int, bytes], address: int) -> int | None:
    """Return the 32-bit little-endian word at `address`, None if it was not read."""
    for start, data in option_bytes.items():
        offset = address - start
        if offset >= 0 and offset + 4 <= len(data):
            return int.from_bytes(data[offset : offset + 4], "little")
    return None


def option_bit(option_bytes: Mapping[int, bytes], address: int, bit: int) -> int | None:
    """Return one bit of the word at `address`, None if it was not read."""
    word = option_word(option_bytes, address)
    return None if word is None else (word >> bit) & 1
