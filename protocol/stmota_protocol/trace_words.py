"""What a command's packets mean, in AN3155's words, read from the bytes as a listener on the line would."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from stmota_protocol.an3155 import SYNC, BadReply, Code, parse_get, parse_get_id

SHOWN_UNITS = 4
"""Erase units that are named; of more only the number is told."""
SHOWN_BYTES = 16
"""Bytes of a reply that are shown in a sentence; the wire has them all."""


@dataclass(frozen=True, slots=True)
class _Form:
    """What follows a command's code, and how it is told."""

    packets: int
    tell: Callable[[Sequence[bytes]], str]


def opening_code(data: bytes) -> int | None:
    """The command that a packet begins: its code and the code's complement (AN3155 §3)."""
    return data[0] if len(data) == 2 and data[0] == data[1] ^ 0xFF else None


def packets_of(code: int) -> int:
    """Packets that the host sends behind a command's code."""
    return _FORMS[code].packets if code in _FORMS else 0


def command_title(packets: Sequence[bytes]) -> str:
    """`WRITE MEMORY`; `sync` and `bytes` for what is no command, `lines` where nothing was sent."""
    if not packets:
        return "lines"
    code = opening_code(packets[0])
    if code is None:
        return "sync" if packets[0] == bytes((SYNC,)) else "bytes"
    return Code(code).title if code in _FORMS else f"command 0x{code:02X}"


def asked(packets: Sequence[bytes]) -> str:
    """`WRITE MEMORY 0x08000400, 256 bytes`: of a command's packets, as many of them as were sent."""
    if packets[0] == bytes((SYNC,)):
        return "0x7F"
    code = opening_code(packets[0])
    if code is None:
        return f"bytes {shown(packets[0])}"
    told = _FORMS[code].tell(packets[1:]) if code in _FORMS and len(packets) > 1 else ""
    return f"{command_title(packets)} {told}".rstrip()


def answered(packets: Sequence[bytes], reply: bytes) -> str:
    """What a reply's data say; empty for none."""
    code = opening_code(packets[0])
    try:
        if code == Code.GET:
            found = parse_get(reply)
            commands = " ".join(f"{command:02X}" for command in sorted(found.commands))
            return f"protocol {found.version >> 4}.{found.version & 0xF}, commands {commands}"
        if code == Code.GET_ID:
            return f"product id 0x{parse_get_id(reply):03X}"
    except BadReply:
        pass
    if not reply:
        return ""
    return f"{len(reply)} bytes" + ("" if len(reply) > SHOWN_BYTES else f": {shown(reply)}")


def shown(data: bytes) -> str:
    """`31 CE`; cut after `SHOWN_BYTES`."""
    return data[:SHOWN_BYTES].hex(" ").upper() + (" …" if len(data) > SHOWN_BYTES else "")


def _address(packet: bytes) -> str:
    return f"0x{int.from_bytes(packet[:4], 'big'):08X}"


def _memory(packets: Sequence[bytes]) -> str:
    return _address(packets[0]) + (f", {packets[1][0] + 1} bytes" if len(packets) > 1 else "")


def _checksum(packets: Sequence[bytes]) -> str:
    words = f", {4 * int.from_bytes(packets[1][:4], 'big')} bytes" if len(packets) > 1 else ""
    return _address(packets[0]) + words


def _numbers(width: int) -> Callable[[Sequence[bytes]], str]:
    """Units or groups by number: in bytes (ERASE, WRITE PROTECT) or half-words; the count is one less."""
    special = {
        b"\xff": "of the whole flash",
        b"\xff\xff": "of the whole flash",
        b"\xff\xfe": "of bank 1",
        b"\xff\xfd": "of bank 2",
    }

    def tell(packets: Sequence[bytes]) -> str:
        packet = packets[0]
        if packet[:width] in special:
            return special[packet[:width]]
        count = int.from_bytes(packet[:width], "big") + 1
        numbers = [
            int.from_bytes(packet[at : at + width], "big") for at in range(width, width * (count + 1), width)
        ]
        if count > SHOWN_UNITS:
            return f"of {count} units, the first is {numbers[0]}"
        return f"of unit{'s' if count > 1 else ''} {', '.join(map(str, numbers))}"

    return tell


def _raw(packets: Sequence[bytes]) -> str:
    return " | ".join(map(shown, packets))


def _nothing(_packets: Sequence[bytes]) -> str:
    return ""


def _where(packets: Sequence[bytes]) -> str:
    return _address(packets[0])


_FORMS: Mapping[int, _Form] = {
    Code.GET: _Form(0, _nothing),
    Code.GET_VERSION: _Form(0, _nothing),
    Code.GET_ID: _Form(0, _nothing),
    Code.READ_MEMORY: _Form(2, _memory),
    Code.GO: _Form(1, _where),
    Code.WRITE_MEMORY: _Form(2, _memory),
    Code.ERASE: _Form(1, _numbers(1)),
    Code.EXTENDED_ERASE: _Form(1, _numbers(2)),
    Code.SPECIAL: _Form(2, _raw),
    Code.EXTENDED_SPECIAL: _Form(3, _raw),
    Code.WRITE_PROTECT: _Form(1, _numbers(1)),
    Code.WRITE_UNPROTECT: _Form(0, _nothing),
    Code.READOUT_PROTECT: _Form(0, _nothing),
    Code.READOUT_UNPROTECT: _Form(0, _nothing),
    Code.GET_CHECKSUM: _Form(4, _checksum),
}
"""AN3155 §3.1 to §3.15: packets of the host behind the code. GET CHECKSUM counts words of 32 bits."""
