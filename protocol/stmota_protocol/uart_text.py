"""UART settings as people write them: `115200 8N1`."""

import re

from stmota_protocol.steps import Parity, StopBits, UartSettings

_FORM = re.compile(r"\s*(\d{2,8})\s+([78])([NEO])([12])\s*\Z", re.IGNORECASE | re.ASCII)
_MIN_BAUD = 50
_MAX_BAUD = 12_500_000
"""The fastest USART of the chips that stmota knows."""


def parse_uart(text: str) -> UartSettings:
    """Parse `115200 8N1`. Raises ValueError, which says the form."""
    match = _FORM.match(text)
    if match is None or not _MIN_BAUD <= int(match[1]) <= _MAX_BAUD:
        message = f'{text[:40]!r} is no UART setting; write baud, data bits, parity, stop bits: "115200 8N1"'
        raise ValueError(message)
    return UartSettings(
        baud=int(match[1]),
        data_bits=int(match[2]),
        parity=Parity("NEO".index(match[3].upper())),
        stop_bits=StopBits(int(match[4])),
    )


def uart_text(settings: UartSettings) -> str:
    """Write what `parse_uart` reads."""
    parity = "NEO"[settings.parity]
    return f"{settings.baud} {settings.data_bits}{parity}{int(settings.stop_bits)}"
