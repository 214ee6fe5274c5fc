"""UART settings as pyserial names them."""

from typing import Any

from stmota_edge.errors import PortUnsupported
from stmota_protocol.steps import Parity, UartSettings

PARITIES = {Parity.NONE: "N", Parity.EVEN: "E", Parity.ODD: "O"}


def pyserial_settings(settings: UartSettings) -> dict[str, Any]:
    """The dictionary that `Serial.apply_settings` takes, RS-485 aside. Raises `PortUnsupported`."""
    if not 5 <= settings.data_bits <= 8:
        message = f"{settings.data_bits} data bits; serial ports have 5 to 8"
        raise PortUnsupported(message)
    return {
        "baudrate": settings.baud,
        "bytesize": settings.data_bits,
        "parity": PARITIES[settings.parity],
        "stopbits": int(settings.stop_bits),
    }
