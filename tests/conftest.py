"""What all tests share: independent tools, which may be missing on a developer's machine."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# The same examples every time, and none judged by a busy machine's speed: a failure is the code's.
settings.register_profile(
    "steady", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("steady")


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
