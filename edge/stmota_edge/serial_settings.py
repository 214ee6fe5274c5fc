"""UART settings as pyserial names them."""

from typing import Any

from stmota_edge.errors import PortUnsupported
from stmota_protocol.steps import Parity, Rs485, UartSettings

PARITIES = {Parity.NONE: "N", Parity.EVEN: "E", Parity.ODD: "O"}


def pyserial_settings(settings: UartSettings) -> dict[str, Any]:
    """The dictionary that `Serial.apply_settings` takes. Raises `PortUnsupported`."""
    if settings.rs485 is not Rs485.OFF:
        message = "this port drives no RS-485 direction line; use an adapter that turns by itself, and echo"
        raise PortUnsupported(message)
    if not 5 <= settings.data_bits <= 8:
        message = f"{settings.data_bits} data bits; serial ports have 5 to 8"
        raise PortUnsupported(message)
    return {
        "baudrate": settings.baud,
        "bytesize": settings.data_bits,
        "parity": PARITIES[settings.parity],
        "stopbits": int(settings.stop_bits),
    }
