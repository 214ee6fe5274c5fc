"""A daemon's links to secured bridges, over real TCP: for tests."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import trio

from scripted_port import ScriptedPort
from stmota_daemon.bridge_link import BridgeAddress
from stmota_daemon.link import LinkError
from stmota_daemon.links import link_opener
from stmota_daemon.security import Security
from stmota_edge.secure_mode import SecureMode
from stmota_edge.soft_bridge import SoftBridge
from stmota_protocol.api import NetworkPlace
from stmota_protocol.steps import UartSettings

ID = bytes.fromhex("00112233445566aa")
WITHIN_S = 30.0


@asynccontextmanager
async def served(bridge: SoftBridge, port: int = 0) -> AsyncGenerator[NetworkPlace]:
    listeners = await trio.open_tcp_listeners(port, host="127.0.0.1")
    with trio.fail_after(WITHIN_S):
        async with trio.open_nursery() as nursery:
            await nursery.start(bridge.serve, listeners)
            yield NetworkPlace(host="127.0.0.1", port=listeners[0].socket.getsockname()[1])
            nursery.cancel_scope.cancel()


def bridge_of(file: Path, unique_id: bytes = ID) -> SoftBridge:
    mode = SecureMode(file, unique_id, lambda _: None)
    return SoftBridge(ScriptedPort(), name="lab", unique_id=unique_id, secure_mode=mode)


async def opened(security: Security, place: NetworkPlace, bridge_id: str | None) -> str:
    """Open a link; return who answered."""
    opener = link_opener(bytes(16), "lab", security)
    found = ""
    try:
        async with opener(place, bridge_id, lambda _: 0, UartSettings()) as link:
            found = link.identity.unique_id.hex()
    except* LinkError as group:
        raise group.exceptions[0] from None
    return found


def address_of(place: NetworkPlace) -> BridgeAddress:
    return BridgeAddress(place.host, place.port)


async def secured(security: Security, place: NetworkPlace) -> str:
    """Secure the bridge there; return its id."""
    address = address_of(place)
    asked = await security.fingerprint(address, "lab")
    done = await security.secure(address, "lab", asked.fingerprint)
    assert (done.identity, done.fingerprint) == (asked.identity, asked.fingerprint)
    return done.identity.unique_id.hex()
