"""The command line as a whole: help, versions, quick starts, unforeseen ends."""

import os
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from command_line import Stmota
from sample_answers import LAB
from scripted_daemon import EventStream, ScriptedDaemon
from stmota_client import autostart, parts
from stmota_client.client import Client
from stmota_client.exit_codes import MEANINGS
from stmota_client.main import new_app
from stmota_client.parts import PARTS, Part
from stmota_protocol.api import EXIT_CODES, ExitCode, LogRecord, ProblemCode

ROOT = Path(__file__).parents[2]
SLOW_MODULES = ("httpx", "rich", "trio", "zeroconf", "serial", "importlib.metadata", "asyncio", "sqlalchemy")
THE_PARTS = {part.command for part in PARTS}


def command_paths() -> Iterator[tuple[str, ...]]:
    """Walk the tree of our own commands."""
    root: Any = typer.main.get_command(new_app())
    left: list[tuple[tuple[str, ...], Any]] = [((), root)]
    while left:
        path, command = left.pop()
        yield path
        left += [((*path, name), inner) for name, inner in getattr(command, "commands", {}).items()]


@pytest.mark.parametrize("path", sorted(command_paths()), ids=" ".join)
def test_every_help_says_what_it_does_with_an_example_of_itself(
    stmota: Stmota, path: tuple[str, ...]
) -> None:
    ended = stmota(*path, "--help")

    assert ended.code == 0
    assert ended.err == ""
    summary = ended.out.split("\n\n")[1].strip()
    assert summary.endswith(".")
    assert "\n  Example" in ended.out
    assert f"\n    {' '.join(('stmota', *path))} " in ended.out


def test_the_help_lists_commands_parts_and_exit_codes(stmota: Stmota) -> None:
    out = stmota("--help").out

    for name in ("discover", "flash", "info", "reset", "logs", "bridge", "daemon", "sim"):
        assert f"\n  {name} " in out
    for code, meaning in MEANINGS.items():
        assert f"\n    {code.value:<4} {meaning}\n" in out + "\n"
    assert "\n  serve " in stmota("bridge", "--help").out


def test_every_exit_code_has_a_meaning_and_every_problem_an_exit_code() -> None:
    assert set(MEANINGS) == set(ExitCode)
    assert set(EXIT_CODES) == set(ProblemCode)


def test_the_documentation_has_every_exit_code_with_its_problems() -> None:
    text = (ROOT / "docs" / "exit-codes.md").read_text(encoding="utf-8")

    for code, meaning in MEANINGS.items():
        problems = [f"`{problem.value}`" for problem, exit_code in EXIT_CODES.items() if exit_code is code]
        assert f"| {code.value} | {meaning} | {', '.join(problems) or 'none'} |\n" in text


def modules_after(*arguments: str) -> set[str]:
    """Return the modules that a command line imports, in a process of its own."""
    code = (
        "import sys; from stmota_client.main import run;"
        f" code = run({list(arguments)!r}); print(code, *sys.modules, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    exit_code, *modules = done.stderr.split()
    assert exit_code == "0"
    return set(modules)


def test_help_imports_nothing_slow() -> None:
    assert modules_after("--help") & {*SLOW_MODULES, "http.client", "ssl"} == set()


def test_help_of_commands_imports_no_other_part() -> None:
    modules = modules_after("bridge", "--help")

    assert not {name for name in modules if name.startswith(("stmota_edge", "stmota_daemon", "stmota_sim"))}


def test_a_request_imports_no_event_loop_and_no_other_http(daemon: ScriptedDaemon) -> None:
    modules = modules_after("discover", "--timeout", "0", "--json")

    assert modules & set(SLOW_MODULES) <= {"rich", "importlib.metadata"}  # which draw what it waits for
    assert daemon.asked("GET", "/v1/bridges")


def test_the_version_is_the_distributions(stmota: Stmota) -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]

    assert stmota("--version").out == f"stmota {version}\n"


def test_the_parts_are_the_entry_points() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

    assert {part.entry_point for part in PARTS} == set(project["entry-points"]["stmota.commands"])
    assert {part.extra for part in PARTS} == set(project["optional-dependencies"])


def test_what_a_thin_installation_lacks_is_what_the_extra_brings() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    names = [line.split(">")[0].split("[")[0] for line in project["optional-dependencies"]["daemon"]]
    modules = {{"pyserial": "serial", "pyelftools": "elftools"}.get(name, name) for name in names}

    assert set(autostart.NEEDED) == {"stmota_daemon", *modules}


def test_a_part_that_is_not_installed_says_what_to_install(
    stmota: Stmota, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "ENTRY_POINTS", "no such group")

    ended = stmota("bridge", "serve", "--name", "x")

    assert ended.code == 2
    assert ended.err == (
        "error: `stmota bridge serve` is not installed here: its entry point is not there\n"
        "  remedy: pip install 'stmota[bridge]'\n"
    )


def entry_points_of(entry: object) -> Callable[..., tuple[object]]:
    def entry_points(**_: str) -> tuple[object]:
        return (entry,)

    return entry_points


def test_a_part_whose_dependency_is_missing_says_which_and_what_to_install(
    stmota: Stmota, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken:
        def load(self) -> object:
            message = "No module named 'trio'"
            raise ModuleNotFoundError(message)

    monkeypatch.setattr("importlib.metadata.entry_points", entry_points_of(Broken()))

    ended = stmota("sim", "board")

    assert ended.code == 2
    assert ended.err == (
        "error: `stmota sim` is not installed here: No module named 'trio'\n"
        "  remedy: pip install 'stmota[sim]'\n"
    )


@pytest.mark.parametrize("as_app", [True, False], ids=["app", "function"])
def test_a_part_is_called_with_its_arguments_and_its_exit_code_is_ours(
    stmota: Stmota, monkeypatch: pytest.MonkeyPatch, as_app: bool
) -> None:
    def sim(count: int = 1) -> None:
        typer.echo(f"{count} boards")
        raise typer.Exit(6)

    loaded: object = sim
    if as_app:
        app = typer.Typer()
        app.command()(sim)
        loaded = app

    class Entry:
        def load(self) -> object:
            return loaded

    monkeypatch.setattr("importlib.metadata.entry_points", entry_points_of(Entry()))

    ended = stmota("sim", "--count", "8")

    assert (ended.code, ended.out, ended.err) == (6, "8 boards\n", "")


def test_parts_know_their_group() -> None:
    assert [(part.group, part.command) for part in PARTS] == [
        ("", "daemon"),
        ("bridge", "serve"),
        ("bridge", "install"),
        ("bridge", "provision"),
        ("", "sim"),
    ]
    assert Part("a.b", "x", "y").group == "a"


@pytest.mark.parametrize("arguments", [("fly",), ("flash",), ("info", "a"), ("--fast",), ("logs", "-n", "x")])
def test_wrong_usage_exits_2_with_a_hint(stmota: Stmota, arguments: tuple[str, ...]) -> None:
    ended = stmota(*arguments)

    assert (ended.code, ended.out) == (2, "")
    assert "Usage: stmota" in ended.err
    assert "Error: " in ended.err


def test_an_unforeseen_error_is_one_line_and_how_to_report_it(
    daemon: ScriptedDaemon, stmota: Stmota, monkeypatch: pytest.MonkeyPatch
) -> None:
    def explode(_: Client) -> None:
        message = "the \x1bmoon"
        raise ArithmeticError(message)

    monkeypatch.setattr(Client, "bridges", explode)

    ended = stmota("discover")

    assert ended.code == 1
    assert ended.err == (
        "error: unforeseen: ArithmeticError: the \\x1bmoon\n"
        "  remedy: please report it with what STMOTA_TRACEBACK=1 shows\n"
    )
    monkeypatch.setenv("STMOTA_TRACEBACK", "1")
    assert "Traceback" in stmota("discover").err


def test_a_reader_that_leaves_is_no_traceback(daemon: ScriptedDaemon) -> None:
    records = [LogRecord(number=n, at=1.0, text="x" * 1000, complete=True) for n in range(500)]
    daemon.on("GET", f"/v1/bridges/{LAB.id}/log", EventStream(list(records)))
    reading, writing = os.pipe()
    command = [sys.executable, "-m", "stmota_client", "logs"]
    process = subprocess.Popen(command, stdout=writing, stderr=subprocess.PIPE, text=True)
    os.close(writing)
    os.close(reading)

    _, err = process.communicate(timeout=120)

    assert (process.returncode, err) == (1, "")


def test_a_terminal_without_utf8_gets_numbers(daemon: ScriptedDaemon) -> None:
    record = LogRecord(number=0, at=1.0, text="21 °C ✓", complete=True)
    daemon.on("GET", f"/v1/bridges/{LAB.id}/log", EventStream([record]))
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}

    done = subprocess.run(
        [sys.executable, "-m", "stmota_client", "logs"],
        capture_output=True,
        text=True,
        env=environment,
        check=True,
    )

    assert done.stdout == "21 \\xb0C \\u2713\n"
