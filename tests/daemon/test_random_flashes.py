"""Random flashes over bad lines and cut links: each ends verified, or with a true failure, and as it says.

30 of them by default; `pytest tests/daemon/test_random_flashes.py --flashes 1000 -n auto` for more. A failure
shows the seed in the test's name: `-k 'seed-123]' --flashes 1000` does that one again.
"""

from pathlib import Path

import pytest
from trio.testing import MockClock

from random_flash import RandomFlash


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    flashes = metafunc.config.getoption("flashes") or 0
    metafunc.parametrize("seed", range(flashes), ids=lambda seed: f"seed-{seed}")


async def test_a_random_flash_is_verified_or_fails_truly_and_leaves_what_it_says(
    seed: int, autojump_clock: MockClock, tmp_path: Path
) -> None:
    flash = RandomFlash(seed)
    try:
        (await flash.run(tmp_path)).check(flash)
    except BaseException as error:
        error.add_note(str(flash))
        raise
