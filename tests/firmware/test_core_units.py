"""The C core at a fake port with a virtual clock, and the tty: each `TEST` of bridge_firmware/host_test."""

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

HOST_TEST = Path(__file__).parents[2] / "bridge_firmware" / "host_test"
AT_THE_FAKE_PORT = tuple(
    HOST_TEST / name for name in ("bench.c", "check_main.c", "fake_keeping.c", "fake_port.c")
)
HOST = HOST_TEST.parent / "host"
AT_A_FAKE_KERNEL = (
    HOST_TEST / "check_main.c",
    *(HOST / name for name in ("host_port.c", "host_tty.c", "host_uart.c")),
)
AT_THE_DOOR = (
    *(HOST_TEST / name for name in ("check_main.c", "door_client.c", "door_sockets.c")),
    *sorted((HOST_TEST.parent / "components" / "bridge_secure").glob("*.c")),
)
TEST = re.compile(r"^TEST\((\w+), \"[R0-9 ]*\"\)", re.MULTILINE)
PROGRAMS = {
    "test_connections": AT_THE_FAKE_PORT,
    "test_door": AT_THE_DOOR,
    "test_door_credentials": AT_THE_DOOR,
    "test_engine": AT_THE_FAKE_PORT,
    "test_hostname": (HOST_TEST / "check_main.c",),
    "test_ring": AT_THE_FAKE_PORT,
    "test_security": AT_THE_FAKE_PORT,
    "test_settings": AT_THE_FAKE_PORT,
    "test_update": AT_THE_FAKE_PORT,
    "test_tty": AT_A_FAKE_KERNEL,
}
CASES = [
    (program, name)
    for program in PROGRAMS
    for name in TEST.findall((HOST_TEST / f"{program}.c").read_text(encoding="utf-8"))
]


@pytest.mark.parametrize(("program", "name"), CASES, ids=[f"{program}-{name}" for program, name in CASES])
def test_in_c(program: str, name: str, build: Callable[..., Path], request: pytest.FixtureRequest) -> None:
    at_the_door = PROGRAMS[program] is AT_THE_DOOR
    libraries = request.getfixturevalue("mbedtls") if at_the_door else ()
    built = build(program, HOST_TEST / f"{program}.c", *PROGRAMS[program], libraries=libraries)
    finished = subprocess.run([built, name], check=False, capture_output=True, text=True)
    assert (finished.returncode, finished.stderr) == (0, "")


def test_every_program_of_tests_is_run_and_has_tests() -> None:
    programs = {path.stem for path in HOST_TEST.glob("*.c") if "\nTEST(" in path.read_text(encoding="utf-8")}
    assert programs == set(PROGRAMS) == {program for program, _ in CASES}
