"""What all tests share: independent tools, which may be missing on a machine; how runs are set up."""

import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# The same examples every time, and none judged by a busy machine's speed: a failure is the code's.
settings.register_profile(
    "steady", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("steady")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # by a shell that runs us in the background
    signal.signal(signal.SIGINT, signal.default_int_handler)  # else no child could be interrupted either


def pytest_configure(config: pytest.Config) -> None:
    """Let all processes under test share compiled code where the environment has none kept.

    Compiling is more than half of what starting a client or a daemon takes.
    """
    if os.environ.pop("PYTHONDONTWRITEBYTECODE", ""):
        os.environ["PYTHONPYCACHEPREFIX"] = str(config.cache.mkdir("bytecode"))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int | None:
    """Tell `-n auto`: three workers for two cores, as tests of real processes wait for clocks and peers."""
    if "PYTEST_XDIST_AUTO_NUM_WORKERS" in os.environ:
        return None
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return cores + cores // 2


def pytest_addoption(parser: pytest.Parser) -> None:
    """How thorough runs are that are short in `make test`; which bridge the conformance suite is run on."""
    parser.addoption("--flashes", type=int, default=30, help="so many random flashes")
    parser.addoption("--every-byte", action="store_true", help="faults and cuts at every byte, not at some")
    group = parser.getgroup("stmota bridges")
    group.addoption("--bridge", metavar="HOST:PORT", help="run tests/firmware/test_rules_* on this bridge")
    group.addoption(
        "--sanitize",
        choices=["address,undefined", "thread"],
        default="address,undefined",
        help="how tests/firmware compiles the C",
    )
    group.addoption("--bridge-target", metavar="TTY", help="the serial adapter wired to that bridge's UART")


@pytest.fixture
def every_byte(request: pytest.FixtureRequest) -> bool:
    """Whether faults and cuts are to strike every byte."""
    return bool(request.config.getoption("every_byte"))


@pytest.fixture(scope="session")
def foreign_tool() -> Callable[[str], Path]:
    """Find an independent tool; the test is skipped where it is missing, and fails in CI.

    Mark the test `foreign(tool)` as well, so that such tests can be chosen.
    """
    return find_tool


def find_tool(name: str) -> Path:
    """Return where a tool is; skip or fail the test if it is nowhere."""
    found = shutil.which(name)
    if found is not None:
        return Path(found)
    if os.environ.get("CI"):
        pytest.fail(f"{name} is not installed; CI must have it (.ci/run)", pytrace=False)
    pytest.skip(f"{name} is not installed")
