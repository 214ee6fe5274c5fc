"""TLS as both ends of secure mode want it: 1.2 or newer, certificates of one CA on both sides, no names.

What a certificate says of its owner is for the caller to check: bridges have no host names.
"""

import ssl
from pathlib import Path
from typing import Any, cast

import trio

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


async def handshake(
    stream: trio.abc.Stream, context: ssl.SSLContext, *, is_server: bool
) -> trio.SSLStream[trio.abc.Stream]:
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
    return tls


def names_of(tls: trio.SSLStream[trio.abc.Stream]) -> frozenset[str]:
    """Return the URIs that the peer's certificate names."""
    certificate = cast("dict[str, Any]", tls.getpeercert() or {})
    names: tuple[tuple[str, str], ...] = certificate.get("subjectAltName", ())
    return frozenset(value for kind, value in names if kind == "URI")


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
