"""The messages that put a bridge into secure mode, as values. All come before Hello."""

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class SecureRequest:
    """The controller asks for a certificate request; `name` is shown on the bridge's console."""

    name: str
    port: int = 0


@dataclass(frozen=True, slots=True)
class SecureCsr:
    """The bridge's certificate request: PKCS#10 in DER, signed by its own P-256 key."""

    csr: bytes
    port: int = 0


@dataclass(frozen=True, slots=True)
class SecureInstall:
    """The bridge's certificate and the CA's, X.509 in DER: from now on these, and TLS only."""

    certificate: bytes
    authority: bytes
    port: int = 0


@dataclass(frozen=True, slots=True)
class SecureAnswer:
    """What became of a request that was refused, or of an install; `text` is a sentence for people."""

    is_done: bool
    text: str
    port: int = 0


SecureMessage: TypeAlias = SecureRequest | SecureCsr | SecureInstall | SecureAnswer
