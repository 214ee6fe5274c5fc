"""Bridges as processes of this machine, each with a pty as its UART."""

import os
import pty
import subprocess
import tty
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Running:
    """Where a bridge listens, and the target's end of its UART."""

    far: int
    host: str
    port: int
    is_local: bool
    process: subprocess.Popen[str] | None = None
    """It, where it is of this machine: words to its console go to `stdin`, what that shows is in `stdout`."""


@contextmanager
def far_end() -> Generator[tuple[int, str], None, None]:
    """The target's file, and the path that a bridge opens."""
    master, slave = pty.openpty()
    tty.setraw(slave)
    os.set_blocking(master, False)
    try:
        yield master, os.ttyname(slave)
    finally:
        os.close(slave)
        os.close(master)


@contextmanager
def running_bridge(command: list[str]) -> Generator[Running, None, None]:
    """Run a bridge; at the end it has to stop in order, and to have said nothing."""
    with far_end() as (far, path), serving([*command, "--port", path, "--reset", "rts"]) as (process, at):
        yield Running(far, *at, is_local=True, process=process)
        process.terminate()
        assert process.stderr is not None
        assert (process.stderr.read(), process.wait()) == ("", 0)


@contextmanager
def running_board(command: list[str]) -> Generator[Running, None, None]:
    """The same with a virtual board instead of a UART."""
    with serving(command) as (process, at):
        yield Running(-1, *at, is_local=True, process=process)
        process.terminate()
        assert process.stderr is not None
        assert (process.stderr.read(), process.wait()) == ("", 0)


@contextmanager
def serving(command: list[str]) -> Generator[tuple[subprocess.Popen[str], tuple[str, int]], None, None]:
    """Run a bridge called `lab`; yield it, and where it listens."""
    options = ["--name", "lab", "--listen", "127.0.0.1:0"]
    with subprocess.Popen(
        [*command, *options],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        try:
            line = process.stdout.readline()
            assert line.startswith("lab listening on "), line + process.stderr.read()
            host, _, port = line.split()[3].rpartition(":")
            yield process, (host, int(port))
        finally:
            process.kill()


@contextmanager
def real_bridge(address: str, target: str) -> Generator[Running, None, None]:
    """A bridge that is there, and a serial adapter wired to its UART: 115200 8N1."""
    host, _, port = address.rpartition(":")
    far = os.open(target, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    try:
        tty.setraw(far)
        subprocess.run(["stty", "-F", target, "115200", "cs8", "-parenb", "-cstopb", "-crtscts"], check=True)
        yield Running(far, host, int(port), is_local=False)
    finally:
        os.close(far)
