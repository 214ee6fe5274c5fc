"""The messages that care for the bridge itself, since minor version 1: settings, restart, update.

They are part of `messages.Message`. Rules for people: BRIDGE_PROTOCOL.md, section 6.
"""

from dataclasses import dataclass
from enum import IntEnum, IntFlag, unique
from typing import TypeAlias

UPKEEP_MINOR = 1
"""A peer of a lower minor version knows none of these messages."""


class NetworkRights(IntFlag):
    """What the network may do to a bridge: provisioning's choice, told in its greeting."""

    NONE = 0
    SETTINGS = 1
    UPDATE = 2


@unique
class FirmwareTrial(IntEnum):
    """What became of the newest update of a bridge's firmware, as far as its greeting can tell."""

    NONE = 0
    """Nothing to tell: what runs is kept, or nobody knows."""
    UNDER_WAY = 1
    """What runs is new, and kept only once a controller is welcomed."""
    FAILED = 2
    """What was new was welcomed by nobody: the firmware before it runs again."""


class SettingFlags(IntFlag):
    """What there is to know of one setting; others may come."""

    NONE = 0
    SECRET = 1
    """Its value is not told, only `set` or `not set`."""
    PENDING = 2
    """The bridge still runs with another value: this one counts from its next start."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting as it is stored."""

    key: str
    value: str
    flags: SettingFlags = SettingFlags.NONE


@dataclass(frozen=True, slots=True)
class SettingChange:
    """A value that a setting is to have, as people write it."""

    key: str
    value: str


@dataclass(frozen=True, slots=True)
class GetSettings:
    """The controller asks for all settings."""

    port: int = 0


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings, in the order to show them."""

    settings: tuple[Setting, ...]
    port: int = 0


@dataclass(frozen=True, slots=True)
class SetSettings:
    """Change settings: all of these or none."""

    changes: tuple[SettingChange, ...]
    port: int = 0


@unique
class SettingsVerdict(IntEnum):
    """What became of a question about settings, or of a restart."""

    DONE = 0
    AFTER_RESTART = 1
    """Stored; the bridge works by it from its next start."""
    REFUSED = 2
    """Nothing was changed."""


@dataclass(frozen=True, slots=True)
class SettingsAnswer:
    """The answer to SetSettings and Restart, and the refusal of GetSettings."""

    verdict: SettingsVerdict
    key: str
    """The setting that is wrong; empty: it is about none of them."""
    text: str
    """A sentence for people; empty where nothing is wrong."""
    port: int = 0


@dataclass(frozen=True, slots=True)
class Restart:
    """Start anew, with the settings that are stored and the firmware that was written."""

    port: int = 0


@dataclass(frozen=True, slots=True)
class UpdateBegin:
    """An image of `length` bytes follows."""

    length: int
    sha256: bytes
    """32 bytes: of the whole image."""
    signature: bytes = b""
    """ECDSA in DER by the bridge's CA over `update_statement`; empty: none, which will do in plain mode."""
    port: int = 0


@unique
class UpdateState(IntEnum):
    """Where an update stands."""

    NONE = 0
    """None is under way."""
    RECEIVING = 1
    WRITTEN = 2
    """Whole, checked, and what the next restart starts, on trial."""
    REFUSED = 3
    """None is under way: the sentence says why."""


@dataclass(frozen=True, slots=True)
class UpdateStatus:
    """Where the update stands; the answer to UpdateBegin, UpdateFinish, UpdateCancel, and news of it."""

    state: UpdateState
    granted: int
    """Bytes of the image before this offset may be sent; never less than it was."""
    text: str
    port: int = 0


@dataclass(frozen=True, slots=True)
class UpdateData:
    """The image's bytes from `offset` on."""

    offset: int
    data: bytes
    port: int = 0


@dataclass(frozen=True, slots=True)
class UpdateFinish:
    """All bytes were sent: check them."""

    port: int = 0


@dataclass(frozen=True, slots=True)
class UpdateCancel:
    """Forget the update that is being received."""

    port: int = 0


FromController: TypeAlias = (
    GetSettings | SetSettings | Restart | UpdateBegin | UpdateData | UpdateFinish | UpdateCancel
)
FromBridge: TypeAlias = Settings | SettingsAnswer | UpdateStatus
Upkeep: TypeAlias = FromController | FromBridge
