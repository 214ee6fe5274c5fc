"""Commands of the ROM in batches: several short ones in one, so that a slow network wakes nobody often."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from stmota_protocol.an3155 import MAX_BLOCK, Code, Command, read_memory, write_memory
from stmota_protocol.steps import Batch, Result, UartSettings
from stmota_protocol.wire import charge

_GROUPED = (Code.WRITE_MEMORY, Code.READ_MEMORY, Code.GET_CHECKSUM)
"""What may share a batch. An erase, which may take seconds, is a batch of its own, as all else is."""
BATCH_WIRE_US = 400_000
"""What one batch of blocks may take on the wire: 4 KiB at 115200 baud. Less would wake both sides more often,
more would make progress come in jerks. An abort ends a batch at its next byte, however long it is."""


@dataclass(frozen=True, slots=True)
class Packed:
    """Whole commands in one batch."""

    commands: tuple[Command, ...]
    batch: Batch

    def locate(self, step: int) -> tuple[int, int]:
        """The command a step belongs to, and the step's number within it."""
        for index, command in enumerate(self.commands):
            if step < len(command.steps):
                return index, step
            step -= len(command.steps)
        message = f"the batch has no step {step}"
        raise IndexError(message)

    def replies(self, result: Result) -> tuple[bytes, ...]:
        """The data each command's last step brought back, in order."""
        found: list[bytes] = []
        base = 0
        outputs = {output.step: output.data for output in result.outputs}
        for command in self.commands:
            found.append(outputs.get(base + command.reply_step, b""))
            base += len(command.steps)
        return tuple(found)


def packed(*commands: Command) -> Packed:
    """Put these commands into one batch."""
    return Packed(commands, Batch(tuple(step for command in commands for step in command.steps)))


def blocks_per_batch(settings: UartSettings, most_bytes: int) -> int:
    """How many WRITE or READ MEMORY of whole blocks make a batch charged at most `most_bytes`; at least 1."""
    by_time = BATCH_WIRE_US // settings.wire_time_us(MAX_BLOCK)
    whole = write_memory(0, bytes(MAX_BLOCK), 0), read_memory(0, MAX_BLOCK, settings)
    return max(1, min(by_time, most_bytes // max(charge(Batch(command.steps)) for command in whole)))


def pack(commands: Iterable[Command], most_blocks: int) -> Iterator[Packed]:
    """Group commands into batches: at most `most_blocks` of one kind in each, where they may share one."""
    group: list[Command] = []
    for command in commands:
        is_full = len(group) >= (most_blocks if command.code in _GROUPED else 1)
        if group and (is_full or group[0].code is not command.code):
            yield packed(*group)
            group = []
        group.append(command)
    if group:
        yield packed(*group)
