"""What a bridge's connections need of its secure mode, whether it has one or not."""

import ssl
from abc import ABC, abstractmethod
from collections.abc import Callable

import trio

from stmota_edge.secure_door import let_in
from stmota_edge.tls import NotTrusted
from stmota_protocol.limits import HELLO_WITHIN_S
from stmota_protocol.messages import Message
from stmota_protocol.secure_messages import SecureAnswer, SecureCsr, SecureInstall, SecureRequest

NO_SECURE_MODE = "this bridge has no secure mode: it has nowhere to keep a key"


class KeepsKeys(ABC):
    """Where a bridge's key and certificates are: `secure_mode.SecureMode`, which needs `cryptography`."""

    context: ssl.SSLContext | None

    @abstractmethod
    def request(self, name: str, *, is_tls: bool) -> SecureCsr | SecureAnswer:
        """Answer a SecureRequest of a controller of that name."""

    @abstractmethod
    def install(self, message: SecureInstall, *, is_tls: bool) -> SecureAnswer:
        """Take a certificate, if it is good; from then on `context` is there."""


class BridgeSecurity:
    """Answers for all connections; `installed` is called when certificates are new."""

    def __init__(self, mode: KeepsKeys | None, installed: Callable[[], None]) -> None:
        self._mode = mode
        self._installed = installed
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
        """Say a certificate request, or what became of certificates; `installed` is called after that."""
        if self._mode is None:
            say(SecureAnswer(False, NO_SECURE_MODE))
        elif isinstance(message, SecureRequest):
            say(self._mode.request(message.name, is_tls=is_tls))
        else:
            answer = self._mode.install(message, is_tls=is_tls)
            say(answer)
            if answer.is_done:
                self._installed()
