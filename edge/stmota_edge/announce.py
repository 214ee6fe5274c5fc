"""Announcing a bridge by mDNS. A convenience: where it does not work, a static address does."""

import logging
import socket
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from ipaddress import ip_address
from typing import TypeAlias

import trio
from zeroconf import Error as ZeroconfError
from zeroconf import InterfaceChoice, ServiceInfo, Zeroconf

from stmota_protocol.frames import MAJOR, MINOR
from stmota_protocol.messages import MDNS_SERVICE
from stmota_protocol.steps import EdgeIdentity

logger = logging.getLogger(__name__)

MAX_INSTANCE_BYTES = 63
"""One label (RFC 6763 §4.1.1)."""
WITHDRAW_WITHIN_S = 2.0
"""For the goodbye, sent three times an eighth of a second apart, and zeroconf's thread to end."""
DOCUMENTATION = ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1"))
"""Addresses that are elsewhere and nobody's (RFC 5737, RFC 3849)."""


def instance_name(identity: EdgeIdentity) -> str:
    """The service's instance: the bridge's name and its id, so that two of one name are two."""
    suffix = f" {identity.unique_id.hex()}"
    room = MAX_INSTANCE_BYTES - len(suffix)
    return identity.name.encode()[:room].decode(errors="ignore") + suffix


def service_info(identity: EdgeIdentity, host: str, port: int, *, is_secured: bool = False) -> ServiceInfo:
    """What is announced for a bridge that listens at `host`, an address; the unspecified one means all."""
    bridge_id = identity.unique_id.hex()
    texts = {
        "name": identity.name,
        "id": bridge_id,
        "protocol": f"{MAJOR}.{MINOR}",
        "firmware": identity.firmware,
        "secure": "1" if is_secured else "0",
    }
    return ServiceInfo(
        MDNS_SERVICE,
        f"{instance_name(identity)}.{MDNS_SERVICE}",
        port=port,
        properties=texts,
        server=f"stmota-{bridge_id}.local.",
        parsed_addresses=_addresses(host),
    )


TellSecured: TypeAlias = Callable[[bool], Awaitable[None]]
"""Announces whether the bridge is in secure mode, where that has changed."""


@asynccontextmanager
async def announced(
    identity: EdgeIdentity, host: str, port: int, *, is_secured: bool = False
) -> AsyncGenerator[TellSecured, None]:
    """Announce a bridge that listens at `host` (an address) and `port` while the body runs.

    On the loopback interface only, when it listens there. Where multicast does not work, a warning is
    logged, and the body runs all the same.
    """
    info = service_info(identity, host, port, is_secured=is_secured)
    zeroconf = await trio.to_thread.run_sync(_announce, info, host)

    async def tell_secured(is_secured: bool) -> None:
        nonlocal info
        news = service_info(identity, host, port, is_secured=is_secured)
        if zeroconf is not None and news.properties != info.properties:
            info = news
            await trio.to_thread.run_sync(zeroconf.update_service, news)

    try:
        yield tell_secured
    finally:
        if zeroconf is not None:
            with trio.move_on_after(WITHDRAW_WITHIN_S, shield=True):
                await trio.to_thread.run_sync(_withdraw, zeroconf, abandon_on_cancel=True)


def _announce(info: ServiceInfo, host: str) -> Zeroconf | None:
    address = ip_address(host)
    zeroconf: Zeroconf | None = None
    try:
        zeroconf = Zeroconf(InterfaceChoice.All if address.is_unspecified else [host])
        # The id is in the name, so there is nobody to ask whether it is taken.
        zeroconf.register_service(info, cooperating_responders=True)
    except (OSError, ZeroconfError, ValueError) as error:
        logger.warning("cannot announce this bridge by mDNS: %s; give its address instead", error)
        if zeroconf is not None:
            zeroconf.close()
        return None
    return zeroconf


def _withdraw(zeroconf: Zeroconf) -> None:
    zeroconf.unregister_all_services()
    zeroconf.close()


def _addresses(host: str) -> list[str]:
    """The addresses a bridge at `host` can be reached at from elsewhere."""
    if not ip_address(host).is_unspecified:
        return [host]
    return [address for target in DOCUMENTATION if (address := _own_address(target))] or ["127.0.0.1"]


def _own_address(target: tuple[socket.AddressFamily, str]) -> str | None:
    """The address this machine would speak to `target` from; nothing is sent."""
    family, address = target
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((address, 9))
        except OSError:
            return None
        return str(probe.getsockname()[0])
