"""A backup of the daemon's CAs, and of which bridges they secured, as one file of PEM.

For each CA, the one that signs first: a line `bridge ID` for each bridge that it secured, its key (PKCS#8,
encrypted where there is a passphrase) and its certificate. `openssl` reads the blocks, not the lines.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from stmota_daemon.authority import Authority
from stmota_daemon.errors import DaemonError

_TITLE = b"# CAs of a stmota daemon: whoever has the keys below can speak to these bridges.\n"
_BLOCK = re.compile(
    rb"-----BEGIN (?P<kind>[A-Z ]+)-----\n.*?-----END (?P=kind)-----\n|^bridge (?P<id>[0-9a-f]{16})$",
    re.MULTILINE | re.DOTALL,
)


class BadBackup(DaemonError):
    """A file that is no backup, or another passphrase's."""


@dataclass(frozen=True, slots=True)
class SavedAuthority:
    """One CA of a backup."""

    fingerprint: str
    """SHA-256 of its certificate, in hex."""
    pem: bytes
    """Its key, not encrypted, and its certificate."""
    bridges: tuple[str, ...]
    """Ids, in hex, of the bridges it secured."""


def backup(authorities: Sequence[Authority], secured: Mapping[str, str], passphrase: str | None) -> bytes:
    """Return a backup; `secured`: the CA's fingerprint of each bridge. No passphrase: not encrypted."""
    parts = [_TITLE]
    for authority in authorities:
        bridges = sorted(one for one, by in secured.items() if by == authority.fingerprint)
        parts.extend(f"bridge {one}\n".encode() for one in bridges)
        parts.append(authority.pem(passphrase))
    return b"".join(parts)


def restored(data: bytes, passphrase: str | None) -> list[SavedAuthority]:
    """Return what a backup holds, the CA that signs first. Raises `BadBackup`."""
    found: list[SavedAuthority] = []
    bridges: list[str] = []
    key = b""
    for match in _BLOCK.finditer(data.replace(b"\r\n", b"\n")):
        if match["id"]:
            bridges.append(match["id"].decode())
        elif match["kind"].endswith(b"PRIVATE KEY"):
            key = _decrypted(match[0], passphrase)
        elif key:
            found.append(SavedAuthority(_fingerprint(match[0]), key + match[0], tuple(bridges)))
            bridges, key = [], b""
    if not found:
        message = "it holds no CA's key and certificate: it is no file of `stmota bridge ca export`"
        raise BadBackup(message)
    return found


def _fingerprint(pem: bytes) -> str:
    try:
        certificate = x509.load_pem_x509_certificate(pem)
    except ValueError as error:
        message = f"a certificate in it cannot be read: {error}"
        raise BadBackup(message) from error
    return hashlib.sha256(certificate.public_bytes(Encoding.DER)).hexdigest()


def _decrypted(pem: bytes, passphrase: str | None) -> bytes:
    is_encrypted = b"ENCRYPTED" in pem
    if is_encrypted and not passphrase:
        message = "its keys are encrypted: its passphrase is needed"
        raise BadBackup(message)
    try:
        key = load_pem_private_key(pem, passphrase.encode() if is_encrypted and passphrase else None)
    except (ValueError, TypeError) as error:
        what = "the passphrase is another one, or the file is damaged" if is_encrypted else str(error)
        message = f"its keys cannot be read: {what}"
        raise BadBackup(message) from error
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
