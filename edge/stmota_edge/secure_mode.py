"""Secure mode of a bridge in Python: its key, when it may be secured, and what it keeps.

Rules: BRIDGE_PROTOCOL.md, section 7. Key and certificates are one file (PEM: key, certificate, CA), written
whole or not at all, readable by its owner only. Nothing is written before a certificate is installed.
"""

import hashlib
import ssl
from collections.abc import Callable
from pathlib import Path

import trio
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from stmota_edge.atomic_file import write_atomically
from stmota_edge.bridge_security import KeepsKeys
from stmota_edge.tls import bridge_uri, tls_context
from stmota_protocol.limits import SECURE_WINDOW_S
from stmota_protocol.secure_messages import SecureAnswer, SecureCsr, SecureInstall

NO_WINDOW = (
    "this bridge can be secured only just after its power-up, or while its console allows it: switch it off "
    "and on, or write secure at that console, and try again within 5 minutes"
)


class SecureMode(KeepsKeys):
    """Made at the bridge's start, inside trio, which is also when the window opens.

    `tell` shows a line on the bridge's console. Raises OSError for a file that cannot be used: a bridge that
    was secured never starts plain by mistake.
    """

    def __init__(
        self,
        file: Path,
        unique_id: bytes,
        tell: Callable[[str], None],
        window_s: float = SECURE_WINDOW_S,
    ) -> None:
        self._file = file
        self._unique_id = unique_id
        self._tell = tell
        self._window_ends_s = trio.current_time() + window_s
        self.context = None
        """For connections to come; None while the bridge is not secured."""
        self._key = ec.generate_private_key(ec.SECP256R1())
        if file.exists():
            self._load()

    def request(self, name: str, *, is_tls: bool) -> SecureCsr | SecureAnswer:
        """Answer a SecureRequest of a controller of that name."""
        if not self._is_open(is_tls):
            return SecureAnswer(False, NO_WINDOW)
        shown = "".join(one if one.isprintable() else "?" for one in name) or "somebody"
        self._tell(f"{shown} asks to secure this bridge; the fingerprint of its key: {self.fingerprint}")
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, self._unique_id.hex())])
        csr = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(self._key, hashes.SHA256())
        return SecureCsr(csr.public_bytes(Encoding.DER))

    def open_window(self) -> str:
        """As `KeepsKeys` has it: whether it is secured, and the key's fingerprint."""
        state = "this bridge is in secure mode"
        if self.context is None:
            self._window_ends_s = trio.current_time() + SECURE_WINDOW_S
            minutes = round(SECURE_WINDOW_S / 60)
            state = f"this bridge is not in secure mode, and can be secured within {minutes} minutes"
        return f"{state}; the fingerprint of its key: {self.fingerprint}"

    def forget(self) -> None:
        """As `KeepsKeys` has it; the next key is a new one."""
        self._file.unlink(missing_ok=True)
        self.context = None
        self._key = ec.generate_private_key(ec.SECP256R1())

    def install(self, message: SecureInstall, *, is_tls: bool) -> SecureAnswer:
        """Take a certificate, if it is good; from then on `context` is there."""
        if not self._is_open(is_tls):
            return SecureAnswer(False, NO_WINDOW)
        try:
            problem = self._problem(message)
            if problem is None:
                self._keep(message)
        except (ValueError, TypeError, InvalidSignature, x509.ExtensionNotFound) as error:
            problem = f"no certificate that could be used: {error or type(error).__name__}"
        except OSError as error:
            problem = f"the bridge cannot keep its certificate: {error.strerror or error}"
        if problem is not None:
            return SecureAnswer(False, problem)
        self._tell("this bridge is in secure mode now: it speaks to that daemon only")
        return SecureAnswer(True, "")

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the key's SubjectPublicKeyInfo, in hex."""
        return hashlib.sha256(_public_bytes(self._key.public_key())).hexdigest()

    def _is_open(self, is_tls: bool) -> bool:
        if is_tls:
            return True
        return self.context is None and trio.current_time() < self._window_ends_s

    def _problem(self, message: SecureInstall) -> str | None:
        """Return why it cannot be used. Raises what the parser does."""
        certificate = x509.load_der_x509_certificate(message.certificate)
        authority = x509.load_der_x509_certificate(message.authority)
        certificate.verify_directly_issued_by(authority)
        if not _is_ca(authority):
            return "its issuer is no CA"
        if _public_bytes(certificate.public_key()) != _public_bytes(self._key.public_key()):
            return "the certificate is for another key"
        if not _is_for_a_server(certificate):
            return "the certificate is not for server authentication"
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        uris = names.get_values_for_type(x509.UniformResourceIdentifier)
        common = [str(one.value) for one in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
        if bridge_uri(self._unique_id) not in uris or common != [self._unique_id.hex()]:
            return f"the certificate is for another bridge than {self._unique_id.hex()}"
        return None

    def _keep(self, message: SecureInstall) -> None:
        key = self._key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        pem = [x509.load_der_x509_certificate(der) for der in (message.certificate, message.authority)]
        self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_atomically(self._file, key + b"".join(one.public_bytes(Encoding.PEM) for one in pem))
        self._load()

    def _load(self) -> None:
        try:
            key = load_pem_private_key(self._file.read_bytes(), None)
            self.context = tls_context(self._file, is_server=True)
        except (ValueError, ssl.SSLError) as error:
            message = f"{self._file} cannot be used ({error}); --insecure forgets it"
            raise OSError(message) from error
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            message = f"{self._file} holds no key of an elliptic curve; --insecure forgets it"
            raise OSError(message)
        self._key = key


def _is_ca(certificate: x509.Certificate) -> bool:
    """By its basic constraints, and by its key's usage where it names one (RFC 5280, 4.2.1.3 and 4.2.1.9)."""
    values = [one.value for one in certificate.extensions]
    is_ca = any(one.ca for one in values if isinstance(one, x509.BasicConstraints))
    return is_ca and all(one.key_cert_sign for one in values if isinstance(one, x509.KeyUsage))


def _is_for_a_server(certificate: x509.Certificate) -> bool:
    usages = [one.value for one in certificate.extensions if isinstance(one.value, x509.ExtendedKeyUsage)]
    return any(ExtendedKeyUsageOID.SERVER_AUTH in usage for usage in usages)


def _public_bytes(key: object) -> bytes:
    """Raises TypeError for a key that is not of an elliptic curve."""
    if not isinstance(key, ec.EllipticCurvePublicKey):
        message = "its key is not of an elliptic curve"
        raise TypeError(message)
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
