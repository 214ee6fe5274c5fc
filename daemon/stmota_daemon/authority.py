"""A small CA: its key, the daemon's own certificate of it, and the certificates it gives to bridges.

A directory (0700) of two files (0600): `ca.pem`, the CA's key and certificate, and `client.pem`, the daemon's
key, its certificate and the CA's, as `stmota_edge.tls` takes them.
"""

import datetime
import hashlib
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from stmota_daemon.errors import DaemonError
from stmota_daemon.private_files import make_private_dir
from stmota_edge.atomic_file import write_atomically
from stmota_edge.tls import bridge_uri
from stmota_protocol.update_statement import update_statement

VALID_DAYS = 3650
"""Of all certificates: a bridge on a shelf must not fall out of use, and an ESP32 may have no clock to check
it by. What ends trust before is a new CA, or the bridge's console."""
BACKDATED = datetime.timedelta(days=1)
"""Clocks of machines differ."""
_CA, _CLIENT = "ca.pem", "client.pem"


class BadAuthority(DaemonError):
    """The CA's files cannot be used, or a bridge's request cannot be signed."""


class Authority:
    """One CA. Made or read by `of`."""

    def __init__(
        self, directory: Path, key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate
    ) -> None:
        self._directory = directory
        self._key = key
        self._certificate = certificate

    @classmethod
    def of(cls, directory: Path, pem: bytes | None = None) -> "Authority":
        """Return the CA of a directory. If there is none it becomes that of `pem`, or a new one.

        `pem`: an unencrypted key, and its certificate. Raises `BadAuthority`, OSError.
        """
        make_private_dir(directory)
        file = directory / _CA
        if not file.exists():
            write_atomically(file, _new_pem() if pem is None else pem)
        key, certificate = _loaded(file)
        authority = cls(directory, key, certificate)
        if not authority.client_file.exists():
            authority.client(authority.client_file)
        return authority

    @property
    def client_file(self) -> Path:
        """The credential by which bridges know the daemon."""
        return self._directory / _CLIENT

    @property
    def certificate(self) -> bytes:
        """The CA's certificate, X.509 in DER."""
        return self._certificate.public_bytes(Encoding.DER)

    @property
    def made_at(self) -> float:
        """When it was made, in seconds since the epoch."""
        return (self._certificate.not_valid_before_utc + BACKDATED).timestamp()

    def pem(self, passphrase: str | None) -> bytes:
        """Return key (PKCS#8, encrypted where there is a passphrase) and certificate: for a backup."""
        encryption = BestAvailableEncryption(passphrase.encode()) if passphrase else NoEncryption()
        key = self._key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)
        return key + self._certificate.public_bytes(Encoding.PEM)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the CA's certificate, in hex."""
        return hashlib.sha256(self.certificate).hexdigest()

    def sign(self, csr: bytes, unique_id: bytes, days: int = VALID_DAYS) -> bytes:
        """Return a certificate, DER, for the bridge of that id. Raises `BadAuthority`."""
        request = _checked(csr, unique_id)
        names = x509.SubjectAlternativeName([x509.UniformResourceIdentifier(bridge_uri(unique_id))])
        builder = self._builder(unique_id.hex(), request.public_key(), days).add_extension(
            names, critical=False
        )
        builder = builder.add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False
        )
        return builder.sign(self._key, hashes.SHA256()).public_bytes(Encoding.DER)

    def sign_update(self, length: int, sha256: bytes) -> bytes:
        """Return a signature (ECDSA in DER) that lets a bridge of this CA take an update of its firmware."""
        return self._key.sign(update_statement(length, sha256), ec.ECDSA(hashes.SHA256()))

    def client(self, file: Path, days: int = VALID_DAYS) -> Path:
        """Write a credential of the daemon's to `file`; return that. Raises OSError."""
        key = ec.generate_private_key(ec.SECP256R1())
        usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])
        builder = self._builder("stmota daemon", key.public_key(), days).add_extension(usage, critical=False)
        certificate = builder.sign(self._key, hashes.SHA256())
        pem = (certificate.public_bytes(Encoding.PEM), self._certificate.public_bytes(Encoding.PEM))
        write_atomically(file, _key_pem(key) + b"".join(pem))
        return file

    def _builder(self, name: str, key: object, days: int) -> x509.CertificateBuilder:
        assert isinstance(key, ec.EllipticCurvePublicKey)  # noqa: S101  (checked, or made here)
        builder = _dated(x509.CertificateBuilder(), days).subject_name(_name(name))
        builder = builder.issuer_name(self._certificate.subject).public_key(key)
        builder = builder.serial_number(x509.random_serial_number())
        return builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)


def fingerprint_of(csr: bytes) -> str:
    """Return SHA-256 of a request's public key, in hex, as its console shows. Raises `BadAuthority`."""
    try:
        key = x509.load_der_x509_csr(csr).public_key()
    except (ValueError, TypeError) as error:
        message = f"the bridge's request for a certificate is none: {error}"
        raise BadAuthority(message) from error
    return hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()


def _checked(csr: bytes, unique_id: bytes) -> x509.CertificateSigningRequest:
    try:
        request = x509.load_der_x509_csr(csr)
        key = request.public_key()
        is_signed = request.is_signature_valid
    except (ValueError, TypeError, InvalidSignature) as error:
        message = f"the bridge's request for a certificate is none: {error}"
        raise BadAuthority(message) from error
    named = [str(one.value) for one in request.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    is_p256 = isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1)
    if not is_signed or not is_p256:
        message = "the bridge's request for a certificate is not signed by a P-256 key"
        raise BadAuthority(message)
    if named != [unique_id.hex()]:
        message = f"the bridge {unique_id.hex()} asks for a certificate of another name"
        raise BadAuthority(message)
    return request


def _loaded(file: Path) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    pem = file.read_bytes()
    try:
        key, certificate = load_pem_private_key(pem, None), x509.load_pem_x509_certificate(pem)
    except (ValueError, TypeError) as error:
        message = f"{file} is no CA of stmota's: {error}; put a backup of it there"
        raise BadAuthority(message) from error
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        message = f"{file} holds no key of an elliptic curve: put a backup of it there"
        raise BadAuthority(message)
    if key.public_key() != certificate.public_key():
        message = f"{file} holds a key and the certificate of another: put a backup of it there"
        raise BadAuthority(message)
    return key, certificate


def _new_pem() -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    # The serial is part of the name: after a rotation two CAs are told apart by it.
    serial = x509.random_serial_number()
    name = _name(f"stmota CA {serial:x}"[:40])
    builder = _dated(x509.CertificateBuilder(), VALID_DAYS).subject_name(name).issuer_name(name)
    builder = builder.public_key(key.public_key()).serial_number(serial)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    certificate = builder.sign(key, hashes.SHA256())
    return _key_pem(key) + certificate.public_bytes(Encoding.PEM)


def _dated(builder: x509.CertificateBuilder, days: int) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    end = now + datetime.timedelta(days=days)
    return builder.not_valid_before(min(now, end) - BACKDATED).not_valid_after(end)


def _name(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
