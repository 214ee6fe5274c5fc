"""What end-to-end tests share."""

import fcntl
from collections.abc import Iterator

import pytest

from real_lab import RealLab, real_lab


@pytest.fixture
def alone_on_mdns(pytestconfig: pytest.Config) -> Iterator[None]:
    """For a test whose daemon browses: it looks at every bridge announced on this machine, others' too.

    A look disturbs nobody, but another test's bridges come and go, and are among those that are known. So
    such tests run one at a time, in whatever worker.
    """
    folder = pytestconfig.cache.mkdir("stmota")
    with (folder / "mdns.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@pytest.fixture
def lab() -> Iterator[RealLab]:
    """A laboratory of its own for a test that kills or breaks something."""
    with real_lab() as lab:
        yield lab


@pytest.fixture(scope="module")
def shared_lab() -> Iterator[RealLab]:
    """A laboratory with a daemon for the tests of one file that leave each other's boards alone."""
    with real_lab() as lab:
        lab.daemon()
        yield lab
