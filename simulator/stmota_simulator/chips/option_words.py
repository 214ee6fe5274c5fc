"""Option bytes as families with 32-bit option words store them."""

NO_AREA = 0xFF00_FFFF
"""A write protection area from unit 0xFF to unit 0: nothing (RM0351 §3.7, RM0444 §3.7)."""


def option_area(words: dict[int, int], size: int) -> bytes:
    """Lay out 32-bit words by offset; all else reads 1."""
    area = bytearray(b"\xff" * size)
    for offset, word in words.items():
        area[offset : offset + 4] = word.to_bytes(4, "little")
    return bytes(area)
