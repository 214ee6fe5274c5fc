"""What is known of one bridge, from the configuration, from mDNS, from the link and from earlier."""

from dataclasses import dataclass

from stmota_daemon.announcements import Announcement
from stmota_daemon.config import BridgeConfig
from stmota_daemon.peer_text import MAX_NAME, MAX_VERSION, cleaned
from stmota_daemon.store import Place
from stmota_protocol.api import BridgeOrigin, NetworkPlace, SerialPlace
from stmota_protocol.steps import EdgeIdentity


@dataclass(slots=True)
class KnownBridge:
    """One bridge. At least one of `config` (with a place), `announcement` and `last_place` is there."""

    config: BridgeConfig | None = None
    announcement: Announcement | None = None
    last_place: Place | None = None
    """Where an earlier daemon reached it."""
    last_name: str = ""
    id: str | None = None
    identity: EdgeIdentity | None = None
    spoken_protocol: str | None = None
    """Version of the bridge protocol, as it said itself."""
    chip: str | None = None
    _attempt: int = 0

    @property
    def name(self) -> str:
        """The configured name before the announced one, the one last known, what it said itself."""
        if self.config is not None:
            return self.config.name
        if self.announcement is not None:
            return self.announcement.name
        if self.last_name or self.identity is None:
            return self.last_name
        return cleaned(self.identity.name, MAX_NAME)

    @property
    def place(self) -> Place:
        """Where to reach it."""
        if self.config is not None and self.config.place is not None:
            return self.config.place
        if self.announcement is not None:
            addresses = self.announcement.addresses
            return NetworkPlace(host=addresses[self._attempt % len(addresses)], port=self.announcement.port)
        if self.last_place is None:
            message = f"the bridge {self.name} has no place"
            raise ValueError(message)
        return self.last_place

    @property
    def places(self) -> int:
        """At how many places it may be."""
        has_own_place = self.config is not None and self.config.place is not None
        return 1 if has_own_place or self.announcement is None else len(self.announcement.addresses)

    def next_place(self) -> Place:
        """Where to try after a failure: the announced addresses in turn."""
        self._attempt += 1
        return self.place

    @property
    def address(self) -> str:
        """`host:port`, or the serial URL."""
        return place_text(self.place)

    @property
    def origins(self) -> tuple[BridgeOrigin, ...]:
        """How it is known."""
        origins: list[BridgeOrigin] = []
        if self.config is not None:
            is_serial = isinstance(self.config.place, SerialPlace)
            origins.append(BridgeOrigin.SERIAL if is_serial else BridgeOrigin.STATIC)
        if self.announcement is not None:
            origins.append(BridgeOrigin.MDNS)
        return tuple(origins)

    @property
    def firmware(self) -> str | None:
        """Version of its firmware."""
        if self.identity is not None:
            return cleaned(self.identity.firmware, MAX_VERSION)
        return self.announcement.firmware if self.announcement else None

    @property
    def protocol(self) -> str | None:
        """Version of the bridge protocol that it speaks."""
        return self.spoken_protocol or (self.announcement.protocol if self.announcement else None)

    @property
    def expected_id(self) -> str | None:
        """The id that must answer at its place; None if any may."""
        if self.config is not None:
            return self.config.id
        return self.id


def place_text(place: Place) -> str:
    """Return a place as people write it."""
    if isinstance(place, SerialPlace):
        return place.url
    return f"[{place.host}]:{place.port}" if ":" in place.host else f"{place.host}:{place.port}"
