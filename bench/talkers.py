"""Boards that talk without a pause, each behind a soft bridge: what the logs are measured with.

Run as `python -m bench.talkers --count 64`; it prints where the bridges listen and ends with SIGTERM. Every
line carries the system's monotonic clock, so that a reader on this machine knows how old it is.
"""

import argparse
import sys
import time
from functools import partial

import trio

from stmota_edge.port import AsyncPort
from stmota_edge.soft_bridge import SoftBridge
from stmota_protocol.steps import Line, LineErrors, UartSettings
from stmota_simulator.until_signal import run_until_signal

BITS_PER_BYTE = 10  # 8N1
BAUD = 115_200
LINE_BYTES = 64
CHUNK_S = 0.02
"""How often what came is read: as the console's frames span it anyway."""


def line(number: int, at_s: float) -> bytes:
    """A line of exactly `LINE_BYTES` bytes, its end included."""
    return f"{number:012d} {at_s:020.6f} ".encode().ljust(LINE_BYTES - 2, b".") + b"\r\n"


class TalkingPort(AsyncPort):
    """A UART on which an application prints line after line at 115200 baud, back to back."""

    lines = Line(0)

    def __init__(self) -> None:
        self._began_s = time.monotonic()
        self._number = 0
        self._lines_per_s = BAUD / BITS_PER_BYTE / LINE_BYTES

    def now_us(self) -> int:
        return int((time.monotonic() - self._began_s) * 1e6)

    async def write(self, data: bytes) -> None:
        await trio.lowlevel.checkpoint()

    async def drain(self) -> None:
        await trio.lowlevel.checkpoint()

    async def read(self, until_us: int | None) -> tuple[int, bytes]:
        if until_us is not None:  # a batch: nothing answers
            await trio.sleep(max(until_us - self.now_us(), 0) / 1e6)
            return self.now_us(), b""
        await trio.sleep(CHUNK_S)
        first, self._number = self._number, int(self.now_us() / 1e6 * self._lines_per_s)
        ends_s = [self._began_s + (number + 1) / self._lines_per_s for number in range(first, self._number)]
        data = b"".join(line(first + index, end_s) for index, end_s in enumerate(ends_s))
        return int(first / self._lines_per_s * 1e6), data

    async def sleep_until(self, until_us: int) -> None:
        await trio.sleep(max(until_us - self.now_us(), 0) / 1e6)

    async def set_lines(self, mask: Line, levels: Line) -> None:
        await trio.lowlevel.checkpoint()

    async def sense(self) -> tuple[Line, Line]:
        await trio.lowlevel.checkpoint()
        return Line(0), Line(0)

    async def configure(self, settings: UartSettings) -> None:
        await trio.lowlevel.checkpoint()

    def take_errors(self) -> LineErrors:
        return LineErrors()

    async def aclose(self) -> None:
        await trio.lowlevel.checkpoint()


async def _serve(count: int) -> None:
    async with trio.open_nursery() as nursery:
        for number in range(1, count + 1):
            bridge = SoftBridge(TalkingPort(), name=f"talker-{number}", unique_id=number.to_bytes(8, "big"))
            listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
            await nursery.start(bridge.serve, listeners)
            host, port = listeners[0].socket.getsockname()[:2]
            sys.stdout.write(f"talker-{number} listening on {host}:{port}\n")
        sys.stdout.flush()


def main() -> None:
    """Serve until a signal."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=64)
    run_until_signal(partial(_serve, parser.parse_args().count))


if __name__ == "__main__":
    main()
