"""What the chip holds against what it should hold: by its own checksum where it has one, else by reading."""

from collections.abc import Iterator, Sequence
from contextlib import aclosing

from stmota_daemon.asking import Asking
from stmota_daemon.difference import Difference, difference
from stmota_daemon.work import Report, WorkFailed
from stmota_protocol import an3155, stm32_crc
from stmota_protocol.api import Phase
from stmota_protocol.images import Segment
from stmota_protocol.plan import Block
from stmota_protocol.steps import UartSettings

SUMMED_AT_ONCE = 4096
"""Bytes of one GET CHECKSUM: some 6 ms on the wire, and little to read where a sum differs."""
WORD = 4


class Comparing:
    """Compares segments of memory. Nothing is claimed to differ before it was read twice."""

    def __init__(self, asking: Asking, report: Report, settings: UartSettings) -> None:
        self.summed = 0
        """Bytes whose sum was right."""
        self._asking = asking
        self._report = report
        self._settings = settings

    async def by_sum(self, phase: Phase, text: str, segments: Sequence[Segment]) -> list[Segment]:
        """Return those whose sum is not right, or of which the chip would not tell; ragged ends too."""
        chunks = [chunk for segment in segments for chunk in _chunks(segment)]
        to_read = [chunk for chunk in chunks if not _is_whole_words(chunk)]
        whole = [chunk for chunk in chunks if _is_whole_words(chunk)]
        commands = [an3155.get_checksum(chunk.address, len(chunk.data)) for chunk in whole]
        left = {chunk.address: chunk for chunk in whole}
        try:
            async with aclosing(self._asking.ask(phase, text, commands)) as answers:
                async for command, reply in answers:
                    if _is_right(reply, left[command.address or 0]):
                        self.summed += len(left.pop(command.address or 0).data)
        except WorkFailed as failed:
            if failed.problem.step != an3155.Code.GET_CHECKSUM.title:
                raise
            self._report.note(f"{failed.problem.message}; reading back instead", warning=True)
        return sorted([*to_read, *left.values()], key=lambda chunk: chunk.address)

    async def by_reading(self, phase: Phase, text: str, segments: Sequence[Segment]) -> list[Difference]:
        """Return the blocks that differ, by rising address; a block that does is read once more."""
        blocks = [block for segment in segments for block in _blocks(segment)]
        found = await self._read_once(phase, text, blocks)
        if not found:
            return []
        again = f"reading {len(found)} blocks that differ once more"
        return await self._read_once(phase, again, [one.block for one in found])

    async def _read_once(self, phase: Phase, text: str, blocks: Sequence[Block]) -> list[Difference]:
        commands = [an3155.read_memory(block.address, len(block.data), self._settings) for block in blocks]
        expected = {block.address: block for block in blocks}
        found: list[Difference] = []
        async with aclosing(self._asking.ask(phase, text, commands)) as answers:
            async for command, reply in answers:
                one = difference(expected[command.address or 0], reply)
                if one is not None:
                    found.append(one)
        return found


def _is_right(reply: bytes, chunk: Segment) -> bool:
    try:
        return an3155.parse_get_checksum(reply) == stm32_crc.crc32(chunk.data)
    except an3155.BadReply:
        return False


def _is_whole_words(chunk: Segment) -> bool:
    return chunk.address % WORD == 0 and len(chunk.data) % WORD == 0


def _chunks(segment: Segment) -> Iterator[Segment]:
    """Cut at multiples of `SUMMED_AT_ONCE`, and where whole words begin and end."""
    first_word = min(-(-segment.address // WORD) * WORD, segment.end)
    last_word = max(segment.end // WORD * WORD, first_word)
    at = segment.address
    while at < segment.end:
        ends = (at - at % SUMMED_AT_ONCE + SUMMED_AT_ONCE, segment.end, first_word, last_word)
        until = min(end for end in ends if end > at)
        yield Segment(at, segment.data[at - segment.address : until - segment.address])
        at = until


def _blocks(segment: Segment) -> Iterator[Block]:
    at = segment.address
    while at < segment.end:
        until = min(segment.end, at - at % an3155.MAX_BLOCK + an3155.MAX_BLOCK)
        yield Block(at, segment.data[at - segment.address : until - segment.address])
        at = until
