"""Images to flash: a vector table, the boot text that the simulator prints at a start, and noise.

The boot text's form: simulator/sample_firmware/README.md.
"""

import random
import struct

KIB = 1024
FLASH_START = 0x0800_0000
STACK_TOP = 0x2000_1000
"""4 KiB of SRAM, which every simulated chip has."""
CORE_VECTORS = 16
CONSOLE_BAUD = 115_200


def make_image(length: int, seed: int = 0) -> bytes:
    """An image of exactly `length` bytes, no two blocks alike and none erased; it boots and says so once."""
    marker = b"STMOTA BOOT TEXT" + struct.pack("<II", CONSOLE_BAUD, 0) + b"bench\0\0\0"
    code = FLASH_START + 4 * CORE_VECTORS + len(marker)
    vectors = struct.pack(f"<{CORE_VECTORS}I", STACK_TOP, *[code + 1] * (CORE_VECTORS - 1))  # odd: Thumb
    head = vectors + marker + b"\xfe\xe7"  # Thumb `b .`
    return head + random.Random(seed).randbytes(length - len(head))  # noqa: S311 the same bytes each time
