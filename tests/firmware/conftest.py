"""The C of bridge_firmware, compiled as the tests want it: strictly, and with sanitizers."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

FIRMWARE = Path(__file__).parents[2] / "bridge_firmware"
CORE = FIRMWARE / "components" / "bridge_core"
STRICT = ("-std=c11", "-pthread", "-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Werror", "-g", "-O1")
SANITIZED = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer")

Build = Callable[..., Path]


@pytest.fixture(scope="session")
def build(tmp_path_factory: pytest.TempPathFactory) -> Build:
    """`build(name, *sources)`: the core and these sources as a program with sanitizers; built once.

    The core is a library: a program without a UART links only what knows of none.
    """
    folder = tmp_path_factory.mktemp("bridge_firmware")
    library = folder / "libbridge_core.a"

    def compile_program(name: str, *sources: Path) -> Path:
        if not library.exists():
            compile_core(library)
        program = folder / name
        if not program.exists():
            includes = [f"-I{CORE / 'include'}", *{f"-I{source.parent}" for source in sources}]
            files = [*map(str, sources), str(library)]
            run("cc", *STRICT, *SANITIZED, *includes, *files, "-o", str(program))
        return program

    return compile_program


def compile_core(library: Path) -> None:
    objects: list[str] = []
    for source in sorted(CORE.glob("*.c")):
        objects.append(str(library.parent / f"{source.stem}.o"))
        run("cc", *STRICT, *SANITIZED, f"-I{CORE / 'include'}", "-c", str(source), "-o", objects[-1])
    run("ar", "rcs", str(library), *objects)


def run(*command: str) -> str:
    """Run to the end; the test fails with what was said if it ends badly."""
    finished = subprocess.run(command, check=False, capture_output=True, text=True)
    assert finished.returncode == 0, finished.stdout[-4000:] + finished.stderr[-4000:]
    return finished.stdout
