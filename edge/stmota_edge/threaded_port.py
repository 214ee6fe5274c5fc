"""A port that pyserial opens by URL, and that blocks: `rfc2217://`, `socket://` and pyserial's others.

One thread of its own reads; whoever executes a batch does so in another thread, with the blocking methods
here, and may be aborted at any moment. What cannot be told: line levels, error counts, and when a byte
really leaves the far end (it is reckoned from its time on the wire).

`socket://` carries bytes only. Its first `configure` says how the far end is set; any that differs is
refused, and so is wiring.
"""

import io
import os
import select
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

import serial

from stmota_edge.effects import NOTHING, Received
from stmota_edge.errors import PortFailed, PortUnsupported
from stmota_edge.execution import BatchAborted
from stmota_edge.port import SAFE_LEVELS
from stmota_edge.port_trouble import cannot_open, port_failed
from stmota_edge.serial_settings import pyserial_settings
from stmota_edge.transmitter import Transmitter
from stmota_edge.wiring import ModemLine, Wiring
from stmota_protocol.steps import Line, LineErrors, Rs485, UartSettings

READ_SLICE_S = 0.2
"""How often the reading thread looks whether the port is to be closed; bytes are not held up by it."""
READ_BYTES = 4096
WRITE_WITHIN_S = 5.0
"""For a network peer to take what is written: as long as pyserial lets an rfc2217 peer take."""
MOST_UNREAD_BYTES = 1024 * 1024
"""Received and not taken: more means that nobody uses the port; the rest waits in the network."""


class ThreadedPort:
    """A blocking port. Opening and closing it block; `take` and `abort` never do."""

    def __init__(self, url: str, wiring: Wiring | None = None) -> None:
        self._url = url
        self._wiring = wiring or Wiring()
        self.lines = self._wiring.lines
        self._is_plain_socket = url.startswith("socket://")
        self._settings: UartSettings | None = None
        self._transmitter = Transmitter()
        self._start_ns = time.monotonic_ns()
        self._news = threading.Condition()
        self._inbox: deque[Received] = deque()
        self._unread_bytes = 0
        self._failure: PortFailed | None = None
        self._abort = threading.Event()
        """Of the batch in hand."""
        self._is_closing = False
        self._call_on_news: Callable[[], None] | None = None
        self.answer_delay_us = 0
        """A round trip to the far end: the connection's, then that of the newest RFC 2217 request (which
        pyserial looks for every 50 ms)."""
        self._serial = self._open()
        self._fd = self._find_fd()
        self._reader = threading.Thread(target=self._read_all, name=f"reads {url}", daemon=True)
        self._reader.start()

    def _open(self) -> serial.Serial:
        """Open with the lines at their safe levels. Raises `PortFailed`, `PortUnsupported`."""
        if self._is_plain_socket and self.lines:
            message = f"{self._url}: a plain socket has no modem lines; reset and boot0 cannot be driven"
            raise PortUnsupported(message)
        try:
            port = serial.serial_for_url(self._url, do_not_open=True, timeout=READ_SLICE_S)
            if self._is_plain_socket:
                port.write_timeout = WRITE_WITHIN_S
            levels = self._wiring.modem_levels(self.lines, SAFE_LEVELS)
            port.rts = levels.get(ModemLine.RTS, False)
            port.dtr = levels.get(ModemLine.DTR, False)
            began_us = self.now_us()
            port.open()
            if self._is_plain_socket:
                self.answer_delay_us = self.now_us() - began_us
        except (OSError, ValueError) as error:
            raise cannot_open(self._url, error) from error
        return port

    def _find_fd(self) -> int | None:
        """A file descriptor to read from, where the port has one: whole chunks, not byte by byte."""
        try:
            return int(self._serial.fileno())
        except (io.UnsupportedOperation, AttributeError):
            return None

    def now_us(self) -> int:
        """Microseconds since the port was opened."""
        return (time.monotonic_ns() - self._start_ns) // 1000

    def sent_by_us(self) -> int | None:
        """Reckoned from the bytes' time on the wire."""
        return self._transmitter.sent_by_us(self.now_us())

    def take_errors(self) -> LineErrors:
        """None: these ports do not tell."""
        return LineErrors()

    def take(self, call_on_news: Callable[[], None] | None = None) -> Received:
        """Take what has been received, without waiting; empty when there is nothing.

        Then `call_on_news` is called once, from the reading thread, when there is. Raises `PortFailed`.
        """
        with self._news:
            self._call_on_news = None
            if self._inbox:
                return self._take()
            if self._failure is not None:
                raise self._failure
            self._call_on_news = call_on_news
            return NOTHING

    def begin(self, abort: threading.Event) -> None:
        """A batch begins, in the thread that calls; once `abort` is set, whatever waits here raises."""
        with self._news:
            self._abort = abort

    def abort(self, abort: threading.Event) -> None:
        """Make the batch that began with it raise `BatchAborted`, now or when it waits next."""
        with self._news:
            abort.set()
            self._news.notify_all()

    def read(self, until_us: int) -> Received:
        """Wait for received bytes until a time. Raises `PortFailed`, `BatchAborted`."""
        with self._news:
            self._wait_until(until_us, lambda: bool(self._inbox))
            if self._inbox:
                return self._take()
            if self._failure is not None:
                raise self._failure
            return Received(until_us, b"")

    def sleep_until(self, until_us: int) -> None:
        """Wait. Raises `BatchAborted`."""
        with self._news:
            self._wait_until(until_us, lambda: False)

    def write(self, data: bytes) -> None:
        """Write all of it. Raises `PortFailed`."""
        self._check()
        try:
            self._serial.write(data)
        except (OSError, ValueError) as error:
            raise port_failed(self._url, error) from error
        self._transmitter.add(self.now_us(), len(data), self._settings or UartSettings())

    def drain(self) -> None:
        """Wait for the reckoned time. Raises `BatchAborted`."""
        self.sleep_until(self._transmitter.sent_us)

    def drop_unsent(self) -> None:
        """Ask the far end to forget what it has not sent."""
        with suppress(OSError, ValueError):
            self._serial.reset_output_buffer()
        self._transmitter.drop(self.now_us())

    def set_lines(self, mask: Line, levels: Line) -> None:
        """Set the modem lines that are wired to them. Raises `PortFailed`."""
        self._check()
        try:
            for modem_line, is_asserted in self._wiring.modem_levels(mask, levels).items():
                setattr(self._serial, modem_line.value, is_asserted)
        except (OSError, ValueError) as error:
            raise port_failed(self._url, error) from error

    def configure(self, settings: UartSettings) -> None:
        """Set the far end's UART. Raises `PortUnsupported`."""
        wanted = pyserial_settings(settings)
        self._check()
        if settings.rs485 is not Rs485.OFF:
            message = (
                f"{self._url}: RS-485 needs a port of the bridge's own machine, or an adapter that turns"
            )
            raise PortUnsupported(message + " by itself (echo, without rs485)")
        if self._is_plain_socket:
            self._check_unchanged(settings)
        else:
            began_us = self.now_us()
            try:
                self._serial.apply_settings(self._serial.get_settings() | wanted)
                self.answer_delay_us = self.now_us() - began_us
            except (OSError, ValueError) as error:
                message = f"{self._url} cannot be set to {settings}: {error}"
                raise PortUnsupported(message) from error
        self._settings = settings

    def close(self) -> None:
        """Lines to their safe levels; close; end the reading thread."""
        self.abort(self._abort)
        if self._failure is None:
            with suppress(PortFailed):
                self.set_lines(self.lines, SAFE_LEVELS & self.lines)
        self._is_closing = True
        if self._fd is not None:
            self._reader.join()  # before its descriptor is closed and means another file
        with suppress(OSError, ValueError):
            self._serial.close()
        self._reader.join()

    def _check_unchanged(self, settings: UartSettings) -> None:
        before = self._settings
        if before is not None and replace(before, echo=False) != replace(settings, echo=False):
            message = f"{self._url} is fixed at {before}: a plain socket cannot change it to {settings}"
            raise PortUnsupported(message)

    def _check(self) -> None:
        if self._failure is not None:
            raise self._failure

    def _take(self) -> Received:
        received = self._inbox.popleft()
        self._unread_bytes -= len(received.data)
        self._news.notify_all()
        return received

    def _wait_until(self, until_us: int, is_enough: Callable[[], bool]) -> None:
        """Wait, the lock held, for a time, for enough, or for a failure. Raises `BatchAborted`."""
        while not self._abort.is_set() and self._failure is None and not is_enough():
            left_us = until_us - self.now_us()
            if left_us <= 0:
                return
            self._news.wait(min(left_us / 1e6, threading.TIMEOUT_MAX))
        if self._abort.is_set():
            raise BatchAborted

    def _read_all(self) -> None:
        """Read until closed or failed: the reading thread."""
        while not self._is_closing:
            try:
                data = self._read_chunk()
            except Exception as error:  # noqa: BLE001  (pyserial raises TypeError and more in a close)
                self._put(None, port_failed(self._url, error))
                return
            if data:
                self._put(Received(self.now_us(), data))

    def _read_chunk(self) -> bytes:
        if self._fd is None:
            data = bytes(self._serial.read(1))
            return data + bytes(self._serial.read(self._serial.in_waiting)) if data else b""
        poll = select.poll()
        poll.register(self._fd, select.POLLIN)
        if not poll.poll(READ_SLICE_S * 1000):
            return b""
        data = os.read(self._fd, READ_BYTES)
        if not data:
            message = "the far end closed the connection"
            raise ConnectionError(message)
        return data

    def _put(self, received: Received | None, failure: PortFailed | None = None) -> None:
        with self._news:
            if received is not None:
                self._inbox.append(received)
                self._unread_bytes += len(received.data)
            self._failure = failure
            self._news.notify_all()
            call, self._call_on_news = self._call_on_news, None
            if call is not None:
                call()
            while self._unread_bytes > MOST_UNREAD_BYTES and not self._is_closing:
                self._news.wait(READ_SLICE_S)
