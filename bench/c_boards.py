"""Virtual boards in C behind the C bridge: one process for many, where Python boards would be the limit."""

import contextlib
from collections.abc import Generator, Sequence
from dataclasses import dataclass

from bench.processes import ROOT, Running, Stage, listening_ports
from bench.virtual_flash import OPTION_BITS
from stmota_simulator.board_file import board_lines
from stmota_simulator.boards import make_board

PROGRAM = ROOT / "bridge_firmware" / "host" / "build" / "stmota-bridge"


@dataclass(frozen=True, slots=True)
class Serving:
    """A process of boards, and where each bridge listens; its name is `NAME-1` and so on."""

    process: Running
    ports: Sequence[int]


@contextlib.contextmanager
def c_boards(stage: Stage, name: str, chip: str, count: int) -> Generator[Serving]:
    """Build the program if it is not there, and serve so many boards of a chip while the body runs."""
    stage.run("make", "-s", "-C", str(ROOT), "bridge")
    options: list[str] = []
    for number in range(1, count + 1):
        board = make_board(chip, serial=f"{name}-{number}", option_bits=OPTION_BITS.get(chip, {}))
        described = stage.directory / f"{name}-{number}.txt"
        described.write_text("".join(f"{line}\n" for line in board_lines(board)), encoding="ascii")
        options += ["--board", str(described)]
    command = (str(PROGRAM), "--name", name, *options, "--listen", "127.0.0.1:0")
    with stage.running(*command) as process:
        yield Serving(process, listening_ports(process, count))


@contextlib.contextmanager
def far_away(stage: Stage, port: int, rtt_ms: float) -> Generator[int]:
    """A port through which that one is a round trip away."""
    command = ("python", "-m", "bench.shaped_proxy", "--rtt-ms", str(rtt_ms), str(port))
    with stage.running(*command) as process:
        yield listening_ports(process)[0]
