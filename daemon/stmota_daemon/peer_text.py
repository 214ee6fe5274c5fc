"""What bridges and boards say of themselves is untrusted: short, and without control characters."""

MAX_NAME = 63
"""Characters of a name: what mDNS allows an instance (RFC 6763 §4.1.1)."""
MAX_VERSION = 40
"""Characters of a version: room for `1.12.3-rc1+g0123456789ab`."""


def cleaned(text: str, max_length: int) -> str:
    """Return `text` with what cannot be printed escaped, cut to `max_length` characters with an ellipsis."""
    shown = "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode()
        for char in text[: max_length + 1]
    )
    return shown if len(shown) <= max_length else shown[: max_length - 1] + "…"
