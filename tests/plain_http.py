"""HTTP clients for tests, without TLS: for that httpx reads the machine's CAs anew each time, in 40 ms."""

import ssl
from pathlib import Path

import httpx

NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
TIMEOUT_S = 30.0


def http_client(base_url: str = "http://localhost", *, socket: Path | None = None) -> httpx.AsyncClient:
    """A client of the server at that URL, or at a Unix socket."""
    uds = None if socket is None else str(socket)
    transport = httpx.AsyncHTTPTransport(verify=NO_TLS, uds=uds)
    return httpx.AsyncClient(transport=transport, base_url=base_url, timeout=TIMEOUT_S)
