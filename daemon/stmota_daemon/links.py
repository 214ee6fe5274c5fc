"""Which kind of link leads to a place."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from stmota_daemon.bridge_link import BridgeAddress, open_bridge_link
from stmota_daemon.bridge_task import OpenLink
from stmota_daemon.link import Link
from stmota_daemon.serial_link import open_serial_link
from stmota_daemon.store import Place
from stmota_edge.open_port import PortAddress
from stmota_protocol.api import SerialPlace
from stmota_protocol.steps import EdgeIdentity


def link_opener(controller_id: bytes, controller_name: str) -> OpenLink:
    """Return what opens links for a daemon of that id and name."""

    def open_link(
        place: Place, console_from: Callable[[EdgeIdentity], int]
    ) -> AbstractAsyncContextManager[Link]:
        if isinstance(place, SerialPlace):
            port = PortAddress(place.url, place.reset, place.boot0)
            return open_serial_link(port, name=place.url, console_from=console_from)
        address = BridgeAddress(place.host, place.port)
        return open_bridge_link(address, controller_id, controller_name, console_from=console_from)

    return open_link
