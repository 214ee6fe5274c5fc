"""Where flash differs from the image, in words."""

from dataclasses import dataclass

from stmota_protocol.api import Problem, ProblemCode
from stmota_protocol.plan import Block


@dataclass(frozen=True, slots=True)
class Difference:
    """The first byte that differs in a block, and how many do."""

    block: Block
    address: int
    got: int
    expected: int
    count: int

    def __str__(self) -> str:
        """`verify: 0x08000410 holds 0xFF instead of 0x12 (…)`."""
        return (
            f"verify: 0x{self.address:08X} holds 0x{self.got:02X} instead of 0x{self.expected:02X}"
            f" ({self.count} of the {len(self.block.data)} bytes at 0x{self.block.address:08X} differ)"
        )

    def problem(self, writes: int) -> Problem:
        """The job's failure, once so many writings (2 or more) have not helped."""
        times = "twice" if writes == 2 else f"{writes} times"
        return Problem(
            code=ProblemCode.VERIFY_FAILED,
            message=f"{self}, after writing it {times}",
            remedy="the chip acknowledges writes to write-protected flash and does nothing: look at"
            " `stmota info`; else try a lower --baud; flash that is worn out shows the same",
            step="verify",
            address=self.address,
            expected=f"0x{self.expected:02X}",
            got=f"0x{self.got:02X}",
        )


def difference(block: Block, held: bytes) -> Difference | None:
    """Compare what the chip holds with a block of the same length; None when they are equal."""
    if held == block.data:
        return None
    wrong = [index for index, pair in enumerate(zip(held, block.data, strict=True)) if pair[0] != pair[1]]
    first = wrong[0]
    return Difference(block, block.address + first, held[first], block.data[first], len(wrong))
