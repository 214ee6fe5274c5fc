"""Part `sweep`: real processes in real time over a simulated network, stmota beside others.

Three ways to the same simulated board and network: stmota over a bridge, stmota's local executor over
`socket://` (lock step, the UART itself on the far side), and stm32flash on a pty that socat joins to it.
"""

import contextlib
import json
import shutil
import time
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

from bench.image import KIB, make_image
from bench.limit import flash_limit
from bench.processes import BenchFailed, Ended, Stage, listening_ports
from bench.table import Table
from bench.virtual_flash import JITTER
from stmota_simulator.boards import make_board

CHIP = "F103xB"
BAUD = 115_200
RTTS_MS = (0, 5, 20, 50, 100, 200)
AT_LENGTH_MS = 50
"""The RTT at which stm32flash is given the large image too: at each of them it would take half an hour."""
SETTLED_S = 0.5
"""The ROM of the board that a connection brings has started by then, and hears the first 0x7F."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where the boards of one round trip listen."""

    rtt_ms: int
    bridge: int
    for_socket: int
    for_foreign: int

    def config(self) -> str:
        """As the daemon's configuration."""
        return (
            f'[bridges.edge-{self.rtt_ms}]\nhost = "127.0.0.1"\nport = {self.bridge}\n'
            f'[bridges.raw-{self.rtt_ms}]\nserial = "socket://127.0.0.1:{self.for_socket}"\n'
            f'console = "{BAUD} 8E1"\n'
        )


@contextlib.contextmanager
def _boards(stage: Stage, rtt_ms: int) -> Generator[Place]:
    least_ms, spread_ms = rtt_ms * (1 - JITTER), rtt_ms * JITTER
    bridge = ("stmota", "sim", "bridge", "--no-mdns", "--chip", CHIP, "--name", f"edge-{rtt_ms}")
    bare = ("python", "-m", "bench.shaped_board", "--chip", CHIP, "--rtt-ms", str(rtt_ms))
    with (
        stage.running(*bridge, "--rtt-ms", str(least_ms), "--jitter-ms", str(spread_ms)) as at_bridge,
        stage.running(*bare) as for_socket,
        stage.running(*bare) as for_foreign,
    ):
        ports = [listening_ports(process)[0] for process in (at_bridge, for_socket, for_foreign)]
        yield Place(rtt_ms, *ports)


def run(stage: Stage, *, quick: bool) -> Table:
    """Measure."""
    rtts_ms = (0, 50) if quick else RTTS_MS
    small, middle, large = (4 * KIB, 8 * KIB, 16 * KIB) if quick else (16 * KIB, 32 * KIB, 128 * KIB)
    table = Table(
        "sweep",
        f"real processes, {CHIP}, {BAUD} baud, RTT ± 20 %",
        ("tool", "rtt_ms", "KiB", "verify", "limit_s", "command_s", "efficiency", "command", "vs_stm32flash"),
    )
    with contextlib.ExitStack() as open_boards:
        places = [open_boards.enter_context(_boards(stage, rtt_ms)) for rtt_ms in rtts_ms]
        open_boards.enter_context(stage.daemon("".join(place.config() for place in places)))
        for place in places:
            at_length_s = (
                _measure_foreign(stage, table, place, large) if place.rtt_ms == AT_LENGTH_MS else None
            )
            _measure_bridge(stage, table, place, large, verify=False)
            _measure_bridge(stage, table, place, large, verify=True, foreign_s=at_length_s)
            _measure_bridge(stage, table, place, middle, verify=True)
            foreign_s = _measure_foreign(stage, table, place, small)
            _measure_bridge(stage, table, place, small, verify=True, foreign_s=foreign_s)
            _measure_socket(stage, table, place, small, foreign_s)
    table.notes.append("efficiency: limit / edge time; command: limit / time of the whole command")
    return table


def _limit_s(length: int, *, verify: bool) -> float:
    return flash_limit(make_board(CHIP), length, BAUD, verify=verify).seconds


def _image(stage: Stage, length: int) -> Path:
    path = stage.directory / f"{length}.bin"
    path.write_bytes(make_image(length))
    return path


def _flash(stage: Stage, bridge: str, length: int, *, verify: bool) -> tuple[Ended, float]:
    """Flash all of it; return the command's end, and the edge's seconds from first erase to last ACK."""
    options = ("--full",) if verify else ("--full", "--no-verify")
    image = str(_image(stage, length))
    ended = stage.run("stmota", "flash", "--bridge", bridge, "--json", *options, image)
    return ended, json.loads(ended.out)["report"]["seconds"]


def _measure_bridge(
    stage: Stage, table: Table, place: Place, length: int, *, verify: bool, foreign_s: float | None = None
) -> None:
    ended, edge_s = _flash(stage, f"edge-{place.rtt_ms}", length, verify=verify)
    limit_s = _limit_s(length, verify=verify)
    ratio = foreign_s / ended.seconds if foreign_s else None
    shares = limit_s / edge_s, limit_s / ended.seconds
    table.add("stmota, bridge", place.rtt_ms, length // KIB, verify, limit_s, ended.seconds, *shares, ratio)


def _measure_socket(stage: Stage, table: Table, place: Place, length: int, foreign_s: float | None) -> None:
    limit_s = _limit_s(length, verify=True)
    try:
        ended, edge_s = _flash(stage, f"raw-{place.rtt_ms}", length, verify=True)
    except BenchFailed as failure:
        why = next(line for line in str(failure).splitlines() if line.startswith("error:"))
        table.notes.append(f"stmota, socket:// at {place.rtt_ms} ms: {why}")
        return
    ratio = foreign_s / ended.seconds if foreign_s else None
    shares = limit_s / edge_s, limit_s / ended.seconds
    table.add("stmota, socket://", place.rtt_ms, length // KIB, True, limit_s, ended.seconds, *shares, ratio)


def _measure_foreign(stage: Stage, table: Table, place: Place, length: int) -> float | None:
    """Flash with stm32flash over socat's pty; None where one of them is not installed."""
    if shutil.which("stm32flash") is None or shutil.which("socat") is None:
        table.notes.append("stm32flash or socat is not installed: nothing to compare with")
        return None
    pty = stage.directory / f"pty-{place.rtt_ms}"
    joint = (f"PTY,link={pty},raw,echo=0", f"TCP:127.0.0.1:{place.for_foreign},nodelay")
    with stage.running("socat", *joint) as socat:
        socat.wait_until(pty.is_symlink, "pty")
        time.sleep(SETTLED_S + place.rtt_ms / 1000)
        image = str(_image(stage, length))
        try:
            ended = stage.run(
                "stm32flash", "-m", "8n1", "-b", str(BAUD), "-w", image, "-v", "-g", "0", str(pty)
            )
        except BenchFailed as failure:
            table.notes.append(f"stm32flash at {place.rtt_ms} ms: {str(failure).splitlines()[-1]}")
            return None
    limit_s = _limit_s(length, verify=True)
    table.add(
        "stm32flash",
        place.rtt_ms,
        length // KIB,
        True,
        limit_s,
        ended.seconds,
        None,
        limit_s / ended.seconds,
        1.0,
    )
    return ended.seconds
