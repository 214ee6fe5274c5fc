"""After the CA was rotated or imported: every secured bridge gets a certificate of the one that signs now.

One that cannot be reached, or is at work, waits, with the CA it has, and gets it later; a daemon that dies
goes on with those that wait.
"""

import logging
from collections.abc import Mapping

import trio

from stmota_daemon.bell import Bell
from stmota_daemon.bridge_link import BridgeAddress
from stmota_daemon.bridge_task import BridgeTask
from stmota_daemon.bridges import Bridges
from stmota_daemon.errors import DaemonError
from stmota_daemon.link import LinkError
from stmota_daemon.security import Security
from stmota_protocol.api import NetworkPlace

logger = logging.getLogger(__name__)

AGAIN_AFTER_S = 3.0
"""Between two passes while bridges wait: one that is back has its certificate soon after. Who is away costs
nothing in a pass."""
MOST_AT_ONCE = 16
"""Connections and signatures at a time, however many bridges there are."""
NOT_KNOWN = "it is not there"
NOT_REACHED = "it does not answer"
AT_WORK = "it has jobs"


class Renewals:
    """Renews certificates, under the daemon's name."""

    def __init__(self, bridges: Bridges, security: Security, name: str) -> None:
        self._bridges = bridges
        self._security = security
        self._name = name
        self._bell = Bell()
        self._at_once = trio.Semaphore(MOST_AT_ONCE)
        self._failures: dict[str, str] = {}

    def wake(self) -> None:
        """There may be something to renew."""
        self._bell.ring()

    async def run(self) -> None:
        """For ever."""
        while True:
            if self._waiting():
                await self.renew_all()
            with trio.move_on_after(AGAIN_AFTER_S if self._waiting() else float("inf")):
                await self._bell.wait()

    async def renew_all(self) -> None:
        """Try all that wait, once; a cancellation loses nothing."""
        tasks = self.tasks()
        async with trio.open_nursery() as nursery:
            for unique_id in self._waiting():
                if self.waits_for(tasks.get(unique_id)) is None:
                    nursery.start_soon(self._try, tasks[unique_id], unique_id)

    def reasons(self) -> dict[str, str]:
        """Return the ids, in hex, of the bridges that wait, and why each does."""
        tasks = self.tasks()
        return {
            one: self.waits_for(tasks.get(one)) or self._failures.get(one, "its turn")
            for one in self._waiting()
        }

    @staticmethod
    def waits_for(task: BridgeTask | None) -> str | None:
        """Return what a bridge waits for before it can be tried; None: nothing."""
        if task is None or not isinstance(task.known.place, NetworkPlace):
            return NOT_KNOWN
        if task.jobs_ahead:
            return AT_WORK
        return NOT_REACHED if task.connector.trouble is not None else None

    async def renew(self, task: BridgeTask, unique_id: str) -> str:
        """Renew one bridge's certificate; return its key's fingerprint. Raises `LinkError`, `DaemonError`."""
        place = task.known.place
        assert isinstance(place, NetworkPlace)  # noqa: S101 - a serial port is never secured
        async with task.attention:
            found = await self._security.renew(BridgeAddress(place.host, place.port), self._name, unique_id)
        self._failures.pop(unique_id, None)
        task.connector.urge()
        logger.info("%s: has a new certificate", task.label())
        return found.fingerprint

    async def _try(self, task: BridgeTask, unique_id: str) -> None:
        async with self._at_once:
            try:
                await self.renew(task, unique_id)
            except (LinkError, DaemonError, OSError) as error:
                logger.info("%s: keeps its certificate: %s", task.label(), error)
                self._failures[unique_id] = str(error)

    def _waiting(self) -> set[str]:
        try:
            return self._security.waiting()
        except (DaemonError, OSError) as error:
            logger.warning("the CA cannot be used: %s", error)
            return set()

    def tasks(self) -> Mapping[str, BridgeTask]:
        """Return the bridges that are known now of those that are secured, by their ids in hex."""
        found = ((self._security.wanted(one.known.place, one.known.id), one) for one in self._bridges.tasks)
        return {unique_id: task for unique_id, task in found if unique_id is not None}
