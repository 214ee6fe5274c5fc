"""Images as ESP-IDF makes them: one segment, its description, checksum and SHA-256."""

import hashlib

OURS = "1.1"
"""Version of the bridge protocol."""


def checksum(segment: bytes) -> int:
    """As esp_image_format.c has it, byte by byte."""
    found = 0xEF
    for byte in segment:
        found ^= byte
    return found


def image(
    version: str = "1.2.3",
    project: str = "stmota_bridge",
    length: int = 30_000,
    *,
    protocol: str | None = OURS,
    chip_id: int = 0,
    has_hash: bool = True,
) -> bytes:
    """Return an image of that length, a multiple of 16 (sources: stmota_protocol/esp_image.py)."""
    end = length - (32 if has_hash else 0)
    size = end - 1 - 24 - 8  # the checksum's byte, the headers of the image and of the segment
    segment = (0xABCD5432).to_bytes(4, "little") + bytes(12)
    segment += version.encode().ljust(32, b"\0") + project.encode().ljust(32, b"\0")
    segment += b"" if protocol is None else f"stmota bridge protocol {protocol}\0".encode()
    segment += bytes(at % 251 for at in range(size - len(segment)))
    header = b"\xe9\x01" + bytes(10) + chip_id.to_bytes(2, "little") + bytes(9) + bytes((has_hash,))
    whole = header + bytes(4) + size.to_bytes(4, "little") + segment + bytes((checksum(segment),))
    assert len(whole) == end
    assert len(whole) % 16 == 0
    return whole + (hashlib.sha256(whole).digest() if has_hash else b"")
