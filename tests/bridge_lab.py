"""A daemon's bridges without the rest of the daemon, on a fake edge and with fake work."""

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import trio

from fake_edge import FakeEdge, FakeWork
from stmota_daemon.bridge_services import BridgeServices
from stmota_daemon.bridge_task import BridgeTask
from stmota_daemon.bridges import Bridges
from stmota_daemon.config import BridgeConfig
from stmota_daemon.console_log import ConsoleLogs
from stmota_daemon.jobs import JobRegistry
from stmota_daemon.store import Store
from stmota_daemon.subscription import DaemonEvents
from stmota_daemon.trace_store import TraceStore
from stmota_protocol.api import BridgeState, Job, JobChanged, JobKind, JobRequest, NetworkPlace

RESET = JobRequest(kind=JobKind.RESET)
LAB = BridgeConfig("lab", NetworkPlace(host="host", port=1))
"""The bridge at the fake edge's `host:1`."""


class Lab:
    """One life of a daemon's bridges."""

    def __init__(self, state_dir: Path, edge: FakeEdge, work: FakeWork, nursery: trio.Nursery) -> None:
        store = Store(state_dir)
        self.events = DaemonEvents()
        self.jobs = JobRegistry(store, lambda job: self.events.publish(JobChanged(at=0.0, job=job)))
        self.services = BridgeServices(
            store,
            self.jobs,
            ConsoleLogs(state_dir / "logs"),
            TraceStore(state_dir / "traces"),
            dict.fromkeys(JobKind, work.work),
            edge.open,
            edge.peek,
        )
        self.bridges = Bridges(self.services, self.events, nursery)

    @property
    def task(self) -> BridgeTask:
        return self.bridges.find(None)

    @property
    def state(self) -> BridgeState:
        return self.task.snapshot().state

    async def ended(self, job: Job) -> Job:
        feed = self.jobs.feed(job.id)
        assert feed is not None
        number = 0
        while events := await feed.wait_since(number):
            number = events[-1].number + 1
        found = self.jobs.job(job.id)
        assert found is not None
        return found


@asynccontextmanager
async def bridge_lab(
    state_dir: Path, edge: FakeEdge, work: FakeWork, configs: Sequence[BridgeConfig] = ()
) -> AsyncGenerator[Lab]:
    """One life of a daemon's bridges; on the same directory again, it is that of the next daemon."""
    async with trio.open_nursery() as nursery:
        lab = Lab(state_dir, edge, work, nursery)
        lab.bridges.configure(configs)
        lab.bridges.take_up(lab.jobs.take_up())
        yield lab
        nursery.cancel_scope.cancel()
    lab.services.logs.close()
    lab.services.store.close()


OpenLab = Callable[..., AbstractAsyncContextManager[Lab]]
