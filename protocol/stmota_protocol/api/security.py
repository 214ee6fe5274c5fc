"""Secure mode: how a bridge is secured, and the daemon's CAs."""

from stmota_protocol.api.wire import Wire


class SecureBridge(Wire, frozen=True):
    """`POST /v1/bridges/{ref}/security`: put a bridge into secure mode, or renew its certificate."""

    fingerprint: str | None = None
    """Of its key, as its console shows it: SHA-256 in 64 lower-case hex digits. None: it is secured by this
    daemon, and gets a new certificate inside TLS."""


class BridgeKey(Wire, frozen=True):
    """A bridge and the fingerprint of its key."""

    id: str
    fingerprint: str


class SecuredBridge(Wire, frozen=True):
    """A bridge that has a certificate of a CA."""

    id: str
    name: str | None = None
    """None: no bridge of that id is known now."""
    waits_for: str | None = None
    """Why it has no certificate of the CA yet that signs now; None where it has."""


class CertificateAuthority(Wire, frozen=True):
    """`GET /v1/ca`: one of the daemon's CAs."""

    fingerprint: str
    """SHA-256 of its certificate, in hex."""
    made_at: float
    signs: bool
    """Whether it signs now; an older one is kept while bridges have certificates of it."""
    bridges: tuple[SecuredBridge, ...]


class ExportAuthorities(Wire, frozen=True):
    """`POST /v1/ca/export`: a backup of the CAs, as PEM."""

    passphrase: str | None = None
    """For the private keys; None: they are not encrypted."""


class ImportAuthorities(Wire, frozen=True):
    """`POST /v1/ca/import`: bring back a backup; its CA signs from then on."""

    pem: str
    passphrase: str | None = None
    force: bool = False
    """Also where bridges are secured by a CA that the backup has not: they get certificates of its CA."""
