"""The version of the API, and who answers."""

from stmota_protocol.api.wire import Wire

API_VERSION = (2, 0)
"""Major: incompatible. Minor: the daemon can more. A client newer than its daemon says so."""


class DaemonGreeting(Wire, frozen=True):
    """`GET /v1/greeting`: who answers."""

    product: str
    version: str
    api_version: tuple[int, int]
    pid: int
    uid: int
    started_at: float
