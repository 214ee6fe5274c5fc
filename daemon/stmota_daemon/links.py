"""Which kind of link leads to a place, and how to look at what is there."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager

import trio

from stmota_daemon.bridge_link import BridgeAddress, open_bridge_link
from stmota_daemon.bridge_peek import Peeked, peek_at_bridge
from stmota_daemon.bridge_services import OpenLink, Peek
from stmota_daemon.link import Link, LinkLost, SecuredElsewhere
from stmota_daemon.security import Security
from stmota_daemon.serial_link import open_serial_link
from stmota_daemon.store import Place
from stmota_edge.open_port import PortAddress
from stmota_protocol.api import NetworkPlace, SerialPlace
from stmota_protocol.steps import EdgeIdentity, UartSettings

MOST_PEEKS_AT_ONCE = 16
"""Sockets and name look-ups (a thread each) that looking may take, however many bridges are announced."""


def link_opener(controller_id: bytes, controller_name: str, security: Security) -> OpenLink:
    """Return what opens links for a daemon of that id and name; to secured bridges by TLS only."""

    @asynccontextmanager
    async def open_network(
        place: NetworkPlace, bridge_id: str | None, console_from: Callable[[EdgeIdentity], int]
    ) -> AsyncGenerator[Link]:
        address = BridgeAddress(place.host, place.port)

        wanted = security.wanted(place, bridge_id)

        def checked(identity: EdgeIdentity) -> int:
            security.check(identity, wanted)
            return console_from(identity)

        def opened(where: trio.abc.Stream | BridgeAddress) -> AbstractAsyncContextManager[Link]:
            return open_bridge_link(where, controller_id, controller_name, console_from=checked)

        async with AsyncExitStack() as stack:
            where = address if wanted is None else await security.connect(address, wanted)
            try:
                link = await stack.enter_async_context(opened(where))
            except SecuredElsewhere:
                wanted, where = await security.adopt(address, bridge_id)
                link = await stack.enter_async_context(opened(where))
            yield link

    def open_link(
        place: Place,
        bridge_id: str | None,
        console_from: Callable[[EdgeIdentity], int],
        console: UartSettings,
    ) -> AbstractAsyncContextManager[Link]:
        if isinstance(place, SerialPlace):
            port = PortAddress(place.url, place.reset, place.boot0)
            return open_serial_link(port, name=place.url, console=console, console_from=console_from)
        return open_network(place, bridge_id, console_from)

    return open_link


def peeker(
    security: Security,
    peek_at: Callable[[trio.abc.Stream | BridgeAddress], Awaitable[Peeked]] = peek_at_bridge,
) -> Peek:
    """Return what looks at bridges, at a few of them at a time."""
    at_once = trio.Semaphore(MOST_PEEKS_AT_ONCE)

    async def peek(place: Place, bridge_id: str | None) -> Peeked:
        if isinstance(place, SerialPlace):
            message = "a serial port cannot be looked at without opening it"
            raise LinkLost(message)
        async with at_once:
            address = BridgeAddress(place.host, place.port)
            wanted = security.wanted(place, bridge_id)
            try:
                where = address if wanted is None else await security.connect(address, wanted)
                peeked = await peek_at(where)
            except SecuredElsewhere:
                wanted, where = await security.adopt(address, bridge_id)
                peeked = await peek_at(where)
            security.check(peeked.identity, wanted)
            return peeked

    return peek
