"""Part `startup`: how long a person or a script waits for a program to start."""

import time
from collections.abc import Callable

from bench.processes import Stage
from bench.table import Table, median
from stmota_client.client import Client
from stmota_client.errors import ClientError

FORBIDDEN = ("httpx", "zeroconf", "trio")


def run(stage: Stage, *, quick: bool) -> Table:
    """Measure."""
    times = 3 if quick else 11
    table = Table("startup", "start-up, wall clock", ("what", "runs", "median_s", "least_s"))
    _add(table, "python -c pass", times, lambda: stage.run("python", "-c", "pass").seconds)
    _add(table, "stmota --help", times, lambda: stage.run("stmota", "--help").seconds)
    _add(table, "stmotad: start to first answer", times, lambda: _daemon_answers(stage))
    with stage.daemon():
        discover = ("stmota", "discover", "--timeout", "0")
        _add(table, "stmota discover --timeout 0", times, lambda: stage.run(*discover).seconds)
    imported = stage.run(
        "python", "-c",
        "import sys; from stmota_client.main import run; run(['--help']);"
        f" print('imports:', [name for name in {FORBIDDEN!r} if name in sys.modules])",
    ).out.splitlines()[-1]  # fmt: skip
    table.notes.append(f"`stmota --help` {imported} of {', '.join(FORBIDDEN)}")
    return table


def _add(table: Table, what: str, times: int, measure: Callable[[], float]) -> None:
    measure()  # caches warm
    found = [measure() for _ in range(times)]
    table.add(what, times, median(found), min(found))


def _daemon_answers(stage: Stage) -> float:
    """Seconds from a daemon's start to its first answer."""
    began_s = time.monotonic()
    with stage.running("stmotad", "--no-mdns") as process, Client(f"unix://{stage.socket}") as client:

        def answers() -> bool:
            try:
                client.greeting()
            except ClientError:
                return False
            return True

        process.wait_until(answers, "answer")
        return time.monotonic() - began_s
