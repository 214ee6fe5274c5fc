"""What an edge in Python says of itself."""

import os
from importlib.metadata import PackageNotFoundError, version

from stmota_protocol.limits import BOOT_ID_BYTES
from stmota_protocol.steps import EdgeIdentity, Line
from stmota_protocol.wire import KNOWN_STEPS

DEFAULT_CREDIT_BYTES = 64 * 1024
"""Several of the largest batches: the UART never waits for a round trip of a second at 115200 baud."""
DEFAULT_MAX_BATCH_BYTES = 16 * 1024
"""Seven 2 KiB pages; an ESP32 has less memory, so a host must not count on it."""


def soft_firmware() -> str:
    """What a soft bridge says it runs."""
    try:
        return f"soft-{version('stmota')}"
    except PackageNotFoundError:
        return "soft"


def edge_identity(
    *,
    name: str,
    unique_id: bytes,
    lines: Line,
    console_ring: int,
    firmware: str | None = None,
    credit: int = DEFAULT_CREDIT_BYTES,
    max_batch: int = DEFAULT_MAX_BATCH_BYTES,
) -> EdgeIdentity:
    """The identity of an edge that starts now: its boot id is new."""
    return EdgeIdentity(
        name=name,
        unique_id=unique_id,
        boot_id=os.urandom(BOOT_ID_BYTES),
        firmware=firmware or soft_firmware(),
        lines=lines,
        credit=credit,
        max_batch=max_batch,
        supported_steps=KNOWN_STEPS,
        console_ring=console_ring,
    )
