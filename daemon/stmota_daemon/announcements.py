"""What bridges announce by mDNS: untrusted, capped, and cleaned before anything else sees it."""

from dataclasses import dataclass

from stmota_daemon.config import BRIDGE_ID
from stmota_daemon.peer_text import MAX_NAME, MAX_VERSION, cleaned

MAX_VALUE = 255
"""Bytes of one TXT string, its key included (RFC 6763 §6.1)."""
MAX_ADDRESSES = 8
"""Addresses kept of one bridge: an ESP32 has two or three."""


@dataclass(frozen=True, slots=True)
class Announcement:
    """One bridge as mDNS tells of it."""

    instance: str
    """The service's full name: by this it is withdrawn."""
    id: str
    name: str
    addresses: tuple[str, ...]
    port: int
    firmware: str | None
    protocol: str | None
    is_secured: bool | None = None
    """None: it does not say."""


def parse_announcement(
    instance: str, addresses: list[str], port: int | None, properties: dict[bytes, bytes | None]
) -> Announcement | None:
    """Return what a service announces; None if it is no bridge one could use (no id, no address)."""
    texts = {
        key.decode("utf-8", "replace").lower(): (value or b"")[:MAX_VALUE].decode("utf-8", "replace")
        for key, value in properties.items()
    }
    bridge_id = texts.get("id", "").lower()
    if not BRIDGE_ID.match(bridge_id) or not addresses or not port:
        return None
    name = texts.get("name") or instance.partition(".")[0]
    return Announcement(
        instance=instance,
        id=bridge_id,
        name=cleaned(name, MAX_NAME),
        addresses=tuple(addresses[:MAX_ADDRESSES]),
        port=port,
        firmware=cleaned(texts["firmware"], MAX_VERSION) if texts.get("firmware") else None,
        protocol=cleaned(texts["protocol"], MAX_VERSION) if texts.get("protocol") else None,
        is_secured={"0": False, "1": True}.get(texts.get("secure", "")),
    )
