"""What the network may ask about a soft bridge itself: its settings, a restart; and no update."""

import json
from dataclasses import dataclass, replace
from pathlib import Path

import trio

from stmota_protocol.limits import MAX_NAME_BYTES
from stmota_protocol.steps import UartSettings
from stmota_protocol.uart_text import parse_uart, uart_text
from stmota_protocol.upkeep import (
    FromBridge,
    FromController,
    GetSettings,
    NetworkRights,
    Restart,
    SetSettings,
    Setting,
    SettingChange,
    SettingFlags,
    Settings,
    SettingsAnswer,
    SettingsVerdict,
    UpdateCancel,
    UpdateState,
    UpdateStatus,
)

NOT_ALLOWED = (
    "to let the network change its settings, start this bridge with --settings FILE; in secure mode it may"
)
NO_UPDATE = "a soft bridge is updated with pip, on the machine where it runs"


@dataclass(frozen=True, slots=True)
class SoftSettings:
    """What of a soft bridge can be set."""

    name: str
    console: UartSettings

    def texts(self) -> dict[str, str]:
        """As people write them, by key."""
        return {"name": self.name, "console": uart_text(self.console)}

    def changed(self, key: str, value: str) -> "SoftSettings":
        """With one of them changed. Raises ValueError, said for people."""
        if key == "name":
            return replace(self, name=checked_name(value))
        if key == "console":
            return replace(self, console=parse_uart(value))
        message = f"a soft bridge has no setting {key}; it has name and console"
        raise ValueError(message)


def checked_name(name: str) -> str:
    """The name of a bridge that can be announced. Raises ValueError, said for people."""
    if not name or not name.isprintable() or len(name.encode()) > MAX_NAME_BYTES - 1:
        message = (
            f"{name[:80]!r} is no name for a bridge: 1 to {MAX_NAME_BYTES - 1} bytes that can be printed"
        )
        raise ValueError(message)
    return name


def load_settings(file: Path, given: SoftSettings) -> SoftSettings:
    """What is kept in `file`, over what was given. Raises ValueError for a file that says something else."""
    if not file.exists():
        return given
    try:
        kept = json.loads(file.read_text(encoding="utf-8"))
        for key, value in kept.items():
            given = given.changed(key, value)
    except (ValueError, AttributeError, TypeError) as error:
        message = f"{file} holds no settings of a soft bridge: {error}"
        raise ValueError(message) from error
    return given


class SoftUpkeep:
    """Answers what the network asks; `file` keeps the settings, None: they cannot be changed.

    `is_open`: they may be changed over plain TCP; inside TLS they may always (R58).
    """

    def __init__(self, running: SoftSettings, file: Path | None = None, *, is_open: bool = True) -> None:
        self.restart_wanted = trio.Event()
        self.running = self._kept = running
        self._file = file
        self._is_open = is_open

    def rights(self, *, is_tls: bool) -> NetworkRights:
        """What a connection may do."""
        may_set = self._file is not None and (is_tls or self._is_open)
        return NetworkRights.SETTINGS if may_set else NetworkRights.NONE

    def answer(self, message: FromController, rights: NetworkRights, batches_under_way: int) -> FromBridge:
        """What to say to this, on a connection that has those rights."""
        match message:
            case GetSettings() | SetSettings() | Restart() if NetworkRights.SETTINGS not in rights:
                return _refusal("", NOT_ALLOWED)
            case GetSettings():
                return Settings(tuple(self._table()))
            case SetSettings():
                return self._change(message.changes)
            case Restart():
                return self._restart(batches_under_way)
            case UpdateCancel():
                return UpdateStatus(UpdateState.NONE, 0, "")
            case _:
                return UpdateStatus(UpdateState.REFUSED, 0, NO_UPDATE)

    def _table(self) -> list[Setting]:
        running = self.running.texts()
        return [
            Setting(key, value, SettingFlags.NONE if value == running[key] else SettingFlags.PENDING)
            for key, value in self._kept.texts().items()
        ]

    def _change(self, changes: tuple[SettingChange, ...]) -> SettingsAnswer:
        wanted = self._kept
        for change in changes:
            try:
                wanted = wanted.changed(change.key, change.value)
            except ValueError as error:
                return _refusal(change.key, f"{change.key}: {error}")
        try:
            self._keep(wanted)
        except OSError as error:
            return _refusal("", f"the settings could not be stored: {error.strerror}")
        is_in_force = wanted == self.running
        return SettingsAnswer(SettingsVerdict.DONE if is_in_force else SettingsVerdict.AFTER_RESTART, "", "")

    def _keep(self, wanted: SoftSettings) -> None:
        if self._file is not None:
            beside = self._file.with_name(f"{self._file.name}.new")
            beside.write_text(json.dumps(wanted.texts()), encoding="utf-8")
            beside.replace(self._file)
            self._kept = wanted

    def _restart(self, batches_under_way: int) -> SettingsAnswer:
        if batches_under_way:
            return _refusal("", "a batch is under way")
        self.restart_wanted.set()
        return SettingsAnswer(SettingsVerdict.DONE, "", "")


def _refusal(key: str, text: str) -> SettingsAnswer:
    return SettingsAnswer(SettingsVerdict.REFUSED, key if len(key.encode()) < 16 else "", text)
