"""What a bridge's connections need of its secure mode, whether it has one or not."""

import ssl
from abc import ABC, abstractmethod
from collections.abc import Callable

import trio

from stmota_edge.secure_door import SECURED_TEXT, let_in
from stmota_edge.tls import NotTrusted
from stmota_protocol.limits import HELLO_WITHIN_S
from stmota_protocol.messages import CloseReason, Message
from stmota_protocol.secure_messages import SecureAnswer, SecureCsr, SecureInstall, SecureRequest

NO_SECURE_MODE = "this bridge has no secure mode: it has nowhere to keep a key"


class KeepsKeys(ABC):
    """Where a bridge's key and certificates are: `secure_mode.SecureMode`, which needs `cryptography`."""

    context: ssl.SSLContext | None

    @abstractmethod
    def request(self, name: str, *, is_tls: bool) -> SecureCsr | SecureAnswer:
        """Answer a SecureRequest of a controller of that name."""

    @abstractmethod
    def open_window(self) -> str:
        """The console lets the bridge be secured for a while; return the state, for the console."""

    @abstractmethod
    def forget(self) -> None:
        """Forget key and certificates; `context` is None then. Raises OSError."""

    @abstractmethod
    def install(self, message: SecureInstall, *, is_tls: bool) -> SecureAnswer:
        """Take a certificate, if it is good; from then on `context` is there."""


class BridgeSecurity:
    """Answers for all connections, which `displace` ends when certificates are new, or forgotten."""

    def __init__(self, mode: KeepsKeys | None, displace: Callable[[CloseReason, str], None]) -> None:
        self._mode = mode
        self._displace = displace
        self.handshakes = 0
        """Connections that are not through the door."""

    @property
    def is_secured(self) -> bool:
        """Whether only TLS is spoken."""
        return self._mode is not None and self._mode.context is not None

    async def admit(self, stream: trio.abc.Stream) -> trio.abc.Stream | None:
        """Return the connection to serve: itself, or the one inside TLS. None: closed. Never raises."""
        context = None if self._mode is None else self._mode.context
        if context is None:
            return stream
        self.handshakes += 1
        admitted: trio.abc.Stream | None = None
        try:
            with trio.move_on_after(HELLO_WITHIN_S):
                admitted = await let_in(stream, context)
        except NotTrusted:
            pass
        finally:
            self.handshakes -= 1
        return admitted

    def answer(
        self, message: SecureRequest | SecureInstall, is_tls: bool, say: Callable[[Message], None]
    ) -> None:
        """Say a certificate request, or what became of certificates."""
        if self._mode is None:
            say(SecureAnswer(False, NO_SECURE_MODE))
        elif isinstance(message, SecureRequest):
            say(self._mode.request(message.name, is_tls=is_tls))
        else:
            answer = self._mode.install(message, is_tls=is_tls)
            say(answer)
            if answer.is_done:
                self._displace(CloseReason.SECURED, SECURED_TEXT)

    def obey(self, word: str) -> str:
        """Do what the console asks; return what to show there."""
        if self._mode is None:
            return f"error: {NO_SECURE_MODE}"
        if word == "secure":
            return self._mode.open_window()
        if word != "insecure":
            return "error: no such word; write secure or insecure"
        was_secured = self.is_secured
        try:
            self._mode.forget()
        except OSError as error:
            return f"error: key and certificates could not be forgotten: {error.strerror or error}"
        if was_secured:
            self._displace(CloseReason.SHUTDOWN, "this bridge was made to forget secure mode")
        return "key and certificates are forgotten: this bridge is not in secure mode"
