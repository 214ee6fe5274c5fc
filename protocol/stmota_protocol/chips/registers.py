"""What the chip's own registers say: flash size and unique id, from the bytes READ MEMORY gave."""

from stmota_protocol.chips.model import KIB, Chip

_UNREADABLE = (0x0000, 0xFFFF)
"""What a size register shows that is absent or blank."""
_L1_CATEGORY_4 = 0x436
_L1_CATEGORY_4_SIZES = {0: 384 * KIB, 1: 256 * KIB}
"""On this product id the register holds a code instead of KiB (devices table, RM0038)."""


def flash_size_from(chip: Chip, data: bytes) -> int | None:
    """Return the flash size in bytes from the bytes of `chip.size_read`, None if they say nothing.

    The value may be larger than `chip.flash_size_max` or smaller than what is really there (clones).
    """
    read = chip.size_read
    if read is None or len(data) < read.offset + 2:
        return None
    value = int.from_bytes(data[read.offset : read.offset + 2], "little")
    if chip.product_id == _L1_CATEGORY_4 and value in _L1_CATEGORY_4_SIZES:
        return _L1_CATEGORY_4_SIZES[value]
    return None if value in _UNREADABLE else value * KIB


def unique_id_from(chip: Chip, data: bytes) -> bytes | None:
    """Return the unique id from the bytes of `chip.uid_read`, in memory order; None if they are too few."""
    read = chip.uid_read
    if read is None or len(data) < read.offset + chip.uid_words[-1] + 4:
        return None
    words = (read.offset + offset for offset in chip.uid_words)
    return b"".join(data[start : start + 4] for start in words)
