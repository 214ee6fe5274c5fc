"""A link: what the daemon's jobs see of an edge, wherever the edge is.

Two kinds exist and jobs cannot tell them apart: `bridge_link.BridgeLink` (a bridge on the network) and
`serial_link.SerialLink` (a serial port of this machine, executed in this process).
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stmota_protocol.frames import MAJOR, MINOR, ForeignVersion
from stmota_protocol.messages import Console, ConsoleGap
from stmota_protocol.steps import Batch, EdgeIdentity, Result, Unclaimed

if TYPE_CHECKING:
    from stmota_daemon.bridge_care import BridgeCare  # it raises this module's errors


class LinkError(Exception):
    """Root of what a link can raise."""


class LinkLost(LinkError):
    """The link is gone, and with it the results under way. What the edge did is to be found out."""


class LinkHeld(LinkError):
    """Another controller holds the bridge, or took it over."""

    def __init__(self, holder_name: str, held_for_s: float | None = None) -> None:
        self.holder_name = holder_name
        self.held_for_s = held_for_s
        """None: not told."""
        since = "" if held_for_s is None else f" for {held_for_s:.0f} s"
        super().__init__(f"held by {holder_name}{since}")


class NotSecure(LinkError):
    """What answers is not the secured bridge, or speaks plain; nothing was said to it."""

    def __init__(self, message: str, claimed: str | None = None) -> None:
        self.claimed = claimed
        """Id of the secured bridge, in hex, that what answers claims to be."""
        super().__init__(message)


class OtherVersion(LinkError):
    """The bridge speaks another major version of the protocol: one of the two has to be updated."""

    def __init__(self, foreign: ForeignVersion) -> None:
        self.is_bridge_newer = foreign.is_newer
        ours = f"{MAJOR}.{MINOR}"
        super().__init__(
            f"it speaks version {foreign.version} of the bridge protocol, and this daemon {ours}"
        )


class SecuredElsewhere(LinkError):
    """The bridge is in secure mode, and its certificate is of no CA of this daemon's."""

    def __init__(self) -> None:
        super().__init__("it is in secure mode, and was secured by another daemon than this")


class Run(ABC):
    """One run of batches, used by one task. Results come in the order of the batches."""

    @abstractmethod
    def has_room_for(self, batch: Batch) -> bool:
        """Whether the credit allows `submit(batch)` now. Always true when nothing is under way.

        Raises ValueError for a batch that no amount of waiting makes room for.
        """

    @abstractmethod
    def submit(self, batch: Batch) -> None:
        """Send a batch ahead; does not wait. Raises `LinkLost`."""

    @abstractmethod
    async def result(self) -> Result:
        """Wait for the oldest result not yet taken. Raises `LinkLost`. Cancellation loses none."""

    @abstractmethod
    def abort(self) -> None:
        """End the batch in hand at its next byte, skip the rest; their results still come. Never raises."""

    @abstractmethod
    def end(self) -> None:
        """No more batches: what the UART receives is console again. Never raises."""

    @property
    @abstractmethod
    def under_way(self) -> int:
        """Batches submitted whose results were not yet taken."""

    async def execute(self, batch: Batch) -> Result:
        """Submit one batch and wait for its result: lock step. Only when nothing is under way."""
        self.submit(batch)
        return await self.result()


@dataclass(frozen=True, slots=True)
class ClockMap:
    """How the edge's clock lies against the host's: `unix_s = edge_us / 1e6 + offset_s`."""

    offset_s: float
    round_trip_s: float

    def unix_s(self, edge_us: int) -> float:
        """Host time (seconds since the epoch) of an edge time."""
        return edge_us / 1e6 + self.offset_s


class Link(ABC):
    """A working connection to one edge; lives inside the `async with` of whoever opened it."""

    identity: EdgeIdentity
    clock: ClockMap

    @property
    def protocol(self) -> str | None:
        """Version of the bridge protocol that the bridge speaks; None: there is no bridge."""
        return None

    @property
    def care(self) -> "BridgeCare | None":
        """Who asks about the bridge itself; None: there is no bridge, only a serial port."""
        return None

    @property
    def answer_delay_us(self) -> int:
        """How much later than at the UART itself whoever executes batches sees an answer.

        A network's round trip where the port is behind one; else 0.
        """
        return 0

    @property
    @abstractmethod
    def has_ended(self) -> bool:
        """Whether all that is asked of it now raises `LinkLost`; console bytes may still be there to take."""

    @abstractmethod
    def begin_run(self, unclaimed: Unclaimed = Unclaimed.RESIDUE) -> Run:
        """Begin a run; an earlier one is over with it. Raises `LinkLost`."""

    @abstractmethod
    async def wait_for_console(self) -> None:
        """Return when console bytes are there. Raises `LinkLost` at the link's end, once all were taken."""

    @abstractmethod
    def take_console(self) -> Console | ConsoleGap | None:
        """The next console bytes, if they are there. Never raises."""

    @abstractmethod
    def acknowledge_console(self, position: int) -> None:
        """All bytes before `position` are stored: the edge may forget them."""
