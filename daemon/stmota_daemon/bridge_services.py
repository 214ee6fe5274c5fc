"""What all bridges' tasks share: the daemon's state, the works, and the ways to an edge."""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import TypeAlias

from stmota_daemon.bridge_peek import Peeked
from stmota_daemon.console_log import ConsoleLogs
from stmota_daemon.jobs import JobRegistry
from stmota_daemon.link import Link
from stmota_daemon.store import Place, Store
from stmota_daemon.trace_store import TraceStore
from stmota_daemon.work_orders import Work
from stmota_protocol.api import JobKind
from stmota_protocol.steps import EdgeIdentity, UartSettings

OpenLink: TypeAlias = Callable[
    [Place, str | None, Callable[[EdgeIdentity], int], UartSettings], AbstractAsyncContextManager[Link]
]
"""Opens a link to the edge at a place, of that id in hex if it is known; the callable tells the console
position wanted of that edge, the
settings are the console's, for a port that does not keep them itself.

Raises `LinkError` only, on entering and on leaving; what the callable raises comes through.
"""

Peek: TypeAlias = Callable[[Place, str | None], Awaitable[Peeked]]
"""Looks at the edge at a place, of that id if it is known, without a hello. Raises `LinkError`."""


@dataclass(frozen=True, slots=True)
class BridgeServices:
    """What all bridges' tasks share."""

    store: Store
    jobs: JobRegistry
    logs: ConsoleLogs
    traces: TraceStore
    works: Mapping[JobKind, Work]
    open_link: OpenLink
    peek: Peek
    is_secured: Callable[[Place, str | None], bool] = lambda _place, _id: False
    """Whether the bridge at a place, of that id if it is known, is secured by this daemon."""
