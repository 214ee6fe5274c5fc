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

from bench import boards, fast, logs, startup, sweep, turnaround, virtual_sweep
from bench.given import Given
from bench.processes import Stage
from bench.table import Table

Part = Callable[[Stage, Given], Table]
PARTS: dict[str, Part] = {
    "virtual": lambda _stage, given: virtual_sweep.run(quick=given.quick),
    "sweep": lambda stage, given: sweep.run(stage, quick=given.quick),
    "fast": lambda stage, given: fast.run(stage, quick=given.quick),
    "turnaround": lambda stage, given: turnaround.run(stage, quick=given.quick),
    "boards": boards.run,
    "logs": lambda stage, given: logs.run(stage, quick=given.quick),
    "startup": lambda stage, given: startup.run(stage, quick=given.quick),
}
DEFAULT_JSON = Path(tempfile.gettempdir()) / "stmota-bench.json"


def main(arguments: Sequence[str]) -> int:
    """Run the parts asked for; all without any."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; all if none is named"
    )
    parser.add_argument("--quick", action="store_true", help="fewer points and smaller images")
    parser.add_argument(
        "--boards", choices=("python", "c"), default="python", help="what part `boards` flashes (%(default)s)"
    )
    parser.add_argument("--counts", type=_counts, default=(), help="of boards at once, as 1,16,64,256")
    parser.add_argument("--json", type=Path, default=DEFAULT_JSON, help="where the figures go (%(default)s)")
    asked = parser.parse_args(arguments)
    unknown = set(asked.parts) - set(PARTS)
    if unknown:
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    given = Given(asked.quick, asked.boards == "c", asked.counts)
    documents: list[dict[str, object]] = []
    for name in asked.parts or PARTS:
        documents.append(_run_part(name, given))
        asked.json.write_text(json.dumps({"machine": _machine(), "parts": documents}, indent=1))
    print(f"JSON: {asked.json}")
    return 0


def _counts(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(","))


def _run_part(name: str, given: Given) -> dict[str, object]:
    began_s = time.monotonic()
    load_before = os.getloadavg()[0]
    # Sockets have short names: not where TMPDIR may lead.
    with tempfile.TemporaryDirectory(prefix="stmota-bench-", dir="/tmp") as directory:
        table = PARTS[name](Stage(Path(directory)), given)
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
