"""What else is in erase units that an image covers only in part: to be kept, or at least told of.

All of it happens before the first erase.
"""

from collections.abc import Sequence
from contextlib import aclosing

from stmota_daemon.asking import Asking
from stmota_daemon.bootloader import Bootloader
from stmota_daemon.recovery import Recovery
from stmota_daemon.work import Report, WorkFailed
from stmota_protocol import an3155
from stmota_protocol.api import Phase, Problem, ProblemCode
from stmota_protocol.images import Segment
from stmota_protocol.uncovered import Span, not_empty

READINGS = 5
"""Of a place, until two in a row are the same: what READ MEMORY brings has no checksum."""

LOOKS = 8
LOOK_BYTES = 16
"""What tells whether a place is in use, when it is not to be kept: some 3 ms for each at 115200 baud."""


async def read_to_keep(
    bootloader: Bootloader, report: Report, spans: Sequence[Span], erased_value: int
) -> tuple[Segment, ...]:
    """Read these places until they read the same twice; return what is not empty.

    Raises `WorkFailed` where they never do, or the line is too bad: nothing was erased yet.
    """
    pieces = [piece for span in spans for piece in span.cut()]
    held = await _read(bootloader, report, pieces)
    doubtful = pieces
    for _ in range(READINGS - 1):
        again = await _read(bootloader, report, doubtful)
        doubtful = [piece for piece in doubtful if again[piece] != held[piece]]
        held |= again
        if not doubtful:
            return not_empty(((piece, held[piece]) for piece in pieces), erased_value)
    raise WorkFailed(_never_the_same(doubtful[0]))


async def in_use(bootloader: Bootloader, spans: Sequence[Span], erased_value: int) -> tuple[Span, ...]:
    """Look at the beginning of the first few places; return those that are not empty.

    Raises `Trouble`, `LinkLost`.
    """
    looked_at = spans[:LOOKS]
    lengths = [min(span.length, LOOK_BYTES) for span in looked_at]
    commands = [
        an3155.read_memory(span.start, length, bootloader.settings)
        for span, length in zip(looked_at, lengths, strict=True)
    ]
    held: list[bytes] = []
    async with aclosing(bootloader.stream(commands)) as answers:
        async for packed, result in answers:
            held.extend(packed.replies(result))
    return tuple(
        span for span, data in zip(looked_at, held, strict=True) if data != bytes((erased_value,)) * len(data)
    )


async def _read(bootloader: Bootloader, report: Report, pieces: Sequence[Span]) -> dict[Span, bytes]:
    asking = Asking(bootloader, report, Recovery(bootloader, report))
    length = sum(piece.length for piece in pieces)
    commands = [an3155.read_memory(piece.start, piece.length, bootloader.settings) for piece in pieces]
    held: list[bytes] = []
    async with aclosing(asking.ask(Phase.READ, f"reading {length} bytes to keep", commands)) as answers:
        async for _, reply in answers:
            held.append(reply)
    return dict(zip(pieces, held, strict=True))


def _never_the_same(piece: Span) -> Problem:
    return Problem(
        code=ProblemCode.FAILED,
        message=f"what is to be kept at 0x{piece.start:08X} reads differently each time; nothing was erased",
        remedy="check ground and the length of the wires, or try a lower --baud",
        step="read",
        address=piece.start,
    )
