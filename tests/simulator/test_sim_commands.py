"""`stmota sim`: what it prints, what it refuses, and how it ends."""

import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sample_images import make_image
from simulated_chips import ALL_NAMES
from stmota_simulator.bridge_command import bridge_id
from stmota_simulator.fault_syntax import faults_help

Sim = Callable[..., Any]
LINE = re.compile(r"(?P<name>\S+) listening on 127\.0\.0\.1:(?P<port>\d+) \((?P<facts>[^)]+)\)")
CONNECT_WITHIN_S = 30.0


def parsed(line: str) -> tuple[str, int, str]:
    match = LINE.fullmatch(line)
    assert match, line
    return match["name"], int(match["port"]), match["facts"]


def greeting_bytes(port: int) -> bytes:
    """The first bytes that a bridge sends to whoever connects."""
    with socket.create_connection(("127.0.0.1", port), timeout=CONNECT_WITHIN_S) as connection:
        return connection.recv(6)


@pytest.mark.parametrize("with_signal", [signal.SIGINT, signal.SIGTERM])
def test_a_bridge_says_where_it_listens_greets_and_ends_cleanly(
    sim: Sim, tmp_path: Path, with_signal: signal.Signals
) -> None:
    flash = tmp_path / "fw.bin"
    flash.write_bytes(make_image())
    running = sim("bridge", "--name", "lab-esp32", "--chip", "f103xb", "--flash", str(flash))

    name, port, facts = parsed(running.line())

    assert (name, facts) == ("lab-esp32", f"STM32F103xB, id {bridge_id('lab-esp32').hex()}")
    assert greeting_bytes(port) == b"STMOTA"
    assert running.end(with_signal) == (0, "", "")


def test_a_simulated_network_stands_before_the_bridge(sim: Sim) -> None:
    running = sim("bridge", "--rtt-ms", "50", "--jitter-ms", "10")

    _, port, _ = parsed(running.line())

    assert greeting_bytes(port) == b"STMOTA"
    assert running.end() == (0, "", "")


def test_several_bridges_are_numbered_and_have_ids_of_their_own(sim: Sim) -> None:
    running = sim("bridge", "--count", "3", "--chip", "G071", "--nboot-sel", "0")

    bridges = [parsed(running.line()) for _ in range(3)]

    assert [name for name, _, _ in bridges] == ["lab-1", "lab-2", "lab-3"]
    assert len({port for _, port, _ in bridges}) == len({facts for _, _, facts in bridges}) == 3
    assert running.end() == (0, "", "")


def test_the_id_of_a_virtual_bridge_is_made_of_its_name() -> None:
    assert bridge_id("lab-esp32") == bridge_id("lab-esp32") != bridge_id("lab-esp33")
    assert len(bridge_id("")) == 8


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("--chip", "X"), f"unknown chip 'X'; known: {', '.join(ALL_NAMES)}"),
        (("--fault", "gremlins"), f"'gremlins' is no fault; there are:\n{faults_help()}"),
        (("--option", "nBOOT_SEL"), "'nBOOT_SEL': write NAME=VALUE, for example nBOOT_SEL=0"),
        (("--nboot-sel", "1"), "STM32F103xB has no option nBOOT_SEL=1; known: none"),
        (("--bootloader-version", "9.9"), "STM32F103xB has no bootloader '9.9'; known: 2.2"),
        (("--name", "\x1b[2J"), "'\\x1b[2J' is no name for a bridge: 1 to 63 bytes that can be printed"),
        (
            ("--name", "x" * 62, "--count", "1"),
            f"'{'x' * 62}-1' is no name for a bridge: 1 to 63 bytes that can be printed",
        ),
        (("--listen", "localhost:http"), "'localhost:http': write HOST:PORT, for example 127.0.0.1:7820"),
    ],
)
def test_what_there_is_not_is_a_usage_error(sim: Sim, arguments: tuple[str, ...], text: str) -> None:
    code, out, err = sim("bridge", *arguments).wait()

    assert (code, out) == (2, "")
    assert err.endswith(f"Error: Invalid value: {text}\n")


def test_a_place_where_it_cannot_listen_is_one_line(sim: Sim) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        assert sim("bridge", "--listen", address).wait() == (
            1,
            "",
            f"error: cannot listen on {address}: Address already in use\n",
        )


def test_a_link_is_not_made_over_something_else(sim: Sim, tmp_path: Path) -> None:
    path = tmp_path / "board"
    path.write_text("precious")

    assert sim("board", "--pty", str(path)).wait() == (
        1,
        "",
        f"error: cannot make the link {path}: File exists\n",
    )
    assert path.read_text() == "precious"


def test_a_link_that_leads_nowhere_is_replaced(sim: Sim, tmp_path: Path) -> None:
    path = tmp_path / "board"
    path.symlink_to(tmp_path / "gone")
    running = sim("board", "--pty", str(path), "--chip", "L476")

    assert running.line() == f"STM32L476 in its bootloader on {path}"
    assert path.is_char_device()
    assert running.end() == (0, "", "")
    assert not path.is_symlink()


@pytest.mark.parametrize("command", ["bridge", "board"])
def test_the_help_has_an_example_and_all_faults(sim: Sim, command: str) -> None:
    code, out, _ = sim(command, "--help").wait()

    assert code == 0
    assert f"Example: stmota sim {command} " in out
    for line in faults_help().splitlines():
        assert f"  {line}\n" in out


def modules_of(module: str) -> set[str]:
    """Return what a module of ours imports, in a process of its own."""
    code = f"import sys, {module}; print(*sys.modules)"
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(finished.stdout.split())


def test_the_command_line_itself_loads_nothing_slow() -> None:
    loaded = modules_of("stmota_simulator.cli")
    assert "typer" in loaded
    assert loaded & {"trio", "zeroconf", "serial", "asyncio", "rich"} == set()


def test_virtual_boards_load_nothing_that_only_tests_need() -> None:
    loaded = modules_of("stmota_simulator.bridge_command")
    assert "trio" in loaded
    assert loaded & {"trio.testing", "pytest", "_pytest", "hypothesis"} == set()


def test_the_chips_are_listed_with_their_layouts_and_bootloaders(sim: Sim) -> None:
    code, out, err = sim("chips").wait()

    lines = {line.split()[0]: line for line in out.splitlines()}
    assert (code, err) == (0, "")
    assert list(lines) == ["CHIP", *ALL_NAMES]
    assert "0x419  1024 KiB  4x16K 1x64K 7x128K; DB1M=1: 2x(4x16K 1x64K 3x128K)" in lines["F429xG"]
    assert "2x(768x128B)" in lines["L071"]
    assert "11.2 11.3" in lines["G071"]
