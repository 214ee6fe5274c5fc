"""Secure mode at the daemon: which bridges are secured, TLS to them, and how one is secured.

A unique id that is secured is never spoken to plain again, whatever mDNS or a greeting says.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import trio

from stmota_daemon.authority import Authority, BadAuthority, fingerprint_of
from stmota_daemon.bridge_link import CONNECT_WITHIN_S, GREET_WITHIN_S, BridgeAddress, connect
from stmota_daemon.errors import DaemonError
from stmota_daemon.link import LinkError, LinkLost
from stmota_daemon.peer_text import cleaned
from stmota_daemon.store import Place, Store
from stmota_edge.tls import NotTrusted, bridge_uri, handshake, tls_context
from stmota_protocol.connection import CLOSED, NEED_DATA, Connection, RemoteProtocolError, Role
from stmota_protocol.limits import MAX_TEXT_BYTES
from stmota_protocol.messages import Closing, Greeting, Message, Unsupported
from stmota_protocol.secure_messages import SecureAnswer, SecureCsr, SecureInstall, SecureRequest
from stmota_protocol.steps import EdgeIdentity

READ_BYTES = 4096
M = TypeVar("M", bound=Message)


class NotSecure(LinkError):
    """What answers is not the secured bridge, or speaks plain; nothing was said to it."""


class NotSecured(LinkError):
    """The bridge was not put into secure mode; nothing has changed."""


class Security:
    """The secured bridges of a daemon, and its CA in `directory`, made when a bridge is first secured."""

    def __init__(self, store: Store, directory: Path) -> None:
        self._store = store
        self._directory = directory

    def is_secured(self, unique_id: str | None) -> bool:
        """Whether the bridge of that id, in hex, is spoken to by TLS only."""
        return unique_id is not None and unique_id in self._store.secured_bridges()

    def wanted(self, place: Place, unique_id: str | None) -> str | None:
        """Return the secured id that has to answer at a place; None: plain TCP is right."""
        if unique_id is None:
            return self._store.secured_bridge_at(place)
        return unique_id if self.is_secured(unique_id) else None

    def check(self, identity: EdgeIdentity, wanted: str | None) -> None:
        """Judge who greeted: over TLS to `wanted`, or plain (None). Raises `NotSecure`."""
        found = identity.unique_id.hex()
        if wanted is None and self.is_secured(found):
            message = (
                f"what answers says that it is the bridge {found}, which is secured, but speaks"
                " plain: it is another's, or was reset at its console (then: stmota bridge forget-security)"
            )
            raise NotSecure(message)
        if wanted is not None and found != wanted:
            message = f"the bridge {found} answers with the certificate of {wanted}"
            raise NotSecure(message)

    async def connect(self, address: BridgeAddress, unique_id: str) -> trio.abc.Stream:
        """Connect to a secured bridge and see its certificate. Raises `LinkLost`, `NotSecure`."""
        try:
            context = tls_context(Authority.of(self._directory).client_file, is_server=False)
        except (DaemonError, OSError) as error:
            message = f"the daemon's own certificates cannot be used: {error}"
            raise NotSecure(message) from error
        stream = await connect(address)
        try:
            with trio.fail_after(CONNECT_WITHIN_S):
                tls = await handshake(stream, context, is_server=False)
        except trio.TooSlowError as error:
            message = f"no TLS handshake within {CONNECT_WITHIN_S:.0f} s"
            raise LinkLost(message) from error
        except NotTrusted as error:
            message = f"the bridge {unique_id} is secured, and what answers is not it: {error}"
            raise NotSecure(message) from error
        if bridge_uri(bytes.fromhex(unique_id)) not in tls.names:
            await trio.aclose_forcefully(tls)
            message = f"what answers has the certificate of another bridge than {unique_id}"
            raise NotSecure(message)
        return tls

    async def fingerprint(self, address: BridgeAddress, name: str) -> tuple[str, str]:
        """Ask a bridge for its id and its key's fingerprint, both in hex; its console shows it, too.

        Raises `LinkLost`, `NotSecured`.
        """
        return await self._within(address, name, lambda _: None)

    async def secure(self, address: BridgeAddress, name: str, fingerprint: str) -> tuple[str, str]:
        """Secure the bridge whose key has that fingerprint; return as `fingerprint` does. Raises the same."""
        authority = Authority.of(self._directory)

        def install(csr: tuple[EdgeIdentity, bytes]) -> SecureInstall:
            identity, request = csr
            if fingerprint_of(request) != fingerprint:
                message = "the bridge's key has another fingerprint: nothing was done; compare them again"
                raise NotSecured(message)
            # Before the bridge is told: if the daemon dies in between, it errs on the safe side.
            certificate = authority.sign(request, identity.unique_id)
            self._store.save_secured_bridge(identity.unique_id.hex(), authority.fingerprint)
            return SecureInstall(certificate, authority.certificate)

        return await self._within(address, name, install)

    def forget(self, unique_id: str) -> None:
        """Let a bridge be spoken to plain again."""
        self._store.forget_secured_bridge(unique_id)

    async def _within(
        self,
        address: BridgeAddress,
        name: str,
        install: Callable[[tuple[EdgeIdentity, bytes]], SecureInstall | None],
    ) -> tuple[str, str]:
        stream = await connect(address)
        try:
            with trio.fail_after(GREET_WITHIN_S):
                return await self._talk(_Teller(stream), name, install)
        except trio.TooSlowError as error:
            message = f"it did not answer within {GREET_WITHIN_S:.0f} s"
            raise LinkLost(message) from error
        except (trio.BrokenResourceError, RemoteProtocolError, BadAuthority) as error:
            raise LinkLost(cleaned(str(error) or "the connection broke", MAX_TEXT_BYTES)) from error
        finally:
            await trio.aclose_forcefully(stream)

    async def _talk(
        self,
        teller: "_Teller",
        name: str,
        install: Callable[[tuple[EdgeIdentity, bytes]], SecureInstall | None],
    ) -> tuple[str, str]:
        identity = (await teller.expect(Greeting)).identity
        unique_id = identity.unique_id.hex()
        self.check(identity, None)
        await teller.send(SecureRequest(name))
        csr = (await teller.expect(SecureCsr)).csr
        found = unique_id, fingerprint_of(csr)
        message = install((identity, csr))
        if message is not None:
            try:
                await teller.send(message)
                await teller.expect(SecureAnswer)
            except NotSecured:
                self.forget(unique_id)
                raise
        return found


class _Teller:
    """A controller's end before Hello, message by message."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self._stream = stream
        self._connection = Connection(Role.CONTROLLER)

    async def send(self, message: Message) -> None:
        await self._stream.send_all(self._connection.send(message))

    async def expect(self, kind: type[M]) -> M:
        """Return the next message. Raises `NotSecured` for a refusal, `LinkLost` for another end."""
        if self._connection.greeting is None:
            await self._stream.send_all(self._connection.preamble())
        while True:
            event = self._connection.next_event()
            if event is NEED_DATA:
                self._connection.receive_data(bytes(await self._stream.receive_some(READ_BYTES)))
            elif isinstance(event, SecureAnswer) and not event.is_done:
                raise NotSecured(cleaned(event.text, MAX_TEXT_BYTES))
            elif isinstance(event, Unsupported):
                message = "this bridge has no secure mode: its firmware is older, or cannot"
                raise NotSecured(message)
            elif isinstance(event, kind):
                return event
            elif event is CLOSED or isinstance(event, Closing):
                text = event.text if isinstance(event, Closing) else "it closed the connection"
                raise LinkLost(cleaned(text, MAX_TEXT_BYTES))
