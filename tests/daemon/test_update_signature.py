"""A CA signs an update of a bridge's firmware, and a bridge that has its certificate knows it."""

from hashlib import sha256
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from stmota_daemon.authority import Authority
from stmota_protocol.update_statement import update_statement

IMAGE = b"an image"
DIGEST = sha256(IMAGE).digest()


def is_signed_update(authority: bytes, length: int, sha256: bytes, signature: bytes) -> bool:
    """Judge as a bridge does that has this CA's certificate."""
    key = x509.load_der_x509_certificate(authority).public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    try:
        key.verify(signature, update_statement(length, sha256), ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return False
    return True


def test_what_is_signed_is_what_the_protocol_says() -> None:
    assert update_statement(0x01020304, bytes(range(32))) == (
        b"stmota bridge update\x04\x03\x02\x01" + bytes(range(32))
    )


def test_the_ca_s_signature_is_known_by_its_certificate_and_only_for_that_image(tmp_path: Path) -> None:
    ours, theirs = Authority.of(tmp_path / "ours"), Authority.of(tmp_path / "theirs")
    signature = ours.sign_update(len(IMAGE), DIGEST)
    assert len(signature) <= 80
    assert is_signed_update(ours.certificate, len(IMAGE), DIGEST, signature)
    for authority, length, digest, given in (
        (theirs.certificate, len(IMAGE), DIGEST, signature),
        (ours.certificate, len(IMAGE) + 1, DIGEST, signature),
        (ours.certificate, len(IMAGE), sha256(b"another").digest(), signature),
        (ours.certificate, len(IMAGE), DIGEST, signature[:-1] + bytes((signature[-1] ^ 1,))),
        (ours.certificate, len(IMAGE), DIGEST, b""),
        (ours.certificate, len(IMAGE), DIGEST, b"no signature"),
    ):
        assert not is_signed_update(authority, length, digest, given)
