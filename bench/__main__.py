"""`python -m bench [PART ...]`: measure, print tables, write JSON."""

import argparse
import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from bench import boards, logs, startup, sweep, turnaround, virtual_sweep
from bench.processes import Stage
from bench.table import Table

Part = Callable[[Stage, bool], Table]
PARTS: dict[str, Part] = {
    "virtual": lambda _stage, quick: virtual_sweep.run(quick=quick),
    "sweep": lambda stage, quick: sweep.run(stage, quick=quick),
    "turnaround": lambda stage, quick: turnaround.run(stage, quick=quick),
    "boards": lambda stage, quick: boards.run(stage, quick=quick),
    "logs": lambda stage, quick: logs.run(stage, quick=quick),
    "startup": lambda stage, quick: startup.run(stage, quick=quick),
}
DEFAULT_JSON = Path(tempfile.gettempdir()) / "stmota-bench.json"


def main(arguments: Sequence[str]) -> int:
    """Run the parts asked for; all without any."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; all if none is named"
    )
    parser.add_argument("--quick", action="store_true", help="fewer points and smaller images")
    parser.add_argument("--json", type=Path, default=DEFAULT_JSON, help="where the figures go (%(default)s)")
    given = parser.parse_args(arguments)
    unknown = set(given.parts) - set(PARTS)
    if unknown:
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    documents: list[dict[str, object]] = []
    for name in given.parts or PARTS:
        documents.append(_run_part(name, quick=given.quick))
        given.json.write_text(json.dumps({"machine": _machine(), "parts": documents}, indent=1))
    print(f"JSON: {given.json}")
    return 0


def _run_part(name: str, *, quick: bool) -> dict[str, object]:
    began_s = time.monotonic()
    load_before = os.getloadavg()[0]
    # Sockets have short names: not where TMPDIR may lead.
    with tempfile.TemporaryDirectory(prefix="stmota-bench-", dir="/tmp") as directory:
        table = PARTS[name](Stage(Path(directory)), quick)
    took = (
        f"load {load_before:.1f} before, {os.getloadavg()[0]:.1f} after; {time.monotonic() - began_s:.0f} s"
    )
    table.notes.append(took)
    print(f"{table.text()}\n", flush=True)
    return table.document()


def _machine() -> dict[str, object]:
    return {"cores": os.cpu_count(), "python": platform.python_version(), "system": platform.platform()}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
