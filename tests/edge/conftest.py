"""Fixtures of the edge's tests."""

import pytest
from trio.testing import MockClock


@pytest.fixture(params=["memory", "tcp"])
def clock(request: pytest.FixtureRequest) -> MockClock | None:
    """A test with this runs twice: in memory on the virtual clock, and over TCP on the real one."""
    return MockClock(autojump_threshold=0) if request.param == "memory" else None
