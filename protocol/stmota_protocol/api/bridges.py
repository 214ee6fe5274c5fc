"""Bridges: what the daemon knows of them, where they are, and how they are added and secured."""

from enum import Enum, unique

from stmota_protocol.api.problems import Problem
from stmota_protocol.api.wire import Wire


@unique
class BridgeState(Enum):
    """What a bridge is doing, as far as the daemon can tell."""

    CONNECTING = "connecting"
    IDLE = "idle"
    BUSY = "busy"
    """A job other than a flash runs."""
    FLASHING = "flashing"
    HELD = "held"
    """Another controller holds it."""
    UNREACHABLE = "unreachable"


@unique
class BridgeOrigin(Enum):
    """How the daemon knows of a bridge."""

    MDNS = "mdns"
    STATIC = "static"
    SERIAL = "serial"


@unique
class SecureState(Enum):
    """Whether a bridge is in secure mode, and by whom."""

    PLAIN = "plain"
    OURS = "ours"
    """Secured by this daemon: it is spoken to by TLS only."""
    OTHERS = "others"
    """Secured, and not by a CA of this daemon's."""


class Bridge(Wire, frozen=True):
    """One bridge, as `discover` shows it."""

    id: str | None
    """Unique id in hex; None while a static bridge has not been reached yet."""
    name: str
    origins: tuple[BridgeOrigin, ...]
    address: str
    """`host:port`, or the serial URL."""
    state: BridgeState
    firmware: str | None = None
    protocol: str | None = None
    round_trip_ms: float | None = None
    holder: str | None = None
    chip: str | None = None
    """Once known: what the last job found, e.g. `STM32F103 medium density (0x410)`."""
    job: str | None = None
    """Id of the job that runs."""
    queued_jobs: int = 0
    problem: Problem | None = None
    """Why it is unreachable or held."""
    secure: SecureState | None = None
    """None: not known yet, or a serial port of the daemon's machine."""


class NetworkPlace(Wire, frozen=True, tag="network", tag_field="kind"):
    """A static bridge on the network."""

    host: str
    port: int


class SerialPlace(Wire, frozen=True, tag="serial", tag_field="kind"):
    """A serial port of the daemon's machine. `reset` and `boot0` are `rts`, `dtr`, `!rts`, `!dtr` or None."""

    url: str
    reset: str | None = None
    boot0: str | None = None


class AddBridge(Wire, frozen=True):
    """`POST /v1/bridges`: add a bridge to the daemon's configuration."""

    name: str
    place: NetworkPlace | SerialPlace
