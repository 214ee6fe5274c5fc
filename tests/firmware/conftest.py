"""The C of bridge_firmware, compiled as the tests want it: strictly, and with sanitizers."""

import fcntl
import os
import shlex
import subprocess
import sys
from collections.abc import AsyncGenerator, Callable, Generator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
import trio

from bridge_bench import Bench, bench_of
from bridge_process import Running, real_bridge, running_board, running_bridge
from securable_bridges import Securable
from simulated_chips import board_of
from stmota_protocol.steps import UartSettings
from stmota_simulator.board_file import board_lines
from virtual_twins import BAUDS, Both, InC

FIRMWARE = Path(__file__).parents[2] / "bridge_firmware"
CORE = FIRMWARE / "components" / "bridge_core"
SECURE = FIRMWARE / "components" / "bridge_secure"
HOST = FIRMWARE / "host"
MBEDTLS = shlex.split(os.environ.get("STMOTA_MBEDTLS", "-lmbedtls -lmbedx509 -lmbedcrypto"))
"""What the compiler is told of mbedTLS. Another version: "-isystem INCLUDE … libmbedtls.a …"."""
STRICT = ("-std=c11", "-pthread", "-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Werror", "-g", "-O1")
SANITIZED = ("-fno-sanitize-recover=all", "-fno-omit-frame-pointer")

PYTHON_BRIDGE = "import typer; from stmota_edge.cli import serve; typer.run(serve)"

Build = Callable[..., Path]


@pytest.fixture(scope="session")
def build(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Build:
    """`build(name, *sources, core_flags=(), libraries=())`: the core and these with sanitizers; built once.

    The core is a library: a program without a UART links only what knows of none. The workers of one run
    share what one of them has built.
    """
    of_the_run = tmp_path_factory.getbasetemp()
    folder = (of_the_run.parent if "PYTEST_XDIST_WORKER" in os.environ else of_the_run) / "bridge_firmware"
    folder.mkdir(exist_ok=True)
    sanitized = (*SANITIZED, f"-fsanitize={pytestconfig.getoption('--sanitize')}")

    def compile_program(
        name: str, *sources: Path, core_flags: Sequence[str] = (), libraries: Sequence[str] = ()
    ) -> Path:
        library = folder / f"libbridge_core{''.join(core_flags)}.a"
        if not library.exists():
            compile_core(library, [*sanitized, *core_flags])
        program = folder / name
        if not program.exists():
            parts = [f"-I{part / 'include'}" for part in (CORE, SECURE)]
            includes = [*parts, *{f"-I{source.parent}" for source in sources}]
            files = [*map(str, sources), str(library)]
            run("cc", *STRICT, *sanitized, *includes, *files, *libraries, "-o", str(program))
        return program

    def compile_alone(*arguments: Any, **options: Any) -> Path:
        with (folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            return compile_program(*arguments, **options)

    return compile_alone


@pytest.fixture(scope="session")
def stmota_bridge(request: pytest.FixtureRequest, build: Build, has_mbedtls: bool) -> Path:
    """The C core as a program of this machine, with secure mode where that can be."""
    if not has_mbedtls:
        plain: Path = request.getfixturevalue("plain_stmota_bridge")
        return plain
    secure = sorted(SECURE.glob("*.c")), sorted((HOST / "secure").glob("*.c"))
    return build("stmota-bridge", *sorted(HOST.glob("*.c")), *secure[0], *secure[1], libraries=MBEDTLS)


@pytest.fixture(scope="session")
def plain_stmota_bridge(build: Build) -> Path:
    """The same as it is built where there is no mbedTLS."""
    return build("stmota-bridge-plain", *sorted(HOST.glob("*.c")), HOST / "plain" / "host_plain.c")


@pytest.fixture(scope="session")
def has_mbedtls() -> bool:
    """Whether programs can be linked with mbedTLS."""
    command = ["cc", "-x", "c", "-", "-x", "none", *MBEDTLS, "-o", os.devnull]
    source = "#include <mbedtls/ssl.h>\nint main(void) { mbedtls_ssl_init(0); }\n"
    return subprocess.run(command, input=source, text=True, capture_output=True, check=False).returncode == 0


@pytest.fixture(scope="session")
def mbedtls(has_mbedtls: bool) -> Sequence[str]:
    """What the compiler is told of mbedTLS; skip or fail the test where that is not there."""
    if has_mbedtls:
        return MBEDTLS
    if os.environ.get("CI"):
        pytest.fail("mbedTLS is not installed; CI must have it (.ci/run)", pytrace=False)
    pytest.skip("mbedTLS is not installed (Debian: libmbedtls-dev)")


@pytest.fixture(scope="session")
def securable_stmota_bridge(stmota_bridge: Path, mbedtls: Sequence[str]) -> Path:
    """The C bridge with secure mode."""
    assert mbedtls
    return stmota_bridge


def compile_core(library: Path, flags: Sequence[str]) -> None:
    objects: list[str] = []
    for source in sorted(CORE.glob("*.c")):
        objects.append(str(library.parent / f"{source.stem}.o"))
        run("cc", *STRICT, *flags, f"-I{CORE / 'include'}", "-c", str(source), "-o", objects[-1])
    run("ar", "rcs", str(library), *objects)


def run(*command: str) -> str:
    """Run to the end; the test fails with what was said if it ends badly."""
    finished = subprocess.run(command, check=False, capture_output=True, text=True)
    assert finished.returncode == 0, finished.stdout[-4000:] + finished.stderr[-4000:]
    return finished.stdout


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Each test of a rule runs on both bridges of this repository, or on the one that is named."""
    if "bridge" in metafunc.fixturenames:
        kinds = ["real"] if metafunc.config.getoption("--bridge") else ["c", "python"]
        metafunc.parametrize("bridge", kinds, indirect=True, scope="session")


@pytest.fixture(scope="session")
def bridge_command(request: pytest.FixtureRequest) -> Callable[[str], list[str]]:
    """`bridge_command(kind)`: how one is run, without its name, port and address."""

    def command(kind: str) -> list[str]:
        if kind == "python":
            return [sys.executable, "-c", PYTHON_BRIDGE, "--no-mdns"]
        return [str(request.getfixturevalue("stmota_bridge"))]

    return command


@pytest.fixture(scope="session")
def start_bridge(
    bridge_command: Callable[[str], list[str]], pytestconfig: pytest.Config
) -> Callable[[str], AbstractContextManager[Running]]:
    """`start_bridge(kind)`: run one, or find the real one."""

    def start(kind: str) -> AbstractContextManager[Running]:
        if kind != "real":
            return running_bridge(bridge_command(kind))
        address = pytestconfig.getoption("--bridge")
        target = pytestconfig.getoption("--bridge-target")
        if address is None or target is None:
            pytest.fail("--bridge needs --bridge-target: the adapter at its UART", pytrace=False)
        return real_bridge(address, target)

    return start


@pytest.fixture
def start_board(
    bridge_command: Callable[[str], list[str]], tmp_path: Path
) -> Callable[[str, bytes], AbstractContextManager[Running]]:
    """`start_board(kind, image)`: such a bridge with a virtual board, which has lines, as its UART."""

    def start(kind: str, image: bytes) -> AbstractContextManager[Running]:
        if kind == "python":
            flash = tmp_path / "flash.bin"
            flash.write_bytes(image)
            simulator = str(Path(sys.executable).parent / "stmota")
            return running_board([simulator, "sim", "bridge", "--no-mdns", "--flash", str(flash)])
        described = tmp_path / "board.txt"
        lines = board_lines(board_of("F103xB", serial="board", image=image))
        described.write_text("".join(f"{line}\n" for line in lines), encoding="ascii")
        return running_board([*bridge_command("c"), "--board", str(described)])

    return start


@pytest.fixture(scope="session")
def bridge(
    request: pytest.FixtureRequest, start_bridge: Callable[[str], AbstractContextManager[Running]]
) -> Generator[Running, None, None]:
    """One bridge for all tests, as a real one is."""
    with start_bridge(request.param) as running:
        yield running


@pytest.fixture
async def bench(bridge: Running) -> AsyncGenerator[Bench, None]:
    """The bridge and its target, as if nobody had been there before."""
    async with bench_of(bridge) as bench:
        await bench.reset()
        yield bench


@pytest.fixture
async def answering(bench: Bench, nursery: trio.Nursery) -> Bench:
    """Its target says ACK to every question mark."""
    nursery.start_soon(bench.answers)
    return bench


@pytest.fixture
def boards(build: Callable[..., Path], tmp_path: Path) -> Generator[Callable[..., Both], None, None]:
    """`boards(chip, image)`: the two, in their bootloaders."""
    sources = (FIRMWARE / "host_test" / "virtual_tool.c", *sorted(HOST.glob("virtual_*.c")))
    program = build("virtual_tool", *sources)
    started: list[subprocess.Popen[str]] = []

    def make(chip: str, image: bytes = b"") -> Both:
        board = board_of(chip, serial="twin", image=image)
        described = tmp_path / "board.txt"
        described.write_text("".join(f"{line}\n" for line in board_lines(board)), encoding="ascii")
        process = subprocess.Popen(
            [program, described],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        both = Both(board, InC(process), UartSettings(BAUDS[chip]))
        both.enter()
        return both

    yield make
    for process in started:
        _, said = process.communicate()
        assert (process.returncode, said) == (0, "")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what was measured and is no matter of right or wrong."""
    for report in terminalreporter.getreports("passed"):
        for name, value in report.user_properties:
            if name == "turnaround":
                terminalreporter.write_line(f"{report.nodeid}: {value}")


@pytest.fixture(params=["c", "python"])
def bridge_kind(request: pytest.FixtureRequest, tmp_path: Path) -> Securable:
    if request.config.getoption("--bridge"):
        pytest.skip("a real bridge would be secured for good")
    (tmp_path / "kept").mkdir()
    if request.param == "c":
        program: Path = request.getfixturevalue("securable_stmota_bridge")
        return Securable([str(program), "--state-dir", str(tmp_path / "kept")], tmp_path, is_c=True)
    environment = ["env", f"XDG_STATE_HOME={tmp_path / 'kept'}"]
    return Securable([*environment, sys.executable, "-c", PYTHON_BRIDGE, "--no-mdns"], tmp_path, is_c=False)
