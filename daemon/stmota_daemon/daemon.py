"""The daemon put together: store, bridges, discovery and API, for as long as it runs."""

import logging
import os
import socket
import time
from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager
from importlib.metadata import version
from pathlib import Path

import trio
from starlette.types import ASGIApp

from stmota_daemon.api import make_app
from stmota_daemon.api_authorities import AuthorityRoutes
from stmota_daemon.api_bridges import BridgeRoutes
from stmota_daemon.api_daemon import DaemonRoutes
from stmota_daemon.api_events import EventRoutes
from stmota_daemon.api_firmware import FirmwareRoutes
from stmota_daemon.api_jobs import JobRoutes
from stmota_daemon.api_security import SecurityRoutes
from stmota_daemon.bridge_services import BridgeServices, OpenLink, Peek
from stmota_daemon.bridges import Bridges
from stmota_daemon.config import Config
from stmota_daemon.console_log import ConsoleLogs
from stmota_daemon.discovery import browse
from stmota_daemon.firmware_store import FirmwareStore
from stmota_daemon.instance import Places, listening_socket, listening_tcp
from stmota_daemon.jobs import JobRegistry
from stmota_daemon.links import link_opener, peeker
from stmota_daemon.openapi import openapi
from stmota_daemon.renewals import Renewals
from stmota_daemon.security import Security
from stmota_daemon.server import HttpServer
from stmota_daemon.store import Store
from stmota_daemon.subscription import DaemonEvents
from stmota_daemon.trace_store import TraceStore
from stmota_daemon.work_orders import works
from stmota_protocol.api import API_VERSION, DaemonGreeting, JobChanged

logger = logging.getLogger(__name__)

PRODUCT = "stmotad"


class Services:
    """What lives as long as the daemon, whoever is connected."""

    def __init__(self, state_dir: Path) -> None:
        self.store = Store(state_dir)
        self.store.forget_old_jobs()
        self.security = Security(self.store, state_dir / "ca")
        self.events = DaemonEvents()
        self.jobs = JobRegistry(
            self.store, lambda job: self.events.publish(JobChanged(at=time.time(), job=job))
        )
        self.firmware = FirmwareStore(state_dir / "firmware")
        self.logs = ConsoleLogs(state_dir / "logs")
        self.traces = TraceStore(state_dir / "traces")

    def close(self) -> None:
        """Write what is pending, release all files."""
        self.logs.close()
        self.store.close()

    def for_bridges(self, open_link: OpenLink, peek: Peek) -> BridgeServices:
        """Return what bridges need of it."""
        todo = works(self.firmware, self.store, self.jobs, self.security.sign_update)
        return BridgeServices(
            store=self.store,
            jobs=self.jobs,
            logs=self.logs,
            traces=self.traces,
            works=todo,
            open_link=open_link,
            peek=peek,
            is_secured=lambda place, bridge_id: self.security.wanted(place, bridge_id) is not None,
        )


@contextmanager
def opened(places: Places, config: Config) -> Generator[tuple[Services, list[socket.socket]]]:
    """Open the state of places that are `held`, and listen. Raises `DaemonError`, OSError."""
    with ExitStack() as stack:
        listeners = [stack.enter_context(listening_socket(places.socket))]
        services = Services(places.state_dir)
        stack.callback(services.close)
        if config.listen is not None:
            listeners.append(stack.enter_context(listening_tcp(config.listen)))
        yield services, listeners


class Daemon:
    """One run of the daemon, with what `opened` gave."""

    def __init__(self, services: Services, config: Config, config_file: Path) -> None:
        self._services = services
        self._config = config
        self._config_file = config_file
        self._end = trio.Event()

    def shut_down(self) -> None:
        """End `run`, in order."""
        self._end.set()

    async def run(
        self,
        listeners: Sequence[socket.socket],
        task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """Serve until `shut_down` or a cancellation. Jobs that run are left to the next daemon."""
        config, services = self._config, self._services
        open_link = link_opener(services.store.controller_id(), config.name, services.security)
        async with trio.open_nursery() as nursery:
            bridges = Bridges(
                services.for_bridges(open_link, peeker(services.security)), services.events, nursery
            )
            bridges.configure(config.bridges)
            bridges.take_up(services.jobs.take_up())
            if config.mdns:
                nursery.start_soon(browse, config.interfaces, bridges.announced, bridges.withdrawn)
            renewals = Renewals(bridges, services.security, config.name)
            nursery.start_soon(renewals.run)
            server = HttpServer(self._app(bridges, renewals), listeners)
            nursery.start_soon(server.serve)
            task_status.started()
            await self._end.wait()
            nursery.cancel_scope.cancel()

    def _app(self, bridges: Bridges, renewals: Renewals) -> ASGIApp:
        services = self._services
        ours = version("stmota")
        about = DaemonRoutes(_greeting(ours), self.shut_down)
        routes = [
            *about.routes(),
            *BridgeRoutes(bridges, self._config_file).routes(),
            *SecurityRoutes(bridges, services.security, renewals, self._config.name).routes(),
            *AuthorityRoutes(services.security, renewals).routes(),
            *FirmwareRoutes(services.firmware).routes(),
            *JobRoutes(services.jobs, bridges, services.firmware, services.traces).routes(),
            *EventRoutes(bridges, services.logs, services.events).routes(),
        ]
        about.description = openapi(routes, ours)
        return make_app(routes, ours)


def _greeting(ours: str) -> DaemonGreeting:
    return DaemonGreeting(
        product=PRODUCT,
        version=ours,
        api_version=API_VERSION,
        pid=os.getpid(),
        uid=os.getuid(),
        started_at=time.time(),
    )
