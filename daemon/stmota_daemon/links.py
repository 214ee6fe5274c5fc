"""Which kind of link leads to a place, and how to look at what is there."""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager

import trio

from stmota_daemon.bridge_link import BridgeAddress, open_bridge_link
from stmota_daemon.bridge_peek import Peeked, peek_at_bridge
from stmota_daemon.bridge_services import OpenLink, Peek
from stmota_daemon.link import Link, LinkLost
from stmota_daemon.serial_link import open_serial_link
from stmota_daemon.store import Place
from stmota_edge.open_port import PortAddress
from stmota_protocol.api import SerialPlace
from stmota_protocol.steps import EdgeIdentity, UartSettings

MOST_PEEKS_AT_ONCE = 16
"""Sockets and name look-ups (a thread each) that looking may take, however many bridges are announced."""


def link_opener(controller_id: bytes, controller_name: str) -> OpenLink:
    """Return what opens links for a daemon of that id and name."""

    def open_link(
        place: Place, console_from: Callable[[EdgeIdentity], int], console: UartSettings
    ) -> AbstractAsyncContextManager[Link]:
        if isinstance(place, SerialPlace):
            port = PortAddress(place.url, place.reset, place.boot0)
            return open_serial_link(port, name=place.url, console=console, console_from=console_from)
        address = BridgeAddress(place.host, place.port)
        return open_bridge_link(address, controller_id, controller_name, console_from=console_from)

    return open_link


def peeker(peek_at: Callable[[BridgeAddress], Awaitable[Peeked]] = peek_at_bridge) -> Peek:
    """Return what looks at bridges, at a few of them at a time."""
    at_once = trio.Semaphore(MOST_PEEKS_AT_ONCE)

    async def peek(place: Place) -> Peeked:
        if isinstance(place, SerialPlace):
            message = "a serial port cannot be looked at without opening it"
            raise LinkLost(message)
        async with at_once:
            return await peek_at(BridgeAddress(place.host, place.port))

    return peek
