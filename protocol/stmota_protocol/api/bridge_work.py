"""What the jobs on a bridge itself are asked for, and bring back: its settings, its firmware.

Part of the daemon's API, as `chip_work` is: `JobRequest.options` and `Job.result`, told apart by
`kind`.
"""

from typing import TypeAlias

import msgspec

from stmota_protocol.api.wire import Wire


class BridgeSettingsOptions(Wire, frozen=True, tag="bridge-settings", tag_field="kind"):
    """Change a bridge's settings, or look at them."""

    changes: dict[str, str] = msgspec.field(default_factory=dict[str, str])
    """Values by key, as people write them; all of them or none. Empty: only look."""
    restart: bool = False
    """Restart the bridge in the end, and wait until it is back."""


class BridgeUpdateOptions(Wire, frozen=True, tag="bridge-update", tag_field="kind"):
    """Update a bridge's own firmware."""

    firmware: str
    """SHA-256 in hex of a firmware in the store (`PUT /v1/firmware/{sha256}`)."""
    filename: str
    force: bool = False
    """Write it although the bridge runs that version, or a later one."""


class BridgeSetting(Wire, frozen=True):
    """One setting of a bridge, as it is stored."""

    key: str
    value: str
    """Of a secret only `set` or `not set`."""
    secret: bool = False
    pending: bool = False
    """The bridge runs with another value until it restarts."""


class BridgeSettingsResult(Wire, frozen=True, tag="bridge-settings", tag_field="kind"):
    """A bridge's settings, after what was changed."""

    settings: tuple[BridgeSetting, ...]
    needs_restart: bool
    restarted: bool = False


class BridgeUpdateResult(Wire, frozen=True, tag="bridge-update", tag_field="kind"):
    """A bridge runs the new firmware, and keeps it."""

    version: str
    version_before: str
    length: int
    seconds: float
    """From the first byte until the bridge was back."""


BridgeOptions: TypeAlias = BridgeSettingsOptions | BridgeUpdateOptions
BridgeResult: TypeAlias = BridgeSettingsResult | BridgeUpdateResult
