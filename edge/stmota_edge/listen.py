"""Where a bridge listens, as people write it."""

from dataclasses import dataclass
from ipaddress import ip_address

from stmota_protocol.messages import DEFAULT_TCP_PORT


@dataclass(frozen=True, slots=True)
class ListenAddress:
    """A host, by name or address, and a port; port 0 takes any that is free."""

    host: str
    port: int

    @staticmethod
    def parse(text: str) -> "ListenAddress":
        """Read `HOST`, `HOST:PORT`, `[V6]:PORT` or `:PORT` (all addresses). Raises ValueError."""
        host, colon, port = text.rpartition(":")
        if not colon or text.endswith("]") or (":" in host and not host.startswith("[")):
            host, port = text, str(DEFAULT_TCP_PORT)
        if not port.isascii() or not port.isdigit() or int(port) > 0xFFFF:
            message = f"{text!r}: write HOST:PORT, for example 127.0.0.1:{DEFAULT_TCP_PORT}"
            raise ValueError(message)
        return ListenAddress(host.removeprefix("[").removesuffix("]") or "0.0.0.0", int(port))  # noqa: S104

    def __str__(self) -> str:
        """`HOST:PORT`."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def is_loopback(address: str) -> bool:
    """Whether only this machine reaches an address."""
    return ip_address(address).is_loopback
