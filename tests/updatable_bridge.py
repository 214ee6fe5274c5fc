"""A bridge in this process whose firmware can be updated, and what becomes of a new one as a test directs.

Import as `from updatable_bridge import …`; `lab.py` has the daemon around it.
"""

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import replace

import trio

from lab import LabBridge
from stmota_daemon.link import LinkLost
from stmota_edge.soft_settings import SoftSettings, SoftUpkeep
from stmota_protocol.esp_image import read_esp_image
from stmota_protocol.steps import UartSettings
from stmota_protocol.upkeep import (
    FirmwareTrial,
    FromBridge,
    FromController,
    NetworkRights,
    Restart,
    SettingsAnswer,
    SettingsVerdict,
    UpdateBegin,
    UpdateCancel,
    UpdateData,
    UpdateFinish,
    UpdateState,
    UpdateStatus,
)
from stmota_simulator.board import VirtualBoard

AHEAD_BYTES = 8192
"""As the C core grants."""


class Slot(SoftUpkeep):
    """Takes an image and keeps it, as R63 to R67 say; `at` is called with how many bytes have come."""

    def __init__(self, at: Callable[[int], None]) -> None:
        super().__init__(SoftSettings("lab", UartSettings()))
        self.image = bytearray()
        self.is_written = False
        self._at = at
        self._begin = UpdateBegin(0, b"")

    def rights(self, *, is_tls: bool) -> NetworkRights:
        return NetworkRights.UPDATE

    def answer(self, message: FromController, rights: NetworkRights, batches_under_way: int) -> FromBridge:
        match message:
            case Restart():
                self.restart_wanted.set()
                return SettingsAnswer(SettingsVerdict.DONE, "", "")
            case UpdateBegin():
                self._begin = message
                self.image.clear()
            case UpdateData():
                self.image += message.data
                self._at(len(self.image))
            case UpdateFinish():
                self.is_written = hashlib.sha256(self.image).digest() == self._begin.sha256
                return UpdateStatus(
                    UpdateState.WRITTEN if self.is_written else UpdateState.REFUSED, len(self.image), ""
                )
            case UpdateCancel():
                self.image.clear()
                return UpdateStatus(UpdateState.NONE, self._begin.length, "")
            case _:
                return super().answer(message, rights, batches_under_way)
        granted = min(len(self.image) + AHEAD_BYTES, self._begin.length)
        return UpdateStatus(UpdateState.RECEIVING, granted, "")


Fate = Callable[["UpdatableBridge", str], Awaitable[None]]
"""What happens from a restart on, with the version that was written."""


async def works(bridge: "UpdatableBridge", version: str) -> None:
    """The new firmware starts."""
    bridge.boot(version, FirmwareTrial.UNDER_WAY)


async def crashes(bridge: "UpdatableBridge", version: str) -> None:
    """The new firmware starts and ends, and the one before is back within seconds."""
    await trio.sleep(5)
    bridge.boot(bridge.version, FirmwareTrial.FAILED)


async def reaches_nobody(bridge: "UpdatableBridge", version: str) -> None:
    """The new firmware runs and finds no network, for the time of its trial."""
    await trio.sleep(600)
    bridge.boot(bridge.version, FirmwareTrial.FAILED)


async def is_gone(bridge: "UpdatableBridge", version: str) -> None:
    """Nothing starts."""


class UpdatableBridge:
    """One bridge over its restarts."""

    def __init__(self, board: VirtualBoard, nursery: trio.Nursery, version: str = "1.0.0") -> None:
        self.version = version
        self.fate: Fate = works
        self.at: Callable[[int], None] = lambda _: None
        self.restarts = 0
        self.now: LabBridge | None = None
        """The bridge of this boot; None between two."""
        self._board = board
        self._nursery = nursery
        self.first = self.boot(version, FirmwareTrial.NONE)
        """The bridge of the first boot: by its id a daemon knows them all."""

    def boot(self, version: str, trial: FirmwareTrial) -> LabBridge:
        """Start a firmware."""
        bridge = LabBridge(self._board)
        slot = Slot(self._came)
        bridge.upkeep = slot
        bridge.identity = replace(
            bridge.identity, firmware=version, trial=trial, project="stmota_bridge", chip="esp32"
        )
        self.version, self.now = version, bridge
        self._nursery.start_soon(self._run, bridge, slot)
        return bridge

    def connect(self, _: LabBridge, nursery: trio.Nursery) -> trio.abc.Stream:
        """Connect to the bridge of this boot. Raises `LinkLost`."""
        if self.now is None:
            message = "nobody is there"
            raise LinkLost(message)
        return self.now.connect(nursery)

    def _came(self, count: int) -> None:
        self.at(count)

    async def _run(self, bridge: LabBridge, slot: Slot) -> None:
        await bridge.run()
        self.now = None
        self.restarts += 1
        if slot.is_written:
            await self.fate(self, read_esp_image(bytes(slot.image)).version)
        else:
            self.boot(self.version, FirmwareTrial.NONE)
