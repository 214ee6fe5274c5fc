"""Part `boards`: many boards flashing at once through one daemon, the boards in a process of their own."""

import contextlib
import time
from collections.abc import Generator
from dataclasses import dataclass

from bench.c_boards import Serving, c_boards
from bench.given import Given
from bench.image import KIB, make_image
from bench.limit import flash_limit
from bench.processes import Running, Stage, listening_ports
from bench.table import Table, median
from stmota_client.client import Client
from stmota_protocol.api import BridgeState, FlashFile, FlashOptions, Job, JobKind, JobRequest
from stmota_simulator.boards import make_board

CHIP = "F103xB"
BAUD = 115_200
MB = 1e6
POLL_S = 0.5
"""Asking costs the daemon something too: one request each time."""


@dataclass(frozen=True, slots=True)
class Use:
    """What two processes used while all boards were flashed."""

    seconds: float
    daemon_cpu_s: float
    boards_cpu_s: float
    idle_bytes: int
    """The daemon's memory before."""
    most_bytes: int
    """The most memory it had meanwhile."""


def run(stage: Stage, given: Given) -> Table:
    """Measure."""
    length = (16 if given.quick else 64) * KIB
    kind = "in C" if given.boards_in_c else "in Python"
    table = Table(
        "boards",
        f"boards {kind} at once, {CHIP}, {BAUD} baud, {length // KIB} KiB each, written and verified",
        (
            "boards", "done", "efficiency_median", "efficiency_least", "daemon_cpu_s_per_MB", "daemon_cores",
            "boards_cores", "idle_KB_per_board", "flashing_KB_per_board",
        ),
    )  # fmt: skip
    empty_bytes = _empty_daemon_bytes(stage)
    for count in given.counts or ((1, 16) if given.quick else (1, 16, 64)):
        with _boards(stage, count, in_c=given.boards_in_c) as boards:
            _measure(stage, table, boards, length, empty_bytes)
    table.notes.append(
        "cores: CPU seconds / seconds. KB: resident memory, over an empty daemon's and over idle"
    )
    return table


def _empty_daemon_bytes(stage: Stage) -> int:
    with stage.daemon() as (daemon, client):
        client.bridges()
        return daemon.resident_bytes


@contextlib.contextmanager
def _boards(stage: Stage, count: int, *, in_c: bool) -> Generator[Serving]:
    if in_c:
        with c_boards(stage, "board", CHIP, count) as serving:
            yield serving
        return
    bridges = ("stmota", "sim", "bridge", "--no-mdns", "--chip", CHIP, "--name", "board")
    with stage.running(*bridges, "--count", str(count)) as process:
        yield Serving(process, listening_ports(process, count))


def _measure(stage: Stage, table: Table, boards: Serving, length: int, empty_bytes: int) -> None:
    count = len(boards.ports)
    config = "".join(
        f'[bridges.board-{number}]\nhost = "127.0.0.1"\nport = {port}\n'
        for number, port in enumerate(boards.ports, 1)
    )
    with stage.daemon(config) as (daemon, client):
        daemon.wait_until(lambda: all(_is_idle(client)), "links to all boards")
        jobs, use = _flash_all(client, daemon, boards.process, count, length)
    limit_s = flash_limit(make_board(CHIP), length, BAUD, verify=True).seconds
    efficiencies = [limit_s / job.report.seconds for job in jobs if job.report is not None]
    table.add(
        count,
        len(efficiencies),
        median(efficiencies),
        min(efficiencies),
        use.daemon_cpu_s / (count * length / MB),
        use.daemon_cpu_s / use.seconds,
        use.boards_cpu_s / use.seconds,
        (use.idle_bytes - empty_bytes) / 1024 / count,
        (use.most_bytes - use.idle_bytes - length) / 1024 / count,
    )
    failed = [job.problem.message for job in jobs if job.problem is not None]
    table.notes.extend(f"{count} boards: {message}" for message in failed[:3])


def _is_idle(client: Client) -> list[bool]:
    return [bridge.state is BridgeState.IDLE for bridge in client.bridges()]


def _flash_all(
    client: Client, daemon: Running, boards: Running, count: int, length: int
) -> tuple[list[Job], Use]:
    firmware = client.upload_firmware(make_image(length))
    options = FlashOptions(files=(FlashFile(firmware=firmware, filename="bench.bin"),), baud=BAUD, full=True)
    idle_bytes = most_bytes = daemon.resident_bytes
    cpu_s, boards_cpu_s, began_s = daemon.cpu_s, boards.cpu_s, time.monotonic()
    jobs = [
        client.start_job(JobRequest(kind=JobKind.FLASH, bridge=f"board-{number}", flash=options))
        for number in range(1, count + 1)
    ]
    left = [job.id for job in jobs]
    while left:
        time.sleep(POLL_S)
        most_bytes = max(most_bytes, daemon.resident_bytes)
        while left and client.job(left[0]).ended_at is not None:
            left.pop(0)
    seconds = time.monotonic() - began_s
    use = Use(seconds, daemon.cpu_s - cpu_s, boards.cpu_s - boards_cpu_s, idle_bytes, most_bytes)
    return [client.job(job.id) for job in jobs], use
