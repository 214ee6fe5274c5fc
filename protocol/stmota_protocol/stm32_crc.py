"""The CRC-32 of STM32's CRC unit at its reset settings, as GET CHECKSUM answers it.

Polynomial 0x04C11DB7, most significant bit first, no reflection, no final XOR; the unit takes 32-bit words,
which lie in memory little-endian (reference manuals, CRC; AN3155, Get Checksum).
"""

import zlib

POLYNOMIAL = 0x04C1_1DB7
INITIAL = 0xFFFF_FFFF
_MIRRORED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def crc32(data: bytes) -> int:
    """Return the CRC of whole 32-bit words. Raises ValueError for a length that is no multiple of 4.

    zlib's CRC has the same polynomial, but takes and gives its bits mirrored and inverts the result.
    """
    if len(data) % 4:
        message = f"the CRC unit takes whole 32-bit words, not {len(data)} bytes"
        raise ValueError(message)
    mirrored = data.translate(_MIRRORED)
    as_fed = bytearray(len(data))
    for place in range(4):
        as_fed[place::4] = mirrored[3 - place :: 4]
    return int(f"{zlib.crc32(as_fed) ^ 0xFFFF_FFFF:032b}"[::-1], 2)
