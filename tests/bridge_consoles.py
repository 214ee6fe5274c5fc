"""A bridge's own console, typed at: the core's at a fake platform, and that of `stmota-bridge`."""

import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from bridge_process import running_bridge

RIGHT = "correct horse"
"""The Wi-Fi password that joins."""
LAST = "error: there is no setting that\n"


@dataclass(frozen=True)
class Heard:
    """What the console wrote, and what it asked of its platform."""

    output: bytes
    asked: list[str] = field(default_factory=list[str])

    @property
    def lines(self) -> list[str]:
        return self.output.decode().replace("\r\n", "\n").splitlines()

    @property
    def answers(self) -> list[str]:
        """The last line of each command's answer."""
        return [line for line in self.lines if line == "ok" or line.startswith("error: ")]

    @property
    def shown(self) -> dict[str, str]:
        """What the newest `show` told, by key."""
        return dict(line.split(" = ", 1) for line in self.lines if " = " in line)


Console = Callable[..., Heard]
"""`console(typed, chip="esp32")`"""


def fake_platform(program: Path) -> Console:
    """host_test/console_tool.c: every setting, and storage in memory."""

    def talk(given: bytes | str, chip: str = "esp32") -> Heard:
        typed = given.encode() if isinstance(given, str) else given
        finished = subprocess.run([program, chip, RIGHT], input=typed, check=False, capture_output=True)
        assert finished.returncode == 0, finished.stderr.decode()
        return Heard(finished.stdout, finished.stderr.decode().splitlines())

    return talk


def standard_input(program: Path, *options: str) -> Console:
    """`stmota-bridge`, which keeps its settings in a directory of this one conversation."""

    def talk(given: str) -> Heard:
        with tempfile.TemporaryDirectory() as state:
            kept = options or ("--state-dir", state)
            with running_bridge([str(program), *kept]) as running:
                assert running.process is not None
                assert running.process.stdin is not None
                assert running.process.stdout is not None
                running.process.stdin.write(f"{given}\nset that\n")
                running.process.stdin.flush()
                lines = iter(running.process.stdout.readline, LAST)
                return Heard("".join(lines).encode())

    return talk
