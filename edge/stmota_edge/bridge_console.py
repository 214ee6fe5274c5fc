"""A bridge's own console at its USB or UART0: plain commands in lines, and Improv packets for Wi-Fi.

The commands are bridge_firmware's `bridge_console.h`; Improv is https://www.improv-wifi.com/serial.
"""

import time
from typing import Protocol

from stmota_edge.errors import EdgeError

BAUD = 115200
"""ESP-IDF's console, and what Improv asks for."""
ANSWER_WITHIN_S = 5.0
"""A command is answered at once; `save` writes some values to the flash, tens of milliseconds each."""
JOIN_WITHIN_S = 45.0
"""The bridge tries a network for 20 s, and may go back to the one before."""
DOWNLOAD_MODE = b"waiting for download"
"""What the ROM says at reset with GPIO0 (C3, C6: GPIO9) low (esptool's documentation, boot mode)."""
IMPROV = b"IMPROV\x01"
STATE, ERROR, COMMAND, RESULT = 1, 2, 3, 4
SEND_WIFI = 1
PROVISIONED = 4
ERRORS = {
    1: "it did not understand the network's name or password: a password has 8 to 64 characters",
    2: "its firmware knows no Wi-Fi over Improv",
    3: "it could not join the network; are name and password right, and is it on 2.4 GHz?",
}


class ConsoleFailed(EdgeError):
    """The console did not answer, or answered with an error."""


class SerialPort(Protocol):
    """What of pyserial is used; reads end after the port's own short timeout."""

    def read(self, size: int = 1) -> bytes:
        """Read what is there."""
        ...

    def write(self, b: bytes, /) -> int | None:
        """Write all of it."""
        ...


class BridgeConsole:
    """Speaks with a bridge's console, command by command."""

    def __init__(self, port: SerialPort) -> None:
        self._port = port

    def command(self, line: str) -> list[str]:
        """Give a command; return its lines of answer. Raises `ConsoleFailed`, without the command's value."""
        what = " ".join(line.split(" ")[:2])
        if not line.isprintable():
            message = f"{what!r}: a value has characters that cannot be written in a line"
            raise ConsoleFailed(message)
        self._port.write(line.encode() + b"\n")
        heard = b""
        deadline_s = time.monotonic() + ANSWER_WITHIN_S
        while time.monotonic() < deadline_s:
            heard += self._port.read(4096)
            lines = [text.decode("utf-8", "replace").strip("\r") for text in heard.split(b"\n")[:-1]]
            for number, text in enumerate(lines):
                if text == "ok":
                    return lines[:number]
                if text.startswith("error: "):
                    message = f"{what}: {text.removeprefix('error: ')}"
                    raise ConsoleFailed(message)
        if DOWNLOAD_MODE in heard:
            message = (
                f"{what}: the ESP32 waits for a firmware (download mode): let go of BOOT, press its reset"
            )
            raise ConsoleFailed(message)
        message = f"{what}: no answer within {ANSWER_WITHIN_S:.0f} s; is this a stmota bridge's own console?"
        raise ConsoleFailed(message)

    def join(self, ssid: str, password: str) -> None:
        """Have the bridge join a Wi-Fi network and keep it. Raises `ConsoleFailed`."""
        data = b"".join(bytes([len(text)]) + text for text in (ssid.encode(), password.encode()))
        self._port.write(improv_packet(COMMAND, bytes([SEND_WIFI, len(data)]) + data))
        heard = b""
        deadline_s = time.monotonic() + JOIN_WITHIN_S
        while time.monotonic() < deadline_s:
            heard += self._port.read(4096)
            packets, heard = take_packets(heard)
            for kind, content in packets:
                if kind == STATE and content[:1] == bytes([PROVISIONED]):
                    return
                if kind == ERROR and content[:1] not in (b"", b"\0"):
                    said = ERRORS.get(content[0], f"error {content[0]}")
                    message = f"the bridge is not on the network {ssid!r}: {said}"
                    raise ConsoleFailed(message)
        message = f"the bridge said nothing of the network {ssid!r} within {JOIN_WITHIN_S:.0f} s"
        raise ConsoleFailed(message)


def improv_packet(kind: int, data: bytes) -> bytes:
    """Make a packet: its sum is of all bytes before it."""
    packet = IMPROV + bytes([kind, len(data)]) + data
    return packet + bytes([sum(packet) & 0xFF]) + b"\n"


def take_packets(heard: bytes) -> tuple[list[tuple[int, bytes]], bytes]:
    """Find the packets among other text; return (kind, data) of each whole one, and what is left."""
    packets: list[tuple[int, bytes]] = []
    while (start := heard.find(IMPROV)) >= 0:
        heard = heard[start:]
        end = len(IMPROV) + 2 + (heard[len(IMPROV) + 1] if len(heard) > len(IMPROV) + 1 else 256)
        if len(heard) <= end:
            return packets, heard
        if heard[end] == sum(heard[:end]) & 0xFF:
            packets.append((heard[len(IMPROV)], heard[len(IMPROV) + 2 : end]))
            heard = heard[end + 1 :]
        else:
            heard = heard[1:]
    return packets, heard[-len(IMPROV) :]
