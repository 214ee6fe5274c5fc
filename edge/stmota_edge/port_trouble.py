"""What pyserial and the system say when a port does not work, as this package's errors, for people."""

import errno

from stmota_edge.errors import EdgeError, PortFailed, PortUnsupported

_REMEDIES = {
    errno.ENOENT: "no such port; is the adapter plugged in?",
    errno.ENODEV: "the adapter is gone; is it plugged in?",
    errno.ENXIO: "the adapter is gone; is it plugged in?",
    errno.EIO: "the adapter is gone; is it plugged in?",
    errno.EACCES: "not allowed; is this user in the group that owns the port (dialout on Debian)?",
    errno.EPERM: "not allowed; is this user in the group that owns the port (dialout on Debian)?",
    errno.EBUSY: "in use by another program",
    errno.EAGAIN: "in use by another program",
    errno.ENOTTY: "not a serial port",
    errno.ECONNREFUSED: "refused; does anything listen there?",
}


def port_failed(url: str, error: Exception) -> PortFailed:
    """The port does not work, or no longer."""
    number = error.errno if isinstance(error, OSError) else None
    remedy = _REMEDIES.get(number or 0)
    return PortFailed(f"{url}: {remedy or str(error) or type(error).__name__}")


def cannot_open(url: str, error: Exception) -> EdgeError:
    """The port could not be opened: a bad URL is the caller's mistake, the rest the port's trouble."""
    cause = error.__context__
    # pyserial trips over a URL without a port number, and wraps what it tripped over.
    is_bad_url = isinstance(error, ValueError) or isinstance(cause, TypeError | AttributeError)
    if is_bad_url or "expected a string in the form" in str(error):
        forms = "a device, rfc2217://HOST:PORT or socket://HOST:PORT"
        return PortUnsupported(f"{url}: not a port that can be opened; give {forms}")
    if isinstance(cause, OSError) and cause.errno:
        return port_failed(url, cause)
    if isinstance(error, OSError) and error.errno is None and "configure port" in str(error):
        return PortFailed(f"{url}: {_REMEDIES[errno.ENOTTY]}")
    return port_failed(url, error)
