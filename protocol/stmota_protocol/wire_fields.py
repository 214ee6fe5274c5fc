"""Reading a message's fields one after the other, and writing the ones of varying length."""

from collections.abc import Callable
from enum import IntEnum
from struct import Struct
from typing import Any, TypeVar

from stmota_protocol.frames import Malformed

T = TypeVar("T")
E = TypeVar("E", bound=IntEnum)


class FieldReader:
    """A place in a payload. Every method moves on, and raises `Malformed` at the payload's end."""

    __slots__ = ("_at", "_data")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def is_at_end(self) -> bool:
        """Whether nothing is left."""
        return self._at == len(self._data)

    def fields(self, layout: Struct) -> tuple[Any, ...]:
        """Read fixed fields."""
        start = self._advance(layout.size)
        return layout.unpack_from(self._data, start)

    def block(self, length: int) -> bytes:
        """Read that many bytes."""
        start = self._advance(length)
        return self._data[start : self._at]

    def text(self, most_bytes: int) -> str:
        """Read a length u8 and so many bytes of UTF-8."""
        length = self.block(1)[0]
        if length > most_bytes:
            message = f"a text of {length} bytes where the most is {most_bytes}"
            raise Malformed(message)
        try:
            return self.block(length).decode("utf-8")
        except UnicodeDecodeError:
            message = "a text that is not UTF-8"
            raise Malformed(message) from None

    def nested(self, decode: Callable[[bytes, int], tuple[T, int]]) -> T:
        """Let `decode(payload, offset)` read a part and tell where it ended."""
        value, self._at = decode(self._data, self._at)
        return value

    def _advance(self, length: int) -> int:
        start = self._at
        self._at = start + length
        if self._at > len(self._data):
            message = f"a message of {len(self._data)} bytes that needs {self._at} or more"
            raise Malformed(message)
        return start


def text_field(text: str, most_bytes: int) -> bytes:
    """Length u8 and UTF-8. Raises ValueError when it is longer than `most_bytes`."""
    data = text.encode("utf-8")
    if len(data) > most_bytes:
        message = f"a text of {len(data)} bytes; the most is {most_bytes}: {text[:20]!r}…"
        raise ValueError(message)
    return bytes((len(data),)) + data


def cut_text_field(text: str, most_bytes: int) -> bytes:
    """Write the same, but cut what is too long, between two characters."""
    data = text.encode("utf-8", "replace")[:most_bytes]
    return text_field(data.decode("utf-8", "ignore"), most_bytes)


def sized(data: bytes, length: int, what: str) -> bytes:
    """`data`, if it has exactly `length` bytes; else ValueError."""
    if len(data) != length:
        message = f"{what} of {len(data)} bytes; it has {length}"
        raise ValueError(message)
    return data


def known(kind: type[E], value: int) -> E:
    """The member of a closed enum; an unknown value is `Malformed`."""
    try:
        return kind(value)
    except ValueError:
        message = f"{kind.__name__} {value}, which is none"
        raise Malformed(message) from None
