"""Part `fast`: 921600 baud on chips with fast flash, real processes in real time, boards and bridge in C."""

import contextlib
import json

from bench.c_boards import c_boards, far_away
from bench.image import KIB, make_image
from bench.limit import flash_limit
from bench.processes import Stage
from bench.table import Table
from stmota_simulator.boards import make_board

BAUD = 921_600
CHIPS = ("G431", "H743")
RTTS_MS = (0, 50)


def run(stage: Stage, *, quick: bool) -> Table:
    """Measure."""
    length = (16 if quick else 128) * KIB
    table = Table(
        "fast",
        f"boards and bridge in C, {BAUD} baud, {length // KIB} KiB, RTT ± 20 %",
        ("chip", "rtt_ms", "verify", "limit_s", "edge_s", "efficiency"),
    )
    image = stage.directory / "fast.bin"
    image.write_bytes(make_image(length))
    for chip in CHIPS:
        for rtt_ms in (50,) if quick else RTTS_MS:
            _measure(stage, table, chip, rtt_ms, length)
    table.notes.append("efficiency: limit / the edge's time from the first erase to the last ACK")
    return table


def _measure(stage: Stage, table: Table, chip: str, rtt_ms: int, length: int) -> None:
    with contextlib.ExitStack() as running:
        port = running.enter_context(c_boards(stage, f"{chip}-{rtt_ms}", chip, 1)).ports[0]
        if rtt_ms:
            port = running.enter_context(far_away(stage, port, rtt_ms))
        running.enter_context(stage.daemon(f'[bridges.fast]\nhost = "127.0.0.1"\nport = {port}\n'))
        for verify in (False, True):
            options = ("--full",) if verify else ("--full", "--no-verify")
            image = str(stage.directory / "fast.bin")
            ended = stage.run(
                "stmota", "flash", "--bridge", "fast", "--json", "--baud", str(BAUD), *options, image
            )
            edge_s = json.loads(ended.out)["report"]["seconds"]
            limit_s = flash_limit(make_board(chip), length, BAUD, verify=verify).seconds
            table.add(chip, rtt_ms, verify, limit_s, edge_s, limit_s / edge_s)
