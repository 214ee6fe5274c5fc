"""Whether the CA that secured a bridge signed an update of its firmware: BRIDGE_PROTOCOL.md, section 6."""

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from stmota_protocol.update_statement import update_statement


def is_signed_update(authority: bytes, length: int, sha256: bytes, signature: bytes) -> bool:
    """Whether `signature` (ECDSA in DER) by the key of that CA (X.509 in DER) is for that image.

    Raises ValueError for an `authority` that is no certificate of an elliptic curve's key.
    """
    key = x509.load_der_x509_certificate(authority).public_key()
    if not isinstance(key, ec.EllipticCurvePublicKey):
        message = "the CA's key is not of an elliptic curve"
        raise ValueError(message)  # noqa: TRY004 - what is wrong is the certificate's content
    try:
        key.verify(signature, update_statement(length, sha256), ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return False
    return True
