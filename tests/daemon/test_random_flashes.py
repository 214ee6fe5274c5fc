"""Random flashes over bad lines and cut links: each ends verified, or with a true failure, and as it says.

30 of them by default; `pytest tests/daemon/test_random_flashes.py --flashes 1000 -n auto` for more. The name
of a test that failed has the seed: `-k 'seed-123]' --flashes 1000` does that one again. `--junitxml FILE`
tells how each ended.
"""

from collections.abc import Callable
from pathlib import Path

import pytest
from trio.testing import MockClock

from random_flash import RandomFlash


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    flashes = metafunc.config.getoption("flashes") or 0
    metafunc.parametrize("seed", range(flashes), ids=lambda seed: f"seed-{seed}")


async def test_a_random_flash_is_verified_or_fails_truly_and_leaves_what_it_says(
    seed: int,
    autojump_clock: MockClock,
    tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> None:
    flash = RandomFlash(seed)
    try:
        flashed = await flash.run(tmp_path)
        flashed.check(flash)
    except BaseException as error:
        error.add_note(str(flash))
        raise
    record_property("ended", flashed.job.problem.code.value if flashed.job.problem else "verified")
    record_property("recoveries", flashed.job.report.recoveries if flashed.job.report else None)
