"""What a CA signs to let a bridge in secure mode take an update: BRIDGE_PROTOCOL.md, section 6."""

from struct import Struct

from stmota_protocol.limits import SHA256_BYTES

_STATEMENT = Struct(f"<20sI{SHA256_BYTES}s")
_WHAT = b"stmota bridge update"


def update_statement(length: int, sha256: bytes) -> bytes:
    """Return the bytes to sign (ECDSA P-256 with SHA-256) for an image of that length and digest."""
    return _STATEMENT.pack(_WHAT, length, sha256)
