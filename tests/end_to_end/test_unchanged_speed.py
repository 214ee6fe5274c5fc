"""What leaving unchanged units alone is worth, and what looking for them costs; on the virtual clock."""

import pytest
import trio
from trio.testing import MockClock

from bench.image import KIB, make_image
from bench.virtual_flash import (
    BENCH_FILES,
    CONTROLLER_ID,
    OPTION_BITS,
    BenchBoard,
    NoReport,
    link_conditions,
)
from stmota_daemon.bridge_link import open_bridge_link
from stmota_daemon.flash import flash
from stmota_edge.soft_bridge import SoftBridge
from stmota_protocol.api import FlashOptions
from stmota_simulator.boards import make_board
from stmota_simulator.link_end import simulated_link
from stmota_simulator.port import VirtualPort

OLD = make_image(128 * KIB, seed=1)
ONE_PAGE = OLD[:70_000] + b"\x00changed" + OLD[70_008:]
ALL = make_image(128 * KIB, seed=2)
LEAST_GAIN = 8
MOST_LOSS = 1.03


def job_s(new: bytes, chip: str, *, baud: int = 115_200, rtt_s: float = 0.0, **how: bool) -> float:
    """How long a whole job takes that puts `new` where `OLD` is; `checksum`: by GET CHECKSUM; `full`."""
    return trio.run(_job, new, chip, baud, rtt_s, how, clock=MockClock(autojump_threshold=0))


async def _job(new: bytes, chip: str, baud: int, rtt_s: float, how: dict[str, bool]) -> float:
    board = make_board(
        chip, image=OLD, option_bits=OPTION_BITS.get(chip, {}), has_checksum=how.get("checksum", False)
    )
    options = FlashOptions(files=BENCH_FILES, baud=baud, full=how.get("full", False))
    async with trio.open_nursery() as nursery:
        bridge = SoftBridge(VirtualPort(board), name="bench", unique_id=b"bench-00")
        nursery.start_soon(bridge.run)
        near, far = simulated_link(link_conditions(rtt_s, jitter=0))
        nursery.start_soon(bridge.serve_stream, far)
        async with open_bridge_link(near, CONTROLLER_ID, "bench") as link:
            began_s = trio.current_time()
            report = await flash(BenchBoard(link), NoReport(), [new], options)
            took_s = trio.current_time() - began_s
        nursery.cancel_scope.cancel()
    assert board.flash[: len(new)] == new
    assert report.verified
    assert report.started
    return took_s


@pytest.mark.parametrize(
    ("chip", "baud", "rtt_s"),
    [("G071", 115_200, 0.0), ("G071", 115_200, 0.1), ("F103xB", 115_200, 0.0), ("G071", 921_600, 0.0)],
)
def test_one_changed_page_of_128_kib_is_8_times_faster_than_full_where_the_chip_has_checksums(
    chip: str, baud: int, rtt_s: float
) -> None:
    changed_s = job_s(ONE_PAGE, chip, baud=baud, rtt_s=rtt_s, checksum=True)
    assert changed_s * LEAST_GAIN <= job_s(ONE_PAGE, chip, baud=baud, rtt_s=rtt_s, checksum=True, full=True)


def test_one_changed_page_of_128_kib_is_twice_as_fast_as_full_by_reading_back() -> None:
    assert job_s(ONE_PAGE, "G071") * 2 <= job_s(ONE_PAGE, "G071", full=True)


@pytest.mark.parametrize(
    ("chip", "baud", "rtt_s", "checksum"),
    [
        ("G071", 115_200, 0.0, True),
        ("G071", 115_200, 0.0, False),
        ("G071", 115_200, 0.2, False),
        ("G071", 921_600, 0.1, False),
        ("F407", 115_200, 0.05, False),
        ("H743", 921_600, 0.05, False),
    ],
)
def test_where_everything_changed_looking_costs_less_than_3_per_cent(
    chip: str, baud: int, rtt_s: float, checksum: bool
) -> None:
    looking_s = job_s(ALL, chip, baud=baud, rtt_s=rtt_s, checksum=checksum)
    assert looking_s <= job_s(ALL, chip, baud=baud, rtt_s=rtt_s, checksum=checksum, full=True) * MOST_LOSS


@pytest.mark.parametrize("checksum", [True, False], ids=["checksum", "read-back"])
def test_where_every_page_has_one_other_byte_looking_costs_less_than_3_per_cent(checksum: bool) -> None:
    new = bytearray(OLD)
    new[1000::2048] = bytes(byte ^ 0xFF for byte in OLD[1000::2048])
    assert job_s(bytes(new), "G071", checksum=checksum) <= job_s(bytes(new), "G071", full=True) * MOST_LOSS
