"""From a port's URL and wiring to an executor that works."""

import hashlib
import platform
from dataclasses import dataclass
from pathlib import Path

import trio

from stmota_edge.executor import AsyncExecutor, Executor
from stmota_edge.wiring import Wiring
from stmota_protocol.limits import UNIQUE_ID_BYTES

MACHINE_ID_FILES = (Path("/etc/machine-id"), Path("/var/lib/dbus/machine-id"))


@dataclass(frozen=True, slots=True)
class PortAddress:
    """A serial port: what pyserial opens, and which modem lines drive NRST and BOOT0.

    `reset` and `boot0` are `rts`, `dtr`, `!rts`, `!dtr` or None.
    """

    url: str
    reset: str | None = None
    boot0: str | None = None


async def open_executor(address: PortAddress) -> Executor:
    """Open a port without resetting the board; the caller closes it.

    Raises `PortFailed` (missing, busy, refused) and `PortUnsupported` (bad URL or wiring), said so that a
    person knows what to do.
    """
    wiring = Wiring.parse(address.reset, address.boot0)
    if "://" in address.url:
        from stmota_edge.thread_executor import ThreadExecutor  # noqa: PLC0415  (pyserial loads slowly)
        from stmota_edge.threaded_port import ThreadedPort  # noqa: PLC0415

        return ThreadExecutor(await trio.to_thread.run_sync(ThreadedPort, address.url, wiring))
    from stmota_edge.posix_port import PosixPort  # noqa: PLC0415

    return AsyncExecutor(await trio.to_thread.run_sync(PosixPort, address.url, wiring))


def unique_id_of(url: str) -> bytes:
    """The unique id of a bridge made of a port: stays the same for this machine and this port."""
    machine = next((path.read_text() for path in MACHINE_ID_FILES if path.is_file()), platform.node())
    return hashlib.blake2b(f"{machine.strip()}\0{url}".encode(), digest_size=UNIQUE_ID_BYTES).digest()
