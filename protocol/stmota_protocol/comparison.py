"""Asking a chip which erase units hold already what they should: what to ask, what it costs, what it tells.

Pure arithmetic. A question is one command, and the bytes that the chip answers if its flash is as wanted: a
block's own bytes (READ MEMORY) or their checksum (GET CHECKSUM, one for a whole unit).
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256

from stmota_protocol import an3155, stm32_crc
from stmota_protocol.chips.layout import EraseUnit
from stmota_protocol.costs import Costs
from stmota_protocol.plan import Block

SAMPLE_BYTES = 8
"""Of a block, to see whether it differs: two words of code are hardly ever the same by accident."""
SAMPLES_SHARE = 0.006
"""What samples may cost, of what a full flash costs: about one in five blocks."""
FIRST_SHARE = 0.02
"""What the comparison of the first units may cost, before any was found to be unchanged."""
FIRST_UNITS = 2
"""At least as many are compared first: one alone may be just the one that changed."""
OVERHEAD_SHARE = 0.025
"""What samples and the wait for them may cost where nothing promises that anything is unchanged. Our aim is
that a comparison costs less than 3 % where everything has changed."""
_WORD = 4  # AN3155, Get Checksum: whole 32-bit words


@dataclass(frozen=True, slots=True)
class UnitContent:
    """An erase unit and the blocks that it is to hold, by rising address."""

    unit: EraseUnit
    blocks: tuple[Block, ...]

    @property
    def lengths(self) -> tuple[int, ...]:
        """Bytes of each block."""
        return tuple(len(block.data) for block in self.blocks)

    @property
    def length(self) -> int:
        """Bytes of all blocks."""
        return sum(self.lengths)

    def digest(self) -> str:
        """A short hash of what the unit is to hold, and where."""
        whole = sha256()
        for block in self.blocks:
            whole.update(block.address.to_bytes(4, "big") + len(block.data).to_bytes(2, "big") + block.data)
        return whole.hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Question:
    """One command, and what it brings back if the unit holds there what it should."""

    unit: EraseUnit
    command: an3155.Command
    answer: bytes
    cost_us: int


def questions(content: UnitContent, costs: Costs, *, by_checksum: bool) -> Iterator[Question]:
    """Yield what to ask about a unit, all of its blocks, by rising address."""
    for run in _runs(content.blocks):
        data = b"".join(block.data for block in run)
        if by_checksum and run[0].address % _WORD == 0 and len(data) % _WORD == 0:
            command = an3155.get_checksum(run[0].address, len(data))
            crc = stm32_crc.crc32(data).to_bytes(4, "big")
            answer = crc + bytes((an3155.checksum(crc),))
            yield Question(content.unit, command, answer, costs.checksum_us(len(data)))
        else:
            for block in run:
                yield _reading(content.unit, block, costs)


def samples(contents: Sequence[UnitContent], costs: Costs, *, verify: bool) -> tuple[Question, ...]:
    """Return a few bytes of every so manieth block to ask for, all over the image, by rising address.

    At least one, where any block has a byte that is not erased.
    """
    erased = bytes((costs.chip.erased_value,)) * SAMPLE_BYTES
    found = [
        (content.unit, Block(block.address, sample))
        for content in contents
        for block in content.blocks
        if (sample := block.data[:SAMPLE_BYTES]) != erased[: len(sample)]
    ]
    full_us = sum(costs.redo_us(content.unit.size, content.lengths, verify=verify) for content in contents)
    most = max(1, int(full_us * SAMPLES_SHARE / costs.read_us(SAMPLE_BYTES)))
    step = -(-len(found) // most) or 1
    return tuple(_reading(unit, sample, costs) for unit, sample in found[step // 2 :: step])


def _reading(unit: EraseUnit, block: Block, costs: Costs) -> Question:
    length = len(block.data)
    command = an3155.read_memory(block.address, length, costs.settings)
    return Question(unit, command, block.data, costs.read_us(length))


def _runs(blocks: Sequence[Block]) -> Iterator[list[Block]]:
    """Yield blocks that follow each other without a gap."""
    run: list[Block] = []
    for block in blocks:
        if run and run[-1].end != block.address:
            yield run
            run = []
        run.append(block)
    if run:
        yield run


class Evidence:
    """What samples told: whether each address's samples were as wanted."""

    def __init__(self) -> None:
        self._addresses: list[int] = []
        self._equal: list[bool] = []

    def add(self, address: int, *, equal: bool) -> None:
        """Add a sample; by rising address."""
        self._addresses.append(address)
        self._equal.append(equal)

    @property
    def is_all_different(self) -> bool:
        """Whether there are samples, and none was as wanted."""
        return bool(self._equal) and not any(self._equal)

    def speaks_for(self, unit: EraseUnit) -> bool:
        """Whether the unit's samples were all as wanted; if it has none, those before and behind it."""
        first = bisect_right(self._addresses, unit.address - 1)
        end = bisect_right(self._addresses, unit.end - 1)
        if first == end:
            first, end = max(first - 1, 0), end + 1
        return all(self._equal[first:end])
