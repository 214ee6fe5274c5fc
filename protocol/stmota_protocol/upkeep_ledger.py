"""What was asked about settings and update on a connection, and how much of an image may be sent.

The rules, kept the same way on both sides:

- One question about settings or restart at most waits for its answer, and one about the update.
- No update begins while one is being received.
- An image's bytes come without holes from 0, and none before it was granted.
"""

from stmota_protocol.run_ledger import RuleBroken
from stmota_protocol.upkeep import (
    GetSettings,
    Restart,
    SetSettings,
    Settings,
    SettingsAnswer,
    UpdateBegin,
    UpdateCancel,
    UpdateData,
    UpdateFinish,
    UpdateState,
    UpdateStatus,
    Upkeep,
)


class UpkeepLedger:
    """The books of one connection. Every method raises `RuleBroken`, and then nothing has changed."""

    def __init__(self) -> None:
        self.granted = 0
        """Bytes of the image before this offset may be sent."""
        self.sent = 0
        self._is_receiving = False
        self._settings_question: type[Upkeep] | None = None
        self._update_question: type[Upkeep] | None = None

    def note(self, message: Upkeep) -> None:
        """A message was sent or received."""
        match message:
            case GetSettings() | SetSettings() | Restart():
                self._ask_settings(message)
            case Settings() | SettingsAnswer():
                self._answer_settings(message)
            case UpdateBegin() | UpdateFinish() | UpdateCancel():
                self._ask_update(message)
            case UpdateStatus():
                self._status(message)
            case UpdateData():
                self._data(message)

    def _ask_settings(self, message: GetSettings | SetSettings | Restart) -> None:
        if self._settings_question is not None:
            text = f"{type(message).__name__} before {self._settings_question.__name__} was answered"
            raise RuleBroken(text)
        self._settings_question = type(message)

    def _answer_settings(self, message: Settings | SettingsAnswer) -> None:
        asked = self._settings_question
        if asked is None or (isinstance(message, Settings) and asked is not GetSettings):
            text = f"{type(message).__name__} that nobody asked for"
            raise RuleBroken(text)
        self._settings_question = None

    def _ask_update(self, message: UpdateBegin | UpdateFinish | UpdateCancel) -> None:
        if self._update_question is not None:
            text = f"{type(message).__name__} before {self._update_question.__name__} was answered"
            raise RuleBroken(text)
        if isinstance(message, UpdateBegin):
            if self._is_receiving:
                text = "UpdateBegin while an update is being received"
                raise RuleBroken(text)
            self.granted = self.sent = 0
        self._update_question = type(message)

    def _status(self, message: UpdateStatus) -> None:
        if message.granted < self.granted:
            text = f"a grant of {message.granted} bytes after one of {self.granted}"
            raise RuleBroken(text)
        self.granted = message.granted
        self._is_receiving = message.state is UpdateState.RECEIVING
        # Grants that were on their way answer neither UpdateFinish nor UpdateCancel.
        is_answer = not self._is_receiving or self._update_question is UpdateBegin
        if is_answer:
            self._update_question = None

    def _data(self, message: UpdateData) -> None:
        end = message.offset + len(message.data)
        if message.offset != self.sent or end > self.granted:
            due = f"{self.sent} is next, {self.granted} are granted"
            text = f"bytes {message.offset} to {end} of an image; {due}"
            raise RuleBroken(text)
        self.sent = end
