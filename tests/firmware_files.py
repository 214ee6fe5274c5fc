"""Firmware files of every format, made byte by byte from the formats' specifications, not with our code.

Import as `from firmware_files import …`. Each maker takes segments as (address, bytes).
"""

import struct
import zlib
from collections.abc import Callable, Sequence

Segments = Sequence[tuple[int, bytes]]
STM32F1, STM32F4, RP2040 = 0x5EE21072, 0x57755A57, 0xE48BFF56  # UF2 family ids


def hex_record(kind: int, offset: int, data: bytes = b"") -> str:
    body = bytes([len(data)]) + offset.to_bytes(2, "big") + bytes([kind]) + data
    return f":{(body + bytes([-sum(body) & 0xFF])).hex().upper()}\n"


def make_hex(segments: Segments, width: int = 16) -> bytes:
    lines: list[str] = []
    for start, data in segments:
        for at in range(0, len(data), width):
            address = start + at
            lines.append(hex_record(4, 0, (address >> 16).to_bytes(2, "big")))
            lines.append(hex_record(0, address & 0xFFFF, data[at : at + width]))
    return "".join([*lines, hex_record(1, 0)]).encode()


def s_record(kind: int, address: int, data: bytes = b"") -> str:
    width = {0: 2, 1: 2, 2: 3, 3: 4, 5: 2, 6: 3, 7: 4, 8: 3, 9: 2}[kind]
    body = address.to_bytes(width, "big") + data
    body = bytes([len(body) + 1]) + body
    return f"S{kind}{(body + bytes([0xFF - sum(body) % 256])).hex().upper()}\n"


def make_srec(segments: Segments, width: int = 32) -> bytes:
    lines = [s_record(0, 0, b"HDR")]
    for start, data in segments:
        lines += [s_record(3, start + at, data[at : at + width]) for at in range(0, len(data), width)]
    return "".join([*lines, s_record(5, len(lines) - 1), s_record(7, 0x0800_0101)]).encode()


def make_elf(
    segments: Segments, *, machine: int = 40, kind: int = 2, elf_class: int = 1, order: int = 1, load: int = 1
) -> bytes:
    """ELF32 without sections; virtual addresses differ from the physical ones."""
    count = len(segments)
    head = b"\x7fELF" + bytes([elf_class, order, 1]) + bytes(9)
    head += struct.pack("<HHIIIIIHHHHHH", kind, machine, 1, 0, 52, 0, 0x05000200, 52, 32, count, 40, 0, 0)
    at = 52 + 32 * count
    for address, data in segments:
        head += struct.pack("<8I", load, at, 0x2000_0000, address, len(data), len(data) + 8, 5, 4)
        at += len(data)
    return head + b"".join(data for _, data in segments)


def dfuse_target(segments: Segments, setting: int = 0, name: bytes = b"ST...") -> bytes:
    elements = b"".join(struct.pack("<II", at, len(data)) + data for at, data in segments)
    head = struct.pack("<6sBI255sII", b"Target", setting, 1, name, len(elements), len(segments))
    return head + elements


def with_suffix(data: bytes, dfu_version: int = 0x011A) -> bytes:
    data += struct.pack("<4H3sB", 0xFFFF, 0xDF11, 0x0483, dfu_version, b"UFD", 16)
    return data + struct.pack("<I", zlib.crc32(data) ^ 0xFFFF_FFFF)


def make_dfuse(*targets: bytes) -> bytes:
    body = b"".join(targets)
    return with_suffix(struct.pack("<5sBIB", b"DfuSe", 1, 11 + len(body), len(targets)) + body)


def uf2_block(
    address: int, data: bytes, number: int, blocks: int, family: int = STM32F1, flags: int = 0x2000
) -> bytes:
    head = struct.pack(
        "<8I", 0x0A324655, 0x9E5D5157, flags, address, len(data), number, blocks, family if flags else 0
    )
    return head + data.ljust(476, b"\0") + struct.pack("<I", 0x0AB16F30)


def make_uf2(segments: Segments, family: int = STM32F1) -> bytes:
    parts = [(start + at, data[at : at + 256]) for start, data in segments for at in range(0, len(data), 256)]
    return b"".join(
        uf2_block(address, data, number, len(parts), family) for number, (address, data) in enumerate(parts)
    )


def _make_dfuse_of_one_target(segments: Segments) -> bytes:
    return make_dfuse(dfuse_target(segments))


MAKERS: dict[str, Callable[[Segments], bytes]] = {
    "hex": make_hex,
    "srec": make_srec,
    "elf": make_elf,
    "dfu": _make_dfuse_of_one_target,
    "uf2": make_uf2,
}
