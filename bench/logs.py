"""Part `logs`: boards that talk at their UART's full rate, and many followers of each."""

import json
import time

from bench.processes import Stage, listening_ports
from bench.table import Table
from stmota_protocol.api import BridgeState

EACH = 10
SECONDS = 20


def run(stage: Stage, *, quick: bool) -> Table:
    """Measure."""
    table = Table(
        "logs",
        f"logs: boards talking at full 115200 baud, {EACH} followers each, {SECONDS} s",
        (
            "boards", "followers", "share_of_rate", "lost", "delay_median_s", "delay_p99_s",
            "pieces_per_s_each", "daemon_cores", "boards_cores",
        ),
    )  # fmt: skip
    for count in (4,) if quick else (1, 4, 16, 64):
        _measure(stage, table, count)
    table.notes.append("share_of_rate: bytes followers got / bytes their boards sent in that time")
    table.notes.append("delay: a line's last byte at the board to its piece at the follower")
    return table


def _measure(stage: Stage, table: Table, count: int) -> None:
    with stage.running("python", "-m", "bench.talkers", "--count", str(count)) as boards:
        ports = listening_ports(boards, count)
        config = "".join(
            f'[bridges.talker-{number}]\nhost = "127.0.0.1"\nport = {port}\n'
            for number, port in enumerate(ports, 1)
        )
        with stage.daemon(config) as (daemon, client):
            daemon.wait_until(lambda: all(one.state is BridgeState.IDLE for one in client.bridges()), "links")
            cpu_s, boards_cpu_s, began_s = daemon.cpu_s, boards.cpu_s, time.monotonic()
            options = ("--boards", str(count), "--each", str(EACH), "--seconds", str(SECONDS))
            ended = stage.run("python", "-m", "bench.followers", stage.socket, *options)
            seconds = time.monotonic() - began_s
            cores = (daemon.cpu_s - cpu_s) / seconds, (boards.cpu_s - boards_cpu_s) / seconds
    found = json.loads(ended.out)
    sent_bytes = 115_200 / 10 * SECONDS * count * EACH
    pieces = found["pieces"] / SECONDS / count / EACH
    delays = found["median_s"], found["p99_s"]
    table.add(count, count * EACH, found["bytes"] / sent_bytes, found["lost"], *delays, pieces, *cores)
