"""TLS as both ends of secure mode want it: 1.2 or newer, certificates of one CA on both sides, no names.

What a certificate says of its owner is for the caller to check: bridges have no host names.
"""

import ssl
from pathlib import Path
from typing import Any, cast

import trio

from stmota_protocol.limits import MAX_TLS_DATA

_CERTIFICATE = "-----BEGIN CERTIFICATE-----"


class NotTrusted(Exception):
    """The handshake failed: the text says why."""


def tls_context(credential: Path, *, is_server: bool) -> ssl.SSLContext:
    """Make a context of a credential: PEM of a private key, its certificate, and the CA's.

    Raises OSError (`ssl.SSLError` is one).
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if is_server else ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = False
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_cert_chain(credential)
    pem = credential.read_text(encoding="ascii")
    context.load_verify_locations(cadata=_CERTIFICATE + pem.rpartition(_CERTIFICATE)[2])
    if is_server:
        context.num_tickets = 0  # no session is taken up again: each connection shows its certificate
    return context


class TlsStream(trio.abc.Stream):
    """A connection inside TLS, in records of `MAX_TLS_DATA` bytes at most (R73). Made by `handshake`."""

    def __init__(self, tls: trio.SSLStream[trio.abc.Stream]) -> None:
        self._tls = tls
        self._received: bytes | bytearray = b""

    @property
    def names(self) -> frozenset[str]:
        """The URIs that the peer's certificate names."""
        certificate = cast("dict[str, Any]", self._tls.getpeercert() or {})
        names: tuple[tuple[str, str], ...] = certificate.get("subjectAltName", ())
        return frozenset(value for kind, value in names if kind == "URI")

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send, each write a record of its own."""
        with memoryview(data) as view:
            for at in range(0, max(len(view), 1), MAX_TLS_DATA):
                await self._tls.send_all(view[at : at + MAX_TLS_DATA])

    async def wait_send_all_might_not_block(self) -> None:
        """As the stream below does."""
        await self._tls.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        """As any stream; a record that is too long breaks it. OpenSSL reads no two records at once."""
        data = self._received
        if data:
            await trio.lowlevel.checkpoint()
        else:
            data = await self._tls.receive_some(MAX_TLS_DATA + 1)
        if len(data) > MAX_TLS_DATA:
            await trio.aclose_forcefully(self)
            message = f"a TLS record of more than {MAX_TLS_DATA} bytes"
            raise trio.BrokenResourceError(message)
        length = len(data) if max_bytes is None else max_bytes
        self._received = data[length:]
        return data[:length]

    async def aclose(self) -> None:
        """As the stream below does."""
        await self._tls.aclose()


async def handshake(stream: trio.abc.Stream, context: ssl.SSLContext, *, is_server: bool) -> TlsStream:
    """Do the handshake; the caller limits its time. Raises `NotTrusted`; `stream` is closed then."""
    # A connection that ends without TLS's goodbye is lost or closed, as in plain TCP (R11).
    tls = trio.SSLStream(stream, context, server_side=is_server, https_compatible=True)
    try:
        await tls.do_handshake()
    except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
        await trio.aclose_forcefully(stream)
        raise NotTrusted(_why(error)) from error
    except BaseException:
        await trio.aclose_forcefully(stream)
        raise
    return TlsStream(tls)


def bridge_uri(unique_id: bytes) -> str:
    """Return what a bridge is called in its certificate."""
    return f"urn:stmota:bridge:{unique_id.hex()}"


def _why(error: BaseException) -> str:
    cause = error.__cause__
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"its certificate is not good: {cause.verify_message}"
    if isinstance(cause, ssl.SSLError):
        return f"TLS failed: {(cause.reason or 'no reason given').lower().replace('_', ' ')}"
    return "the connection ended in the TLS handshake"
