"""The application in the flash: not executed, but known by its boot text.

Its form: simulator/sample_firmware/README.md.
"""

from dataclasses import dataclass

from stmota_protocol.steps import UartSettings
from stmota_simulator.cpu import Configure, Program, Send, WorkUntil

MARKER = b"STMOTA BOOT TEXT"
MOST_TEXT_BYTES = 200
SLOWEST_CONSOLE_BAUD = 110
FASTEST_CONSOLE_BAUD = 4_000_000
START_US = 1_000
"""From the core's start to the first start bit: clocks, and the CRC. Our choice; no sample takes less."""
NEVER_US = 1 << 62


@dataclass(frozen=True, slots=True)
class BootText:
    """What an image says it prints."""

    baud: int
    heartbeat_ms: int
    text: bytes


def find_boot_text(flash: bytes | bytearray, offset: int) -> BootText | None:
    """Return the marker's content behind an offset; None for an application that prints nothing."""
    at = flash.find(MARKER, offset)
    fields = flash[at + len(MARKER) : at + len(MARKER) + 8]
    if at < 0 or len(fields) < 8:
        return None
    baud = int.from_bytes(fields[:4], "little")
    if not SLOWEST_CONSOLE_BAUD <= baud <= FASTEST_CONSOLE_BAUD:
        return None
    start = at + len(MARKER) + len(fields)
    text = flash[start : start + MOST_TEXT_BYTES].split(b"\0", 1)[0]
    return BootText(baud, int.from_bytes(fields[4:], "little"), bytes(text))


def application(boot_text: BootText | None, flash_crc32: int, start_us: int) -> Program:
    """Return a program that prints what the firmware would, as 8N1; it never ends."""
    if boot_text is not None:
        yield WorkUntil(start_us + START_US)
        yield Configure(UartSettings(boot_text.baud))
        yield Send(boot_text.text + b"\r\n" + f"flash crc32 0x{flash_crc32:08x}\r\n".encode())
        beats = 0
        while boot_text.heartbeat_ms:
            beats += 1
            up_ms = beats * boot_text.heartbeat_ms
            yield WorkUntil(start_us + up_ms * 1000)
            yield Send(f"up {up_ms // 1000} s\r\n".encode())
    while True:
        yield WorkUntil(NEVER_US)
