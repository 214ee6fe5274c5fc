"""What a chip says of itself, over a line that garbles a byte of it: nothing false is believed."""

import pytest
from trio.testing import MockClock

from lab import LabBridge, RecordingReport, linked_board
from stmota_daemon.inspect import info
from stmota_protocol.api import TargetInfo
from stmota_simulator.board import VirtualBoard
from stmota_simulator.boards import make_board
from stmota_simulator.faults import ByteFault, ByteFaultKind, Direction, Faults


async def told(board: VirtualBoard) -> TargetInfo:
    async with linked_board(board) as (lab, _):
        return await info(lab, RecordingReport())


async def bytes_of_info(chip: str) -> dict[Direction, int]:
    """How many bytes each direction carries."""
    counts = dict.fromkeys(Direction, 0)

    def count(bridge: LabBridge) -> None:
        write, read = bridge.port.write, bridge.port.read

        async def counted_write(data: bytes) -> None:
            counts[Direction.TO_CHIP] += len(data)
            await write(data)

        async def counted_read(until_us: int | None) -> tuple[int, bytes]:
            at_us, data = await read(until_us)
            counts[Direction.TO_HOST] += len(data)
            return at_us, data

        bridge.port.write, bridge.port.read = counted_write, counted_read  # type: ignore[method-assign]

    async with linked_board(make_board(chip)) as (lab, bridge):
        count(bridge)
        await info(lab, RecordingReport())
    return counts


@pytest.mark.parametrize("chip", ["F103xB", "F407", "H743"])
@pytest.mark.parametrize("kind", list(ByteFaultKind))
async def test_one_bad_byte_anywhere_changes_nothing_of_what_is_told(
    chip: str, kind: ByteFaultKind, every_byte: bool, autojump_clock: MockClock
) -> None:
    wanted = await told(make_board(chip))
    counts = await bytes_of_info(chip)
    for direction, count in counts.items():
        for number in range(1, count + 1, 1 if every_byte else 37):
            fault = ByteFault(kind, direction, number)
            assert await told(make_board(chip, faults=Faults(bytes=(fault,)))) == wanted, fault
