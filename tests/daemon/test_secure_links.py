"""Links to secured bridges: nothing is said to what speaks plain, or has another certificate."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio

from scripted_port import ScriptedPort
from stmota_daemon.authority import Authority
from stmota_daemon.bridge_link import BridgeAddress
from stmota_daemon.bridge_peek import peek_at_bridge
from stmota_daemon.link import LinkError
from stmota_daemon.links import link_opener, peeker
from stmota_daemon.security import NotSecure, NotSecured, Security
from stmota_daemon.store import Store
from stmota_edge.secure_mode import SecureMode
from stmota_edge.soft_bridge import SoftBridge
from stmota_protocol.api import NetworkPlace
from stmota_protocol.steps import UartSettings

ID = bytes.fromhex("00112233445566aa")
WITHIN_S = 30.0


@asynccontextmanager
async def served(bridge: SoftBridge) -> AsyncGenerator[NetworkPlace]:
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
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


@pytest.fixture
def security(tmp_path: Path) -> Security:
    (tmp_path / "state").mkdir()
    return Security(Store(tmp_path / "state"), tmp_path / "ca")


async def secured(security: Security, place: NetworkPlace) -> str:
    address = BridgeAddress(place.host, place.port)
    found, fingerprint = await security.fingerprint(address, "lab")
    assert await security.secure(address, "lab", fingerprint) == (found, fingerprint)
    return found


@pytest.mark.rule("R54", "R72")
async def test_a_secured_bridge_is_linked_and_looked_at_inside_tls(
    security: Security, tmp_path: Path
) -> None:
    async with served(bridge_of(tmp_path / "bridge.pem")) as place:
        bridge_id = await secured(security, place)
        assert await opened(security, place, bridge_id) == ID.hex()
        assert (await peeker(security)(place, bridge_id)).identity.unique_id == ID


@pytest.mark.rule("R54")
@pytest.mark.parametrize("is_known", [True, False], ids=["id known", "id unknown"])
async def test_what_speaks_plain_under_a_secured_id_gets_no_hello(
    security: Security, tmp_path: Path, is_known: bool
) -> None:
    async with served(bridge_of(tmp_path / "bridge.pem")) as place:
        await secured(security, place)
    fake = bridge_of(tmp_path / "fake.pem")
    async with served(fake) as place:
        with pytest.raises(NotSecure):
            await opened(security, place, ID.hex() if is_known else None)
        assert (await peek_at_bridge(BridgeAddress(place.host, place.port))).holder == ""


@pytest.mark.rule("R72")
async def test_another_ca_s_bridge_and_another_bridge_of_this_ca_are_refused(
    security: Security, tmp_path: Path
) -> None:
    (tmp_path / "theirs").mkdir()
    theirs = Security(Store(tmp_path / "theirs"), tmp_path / "their-ca")
    async with served(bridge_of(tmp_path / "a.pem")) as place:
        bridge_id = await secured(theirs, place)
        Authority.of(tmp_path / "ca")
        with pytest.raises(NotSecure, match="what answers is not it: its certificate is not good"):
            await security.connect(BridgeAddress(place.host, place.port), bridge_id)
    async with served(bridge_of(tmp_path / "b.pem", bytes(8))) as place:
        await secured(security, place)
        with pytest.raises(NotSecure, match="the certificate of another bridge than 00112233445566aa"):
            await security.connect(BridgeAddress(place.host, place.port), ID.hex())


async def test_a_wrong_fingerprint_secures_nothing(security: Security, tmp_path: Path) -> None:
    async with served(bridge_of(tmp_path / "bridge.pem")) as place:
        with pytest.raises(NotSecured, match="another fingerprint: nothing was done"):
            await security.secure(BridgeAddress(place.host, place.port), "lab", "00" * 32)
        assert not security.is_secured(ID.hex())
        assert await opened(security, place, None) == ID.hex()


async def test_a_damaged_ca_is_told_and_ends_only_the_link(security: Security, tmp_path: Path) -> None:
    async with served(bridge_of(tmp_path / "bridge.pem")) as place:
        bridge_id = await secured(security, place)
        (tmp_path / "ca" / "ca.pem").write_text("damaged")
        with pytest.raises(NotSecure, match="the daemon's own certificates cannot be used"):
            await opened(security, place, bridge_id)
