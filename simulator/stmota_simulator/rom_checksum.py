"""GET CHECKSUM: what the chip's CRC unit makes of a piece of memory (AN3155, Get Checksum)."""

from collections.abc import Callable, Generator

from stmota_simulator.cpu import Effect, Send, Work
from stmota_simulator.memory import Memory

ACK, NACK = b"\x79", b"\x1f"
WORD_US = 2
"""To feed one word: 16 clocks at 8 MHz. Our choice, no source."""
TOP = 0x8000_0000

ReceivePacket = Callable[[int], Generator[Effect, bytes, bytes | None]]


def crc_unit(content: bytes, polynomial: int, initial: int) -> int:
    """The CRC unit: whole words, as the little-endian core loads them, most significant bit first."""
    table = [_shifted(byte << 24, polynomial) for byte in range(256)]
    crc = initial
    for at in range(0, len(content), 4):
        for byte in reversed(content[at : at + 4]):
            crc = crc << 8 & 0xFFFF_FFFF ^ table[crc >> 24 ^ byte]
    return crc


def _shifted(crc: int, polynomial: int) -> int:
    for _ in range(8):
        crc = crc << 1 ^ (polynomial if crc & TOP else 0)
    return crc & 0xFFFF_FFFF


def get_checksum(packet: ReceivePacket, memory: Memory) -> Generator[Effect, bytes, None]:
    """Receive address, words, polynomial and initial value; acknowledge each, and answer with the CRC."""
    yield Send(ACK)
    numbers: list[int] = []
    for _ in range(4):
        received = yield from packet(4)
        if received is None:  # a NACK was sent
            return
        numbers.append(int.from_bytes(received, "big"))
        if not _is_sound(numbers, memory):
            yield Send(NACK)
            return
        yield Send(ACK)
    address, words, polynomial, initial = numbers
    content = memory.read(address, 4 * words) or b""
    yield Work(words * WORD_US)
    answer = crc_unit(content, polynomial, initial).to_bytes(4, "big")
    check = answer[0] ^ answer[1] ^ answer[2] ^ answer[3]
    yield Send(ACK + answer + bytes([check]))


def _is_sound(numbers: list[int], memory: Memory) -> bool:
    """Whether address, and then the words from there on, are in memory."""
    address, words = numbers[0], numbers[1] if len(numbers) > 1 else 1
    return address % 4 == 0 and words > 0 and memory.read(address, 4 * words) is not None
