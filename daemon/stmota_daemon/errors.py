"""What the daemon's services raise; each text says what, where and what to do."""


class DaemonError(Exception):
    """Root of the daemon's errors that end it or refuse a request."""


class NotPrivate(DaemonError):
    """A directory that must be the user's own is open to others."""


class AlreadyRunning(DaemonError):
    """Another daemon has the socket or the state directory."""

    def __init__(self, message: str, pid: int | None) -> None:
        self.pid = pid
        super().__init__(message)


class StoreError(DaemonError):
    """The database cannot be used."""
