"""The preamble that opens each direction of a connection, and the frame every message travels in.

Both never change, in no version: so that any two versions, and a stranger, understand at least why they
do not understand each other.
"""

from dataclasses import dataclass
from struct import Struct

from stmota_protocol.limits import HEADER_BYTES, MAX_PAYLOAD

MAGIC = b"STMOTA"
MAJOR = 1
"""Raised when an older peer could misunderstand: the two then refuse each other."""
MINOR = 1
"""Raised when messages, steps or fields at a message's end are added: older peers ignore or refuse those."""
PREAMBLE = MAGIC + bytes((MAJOR, MINOR))

_HEADER = Struct("<HBB")
assert _HEADER.size == HEADER_BYTES  # noqa: S101  (a fact of the format, not a check of input)
TYPE_AT = 2
"""Where a frame's type byte stands."""

_FOREIGN = (
    (b"SSH-", "SSH"),
    (b"HTTP/", "an HTTP answer"),
    (b"GET ", "an HTTP request"),
    (b"HEAD ", "an HTTP request"),
    (b"POST ", "an HTTP request"),
    (b"PUT ", "an HTTP request"),
    (b"DELETE ", "an HTTP request"),
    (b"OPTIONS ", "an HTTP request"),
    (b"CONNECT ", "an HTTP request"),
    (b"PRI * HT", "an HTTP/2 request"),
    (b"\x16\x03", "TLS"),
    (b"\x15\x03", "a TLS alert"),
    (b"\xff\xfb", "telnet or RFC 2217"),
    (b"\xff\xfd", "telnet or RFC 2217"),
    (b"\xff\xfa", "telnet or RFC 2217"),
    (b"220 ", "an FTP or mail server"),
)
"""First bytes of what else is found on a port, and its name for people."""


class Malformed(ValueError):
    """Bytes from the peer that are not what the format says; becomes a `RemoteProtocolError`."""


class ForeignVersion(Malformed):
    """The preamble of another major version: R3."""

    def __init__(self, message: str, major: int, minor: int) -> None:
        self.version = f"{major}.{minor}"
        """The peer's."""
        self.is_newer = major > MAJOR
        """Whether the peer's is the newer one: then this side has to be updated."""
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class Frame:
    """One message as bytes. The payload is not judged yet."""

    message_type: int
    payload: bytes
    port: int


def encode_frame(message_type: int, port: int, payload: bytes) -> bytes:
    """Put a header before `payload`. Raises ValueError when it is too long."""
    if len(payload) > MAX_PAYLOAD:
        message = f"a message of {len(payload)} bytes; the most is {MAX_PAYLOAD}"
        raise ValueError(message)
    return _HEADER.pack(len(payload), message_type, port) + payload


def take_frame(buffer: bytearray, max_frame: int) -> Frame | None:
    """Remove the first frame from `buffer`; None while it is not whole.

    Raises `Malformed` as soon as the header announces more than `max_frame` bytes, header included.
    """
    if len(buffer) < HEADER_BYTES:
        return None
    length, message_type, port = _HEADER.unpack_from(buffer)
    end = HEADER_BYTES + length
    if end > max_frame:
        message = f"a message (type 0x{message_type:02x}) of {end} bytes where the most is {max_frame}"
        raise Malformed(message)
    if len(buffer) < end:
        return None
    payload = bytes(memoryview(buffer)[HEADER_BYTES:end])
    del buffer[:end]
    return Frame(message_type, payload, port)


def judge_preamble(start: bytes) -> int:
    """Return the peer's minor version. `start` is a whole preamble, or all that came before the end.

    Raises `Malformed` that says what the bytes look like, `ForeignVersion` that says who has to be updated.
    """
    if len(start) < len(PREAMBLE) and (MAGIC.startswith(start) or start.startswith(MAGIC)):
        message = "the connection ended inside the preamble"
        raise Malformed(message)
    if not start.startswith(MAGIC):
        message = f"this is no stmota bridge protocol: it looks like {looks_like(start)}"
        raise Malformed(message)
    major, minor = start[len(MAGIC) :]
    if major != MAJOR:
        older = "the peer" if major < MAJOR else "this side"
        message = (
            f"the peer speaks version {major}.{minor} of the bridge protocol, this side {MAJOR}.{MINOR}: "
            f"update {older}"
        )
        raise ForeignVersion(message, major, minor)
    return int(minor)


def looks_like(start: bytes) -> str:
    """Name the protocol that begins with these bytes, or show them escaped."""
    for first, name in _FOREIGN:
        if start.startswith(first):
            return name
    shown = start[: len(PREAMBLE)]
    if shown.isascii() and shown.decode("ascii").isprintable():
        return f"text, '{shown.decode('ascii')}'"
    return f"bytes {shown.hex(' ')}"
