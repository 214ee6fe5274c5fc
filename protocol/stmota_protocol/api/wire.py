"""The base of all messages of the daemon's API."""

import msgspec


class Wire(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=False):
    """Base of all API messages."""
