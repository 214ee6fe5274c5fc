"""What can go wrong at the edge; what the host sees of it is a result's `Cause`."""


class EdgeError(Exception):
    """Root of this package's errors."""


class PortFailed(EdgeError):
    """The UART is gone or refuses to work: unplugged, connection lost, I/O error."""


class PortUnsupported(EdgeError):
    """This port lacks the line or the UART setting that was asked for; nothing was changed."""
