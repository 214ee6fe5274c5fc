"""What end-to-end tests share."""

import fcntl
from collections.abc import Iterator

import pytest


@pytest.fixture
def alone_on_mdns(pytestconfig: pytest.Config) -> Iterator[None]:
    """For a test whose daemon browses: it takes every bridge announced on this machine, others' too.

    Such tests run one at a time, in whatever worker.
    """
    folder = pytestconfig.cache.mkdir("stmota")
    with (folder / "mdns.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
