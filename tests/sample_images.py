"""Images that pass for firmware: the sample's own, and made ones for chips of every family.

Import as `from sample_images import make_image`. A made image is a valid vector table, an endless loop,
the boot text marker that the simulator looks for (simulator/sample_firmware/README.md), and bytes that
differ from block to block.
"""

import random
import struct
import zlib
from pathlib import Path

SAMPLE_FIRMWARE = Path(__file__).parent.parent / "simulator" / "sample_firmware" / "sample_f103xb.bin"
"""The real image for an STM32F103xB."""

FLASH_START = 0x08000000
LOWEST_STACK_TOP = 0x20001000
"""4 KiB of SRAM: inside the SRAM of every chip but those with 2 KiB."""
MARKER = b"STMOTA BOOT TEXT"
CORE_VECTORS = 16
BRANCH_TO_SELF = b"\xfe\xe7"  # Thumb `b .`


def make_image(
    size: int = 4096,
    *,
    text: str = "made image",
    baud: int = 115200,
    heartbeat_ms: int = 1000,
    flash_start: int = FLASH_START,
    stack_top: int = LOWEST_STACK_TOP,
    seed: int = 0,
) -> bytes:
    """An image of exactly `size` bytes that a chip with flash at `flash_start` would boot.

    Images of different `seed` differ in every block. Raises ValueError when `size` is too small.
    """
    marker = MARKER + struct.pack("<II", baud, heartbeat_ms) + text.encode() + b"\x00"
    marker += bytes(-len(marker) % 4)
    handler = flash_start + 4 * CORE_VECTORS + len(marker) + 1  # odd: Thumb
    head = (
        struct.pack(f"<{CORE_VECTORS}I", stack_top, *[handler] * (CORE_VECTORS - 1)) + marker + BRANCH_TO_SELF
    )
    if size < len(head):
        message = f"{size} bytes do not hold {len(head)} of vectors, marker and code"
        raise ValueError(message)
    return head + random.Random(seed).randbytes(size - len(head))  # noqa: S311 the same bytes every time


def boot_output(image: bytes, text: str, flash_size: int, erased_byte: int = 0xFF) -> bytes:
    """What a board whose flash holds `image` and nothing else prints first, before any heartbeat."""
    crc = zlib.crc32(image.ljust(flash_size, bytes([erased_byte])))
    return f"{text}\r\nflash crc32 0x{crc:08x}\r\n".encode()
