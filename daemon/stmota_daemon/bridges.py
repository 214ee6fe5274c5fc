"""All bridges: what is configured, what mDNS tells and what answers, merged by unique id."""

import logging
import time
from collections.abc import Iterable

import trio

from stmota_daemon.announcements import Announcement
from stmota_daemon.api_error import refused
from stmota_daemon.bridge_known import KnownBridge
from stmota_daemon.bridge_lookup import find_bridge
from stmota_daemon.bridge_services import BridgeServices
from stmota_daemon.bridge_task import BridgeTask, BridgeWatcher
from stmota_daemon.config import BridgeConfig
from stmota_daemon.connector import WrongEdge
from stmota_daemon.job_states import Move
from stmota_daemon.subscription import DaemonEvents
from stmota_protocol.api import (
    Bridge,
    BridgeEvent,
    BridgeGone,
    Job,
    JobRequest,
    NetworkPlace,
    Problem,
    ProblemCode,
)
from stmota_protocol.steps import EdgeIdentity, UartSettings

logger = logging.getLogger(__name__)

MAX_JOBS_AHEAD = 100
"""Jobs that wait for one bridge; more is a script gone wild."""
MAX_BRIDGES = 1000
"""Bridges known at once: each is a task, and a look every minute; bounds what mDNS can make of us."""


class Bridges(BridgeWatcher):
    """The registry of bridges. Their tasks live in the nursery given, until it is cancelled."""

    def __init__(self, services: BridgeServices, events: DaemonEvents, nursery: trio.Nursery) -> None:
        self._services = services
        self._events = events
        self._nursery = nursery
        self._tasks: list[BridgeTask] = []
        self._settings: dict[str, BridgeConfig] = {}
        self._told: dict[BridgeTask, Bridge] = {}
        self._absorbed: dict[BridgeTask, BridgeTask] = {}

    @property
    def tasks(self) -> tuple[BridgeTask, ...]:
        """All bridges' tasks."""
        return tuple(self._tasks)

    # What people ask for.

    def snapshots(self) -> list[Bridge]:
        """All bridges, by name."""
        return sorted(
            (task.snapshot() for task in self._tasks), key=lambda bridge: (bridge.name, bridge.id or "")
        )

    def look(self) -> None:
        """Somebody asks how all are: look soon at those that are not held; events tell what is new."""
        for task in self._tasks:
            task.connector.look()

    def find(self, ref: str | None) -> BridgeTask:
        """Return the bridge of that name or id; None is the only one known. Raises `Refused`."""
        return find_bridge(self._tasks, ref)

    def submit(self, request: JobRequest) -> Job:
        """Make a job and put it into its bridge's queue. Raises `Refused`."""
        task = self.find(request.bridge)
        name = task.known.name
        if task.jobs_ahead and not request.wait:
            raise refused(
                ProblemCode.BUSY,
                f"the bridge {name} has a job at work",
                "wait for it, or leave out --no-wait",
            )
        if task.jobs_ahead >= MAX_JOBS_AHEAD:
            raise refused(
                ProblemCode.BUSY, f"{task.jobs_ahead} jobs wait for the bridge {name}", "cancel some of them"
            )
        job = self._services.jobs.create(request, name, task.known.id)
        task.enqueue(job)
        task.connector.urge()
        return job

    def cancel(self, job_id: str) -> None:
        """Cancel a job that has not ended; one whose bridge is gone ends at once."""
        for task in self._tasks:
            if task.owns(job_id):
                task.cancel(job_id)
                return
        self._services.jobs.move(job_id, Move.CANCEL)

    # What is known of bridges.

    def configure(self, configs: Iterable[BridgeConfig]) -> None:
        """Add configured bridges."""
        for config in configs:
            if config.place is None:
                self._settings[config.id or config.name] = config
            else:
                self.add(config)

    def add(self, config: BridgeConfig) -> BridgeTask:
        """Add a configured bridge; one that mDNS told of at that address is the same."""
        announced = self._at_place(config)
        task = self._start(KnownBridge(config=config, id=config.id))
        if announced is not None:
            self._absorb(announced, task)
        return task

    def is_configured(self, name: str) -> bool:
        """Whether a bridge of that name has its place in the configuration."""
        return any(task.known.config is not None and task.known.name == name for task in self._tasks)

    @staticmethod
    def check_removable(task: BridgeTask) -> None:
        """Raises `Refused` for a bridge that is not configured or has jobs."""
        if task.known.config is None:
            raise refused(
                ProblemCode.USAGE,
                f"the bridge {task.known.name} is not configured: it announces itself",
                "it leaves the list once it is off",
            )
        if task.jobs_ahead:
            raise refused(
                ProblemCode.BUSY, f"the bridge {task.known.name} has jobs", "wait for them, or cancel them"
            )

    def remove(self, task: BridgeTask) -> None:
        """Forget that a bridge is configured. It stays while mDNS tells of it."""
        announcement = task.known.announcement
        self._let_go(task)
        if announcement is not None:
            self._start(KnownBridge(announcement=announcement, id=announcement.id))

    def announced(self, announcement: Announcement) -> None:
        """MDNS tells of a bridge: a new one, or news of a known one."""
        task = self._by_id(announcement.id) or self._at_address(announcement)
        if task is not None:
            task.known.announcement = announcement
            task.connector.urge()
            self.changed(task)
        elif len(self._tasks) < MAX_BRIDGES:
            seen = self._services.store.bridge(announcement.id)
            self._start(
                KnownBridge(
                    announcement=announcement,
                    id=announcement.id,
                    chip=seen.chip if seen is not None else None,
                )
            )
        else:
            logger.warning("%d bridges are known: %s is ignored", MAX_BRIDGES, announcement.id)

    def withdrawn(self, instance: str) -> None:
        """MDNS tells that a bridge is gone. One that is still linked or has jobs stays until it is not."""
        for task in list(self._tasks):
            if task.known.announcement is not None and task.known.announcement.instance == instance:
                task.known.last_place, task.known.last_name = task.known.place, task.known.name
                task.known.announcement = None
                task.connector.look()
                self.changed(task)

    def take_up(self, jobs: list[Job]) -> None:
        """Queue the jobs that an earlier daemon left; bridges not known are sought where they were last."""
        for job in jobs:
            task = self._of_job(job)
            if task is not None:
                task.enqueue(job)
            else:
                self._services.jobs.move(job.id, Move.FAIL, problem=_bridge_gone(job))

    # What the tasks tell.

    def identified(self, task: BridgeTask, identity: EdgeIdentity) -> None:
        """An edge answered. Raises `WrongEdge` if it is another's, or known through another task."""
        found, known = identity.unique_id.hex(), task.known
        if task not in self._tasks:
            message = "this bridge is another's by now"
            raise WrongEdge(message)
        if known.expected_id is not None and known.expected_id != found:
            message = f"the bridge {found} answers there, not {known.expected_id}"
            raise WrongEdge(message)
        other = next((other for other in self._tasks if other is not task and other.known.id == found), None)
        if other is None:
            if known.chip is None and (seen := self._services.store.bridge(found)) is not None:
                known.chip = seen.chip
            return
        if known.config is not None and other.known.config is None:
            self._absorb(other, task)
            return
        if known.config is None:
            self._absorb(task, other)
        message = f"it is the same as the bridge {other.known.name} ({found})"
        raise WrongEdge(message)

    def changed(self, task: BridgeTask) -> None:
        """Publish what is new, and let go of what nothing tells of any more."""
        if task not in self._tasks:
            return
        bridge = task.snapshot()
        if not bridge.origins and task.is_idle_and_unlinked and task.connector.trouble is not None:
            self._let_go(task)
            return
        if self._told.get(task) != bridge:
            self._told[task] = bridge
            self._events.publish(BridgeEvent(at=time.time(), bridge=bridge))

    def stopped(self, task: BridgeTask, unfinished: list[str]) -> None:
        """Give the jobs of a task that has ended to the one that took its place, or end them."""
        heir = self._absorbed.pop(task, None)
        for job_id in unfinished:
            job = self._services.jobs.move(job_id, Move.RESTART)
            if heir is not None:
                self._services.jobs.rename(job_id, heir.known.name, heir.known.id)
                heir.enqueue(job)
            else:
                self._services.jobs.move(job_id, Move.FAIL, problem=_bridge_gone(job))

    def console_settings(self, task: BridgeTask) -> UartSettings:
        """How a bridge's target talks: as configured for it, or for its id, or for its name; 115200 8N1."""
        known = task.known
        candidates = (known.config, self._settings.get(known.id or ""), self._settings.get(known.name))
        return next(
            (c.console for c in candidates if c is not None and c.console is not None), UartSettings()
        )

    # Inside.

    def _start(self, known: KnownBridge) -> BridgeTask:
        task = BridgeTask(known, self._services, self)
        self._tasks.append(task)
        self._nursery.start_soon(task.run)
        self.changed(task)
        return task

    def _absorb(self, task: BridgeTask, heir: BridgeTask) -> None:
        """Two tasks are one bridge: the heir goes on, with what the other knew and had to do."""
        logger.info("%s and %s are one bridge", task.known.name, heir.known.name)
        heir.known.announcement = heir.known.announcement or task.known.announcement
        heir.known.chip = heir.known.chip or task.known.chip
        self._absorbed[task] = heir
        self._let_go(task)
        self.changed(heir)

    def _let_go(self, task: BridgeTask) -> None:
        task.stop()
        self._tasks.remove(task)
        self._told.pop(task, None)
        self._events.publish(BridgeGone(at=time.time(), id=task.known.id, name=task.known.name))

    def _by_id(self, bridge_id: str) -> BridgeTask | None:
        return next((task for task in self._tasks if task.known.id == bridge_id), None)

    def _at_place(self, config: BridgeConfig) -> BridgeTask | None:
        """The bridge of mDNS that a configured one is, as far as its id or its address tells."""
        for task in self._tasks:
            announcement = task.known.announcement
            if announcement is None or task.known.config is not None:
                continue
            if announcement.id == config.id or _is_at(announcement, config):
                return task
        return None

    def _at_address(self, announcement: Announcement) -> BridgeTask | None:
        """The configured bridge of unknown id that stands at an announced address."""
        for task in self._tasks:
            config = task.known.config
            if config is not None and task.known.id is None and _is_at(announcement, config):
                return task
        return None

    def _of_job(self, job: Job) -> BridgeTask | None:
        for task in self._tasks:
            if (job.bridge_id is not None and task.known.id == job.bridge_id) or (
                task.known.config is not None and task.known.name == job.bridge
            ):
                return task
        seen = self._services.store.bridge(job.bridge_id) if job.bridge_id else None
        if seen is None:
            return None
        return self._start(
            KnownBridge(last_place=seen.place, last_name=seen.name, id=seen.id, chip=seen.chip)
        )


def _is_at(announcement: Announcement, config: BridgeConfig) -> bool:
    place = config.place
    return (
        isinstance(place, NetworkPlace)
        and place.port == announcement.port
        and place.host in announcement.addresses
    )


def _bridge_gone(job: Job) -> Problem:
    return Problem(
        code=ProblemCode.UNKNOWN_BRIDGE,
        message=f"the bridge {job.bridge} is not known any more",
        remedy="`stmota discover` shows what is there",
    )
