"""The C core at a fake port with a virtual clock: each `TEST(name, "rules")` of bridge_firmware/host_test."""

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

HOST_TEST = Path(__file__).parents[2] / "bridge_firmware" / "host_test"
SHARED = tuple(HOST_TEST / name for name in ("bench.c", "check_main.c", "fake_port.c"))
TEST = re.compile(r"^TEST\((\w+), \"[R0-9 ]*\"\)", re.MULTILINE)
PROGRAMS = ("test_connections", "test_engine", "test_ring")
CASES = [
    (program, name)
    for program in PROGRAMS
    for name in TEST.findall((HOST_TEST / f"{program}.c").read_text(encoding="utf-8"))
]


@pytest.mark.parametrize(("program", "name"), CASES, ids=[f"{program}-{name}" for program, name in CASES])
def test_in_c(program: str, name: str, build: Callable[..., Path]) -> None:
    built = build(program, HOST_TEST / f"{program}.c", *SHARED)
    finished = subprocess.run([built, name], check=False, capture_output=True, text=True)
    assert (finished.returncode, finished.stderr) == (0, "")


def test_every_program_of_tests_is_run_and_has_tests() -> None:
    programs = {path.stem for path in HOST_TEST.glob("*.c") if "\nTEST(" in path.read_text(encoding="utf-8")}
    assert programs == set(PROGRAMS) == {program for program, _ in CASES}
