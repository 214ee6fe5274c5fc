"""What of the erase units an image leaves uncovered: lost when they are erased, unless it is kept."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from stmota_protocol.chips.layout import EraseUnit
from stmota_protocol.chips.timing import BLOCK
from stmota_protocol.images import Image, Segment


@dataclass(frozen=True, slots=True)
class Span:
    """Addresses from `start` on, before `end`; never empty."""

    start: int
    end: int

    @property
    def length(self) -> int:
        """Bytes of it."""
        return self.end - self.start

    def cut(self) -> Iterator["Span"]:
        """Yield it in pieces that READ MEMORY takes, cut at multiples of its block."""
        at = self.start
        while at < self.end:
            until = min(self.end, at - at % BLOCK + BLOCK)
            yield Span(at, until)
            at = until


def uncovered(image: Image, units: Iterable[EraseUnit]) -> tuple[Span, ...]:
    """Return what of these units (by rising address) is in no segment of the image."""
    found: list[Span] = []
    for unit in units:
        at = unit.address
        for segment in image.segments:
            if segment.end <= at or segment.address >= unit.end:
                continue
            if segment.address > at:
                found.append(Span(at, segment.address))
            at = segment.end
        if at < unit.end:
            found.append(Span(at, unit.end))
    return tuple(found)


def not_empty(pieces: Iterable[tuple[Span, bytes]], erased_value: int) -> tuple[Segment, ...]:
    """Join what was read, by rising address, to segments, without the pieces that are erased throughout."""
    found: list[Segment] = []
    for span, data in pieces:
        if data == bytes((erased_value,)) * len(data):
            continue
        if found and found[-1].end == span.start:
            found[-1] = Segment(found[-1].address, found[-1].data + data)
        else:
            found.append(Segment(span.start, data))
    return tuple(found)
