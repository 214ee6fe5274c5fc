"""An event stream that goes on where it broke."""

import time
from collections.abc import Callable, Generator, Iterator
from typing import Generic, TypeVar

from stmota_client.errors import ClientError
from stmota_client.events import EventDecoder, server_sent_events
from stmota_client.transport import Parameters, Transport, went_away
from stmota_protocol.api import ProblemCode
from stmota_protocol.api.wire import Wire

RESUME_FOR_S = 30.0
"""How long a stream without news is tried again: a daemon that restarts needs a second or two."""
FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 2.0

E = TypeVar("E", bound=Wire)


class Stream(Generic[E]):
    """The events of one route, remembered by number so that reading can go on after a break."""

    def __init__(
        self,
        transport: Transport,
        path: str,
        decoder: EventDecoder[E],
        parameters: Parameters | None = None,
        *,
        after: int | None = None,
        on_break: Callable[[], None] = lambda: None,
    ) -> None:
        """`on_break` is called when a stream that was open breaks, before it is tried again."""
        self._on_break = on_break
        self._transport = transport
        self._path = path
        self._decoder = decoder
        self._parameters: Parameters = parameters or {}
        self._last = after
        self._was_open = False
        self._waited_s = 0.0

    def read_once(self) -> Generator[E]:
        """Yield events until the server ends the stream. A broken one raises `ClientError`."""
        with self._transport.stream(self._path, self._parameters, self._last) as chunks:
            self._was_open = True
            for sent in server_sent_events(self._heard(chunks)):
                event = self._decoder.decode(sent.data)
                if sent.id is not None:
                    self._last = sent.id
                if event is not None:
                    yield event

    def read_to_end(self) -> Generator[E]:
        """Yield events until the server ends the stream; a break before that is mended."""
        return self._read(is_last=lambda _: False, ends_with_server=True)

    def read_until(self, is_last: Callable[[E], bool]) -> Generator[E]:
        """Yield events up to one that `is_last`; any end before that is mended."""
        return self._read(is_last, ends_with_server=False)

    def _read(self, is_last: Callable[[E], bool], *, ends_with_server: bool) -> Generator[E]:
        while True:
            error = went_away(self._transport.address, "it ended the stream early")
            try:
                for event in self.read_once():
                    yield event
                    if is_last(event):
                        return
                if ends_with_server:
                    return
            except ClientError as broken:
                if broken.problem.code is not ProblemCode.NO_DAEMON:
                    raise
                error = broken
            self._pause_or_raise(error)

    def _heard(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        """Pass on what comes: any byte, a keep-alive too, is news."""
        for chunk in chunks:
            self._waited_s = 0.0
            yield chunk

    def _pause_or_raise(self, error: ClientError) -> None:
        """Wait before the next try; a stream that never opened, or had no news for long, is an error."""
        if not self._was_open or self._waited_s >= RESUME_FOR_S:
            raise error
        if not self._waited_s:
            self._on_break()
        pause_s = min(max(self._waited_s, FIRST_PAUSE_S), LONGEST_PAUSE_S)
        self._waited_s += pause_s
        time.sleep(pause_s)
