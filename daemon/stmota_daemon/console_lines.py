"""Console bytes become lines: split, joined across connections by their position, each with its time."""

from dataclasses import dataclass

MAX_LINE = 4096
"""Bytes of one record: a longer line is cut into parts; bounds what one record costs everywhere."""
_MAX_HELD_BACK = 3
"""A UTF-8 sequence has at most 4 bytes (RFC 3629 §3): up to 3 of them can wait for their rest."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line, or a part of one."""

    at_s: float
    """Host time of its first byte, seconds since the epoch."""
    text: str
    complete: bool
    """Whether a line end followed."""
    lost: int
    """Bytes lost before it."""
    end: int
    """Position of the byte after it."""


class LineSplitter:
    """Splits the console of one boot of a bridge. What comes twice is dropped, what is missing is counted.

    `next_position` None: not known from where on the console is to be complete; the first byte decides.
    """

    def __init__(self, next_position: int | None = None) -> None:
        self.next_position = next_position
        self._pending = bytearray()
        self._pending_at_s = 0.0
        self._lost = 0

    @property
    def has_pending(self) -> bool:
        """Whether bytes wait for their line's end."""
        return bool(self._pending)

    def feed(self, position: int, at_s: float, byte_s: float, data: bytes) -> list[Line]:
        """Take bytes, the first of which has `position` and came at `at_s`, one each `byte_s` seconds."""
        lines = self._skip_to(position)
        known = (self.next_position or 0) - position
        data, at_s, position = data[known:], at_s + known * byte_s, position + known
        self.next_position = position + len(data)
        start = 0
        while start < len(data):
            if not self._pending:
                self._pending_at_s = at_s + start * byte_s
            room = MAX_LINE - len(self._pending)
            newline = data.find(b"\n", start, start + room)
            stop = newline if newline >= 0 else min(len(data), start + room)
            self._pending += data[start:stop]
            start = stop + (newline >= 0)
            if newline >= 0:
                lines.append(self._take(len(self._pending), position + start, complete=True))
            elif len(self._pending) >= MAX_LINE:
                lines.append(self._take(_whole_length(self._pending), position + start, complete=False))
        return lines

    def gap(self, position: int, length: int) -> list[Line]:
        """The bytes from `position` on, `length` of them, are lost. Return what was pending before them."""
        return self._skip_to(position + length)

    def flush(self) -> list[Line]:
        """Return what is pending as a part of a line; the cut never splits a character that may be one."""
        if not self.has_pending:
            return []
        return [self._take(_whole_length(self._pending), self.next_position or 0, complete=False)]

    def _skip_to(self, position: int) -> list[Line]:
        """Count what is missing before `position`, if anything."""
        if self.next_position is None:
            self.next_position = position
        missing = position - self.next_position
        if missing <= 0:
            return []
        lines: list[Line] = []
        if self._pending:
            lines.append(self._take(len(self._pending), self.next_position, complete=False))
        self._lost += missing
        self.next_position = position
        return lines

    def _take(self, length: int, end: int, *, complete: bool) -> Line:
        """Cut `length` bytes off the pending ones; `end` is the position behind all of these."""
        text = bytes(self._pending[:length])
        del self._pending[:length]
        line = Line(
            at_s=self._pending_at_s,
            text=(text.removesuffix(b"\r") if complete else text).decode("utf-8", "backslashreplace"),
            complete=complete,
            lost=self._lost,
            end=end - len(self._pending),
        )
        self._lost = 0
        return line


def _whole_length(pending: bytearray) -> int:
    """Length without a last character or line end that may lack its rest; all, if that is all there is."""
    length = len(pending)
    if pending.endswith(b"\r"):
        return length - 1 or length
    for held_back in range(1, min(_MAX_HELD_BACK, length) + 1):
        byte = pending[length - held_back]
        if byte & 0xC0 != 0x80:  # not a continuation byte (RFC 3629 §3)
            needed = (
                2 if byte >> 5 == 0b110 else 3 if byte >> 4 == 0b1110 else 4 if byte >> 3 == 0b11110 else 1
            )
            return (length - held_back or length) if needed > held_back else length
    return length
