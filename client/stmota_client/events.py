"""Server-sent events: bytes to events, and events to the API's messages.

Lines end at LF or CRLF only. JSON leaves U+0085 and U+2028 as they are, and text splitters that take
them for line ends would cut a board's log line in two.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

import msgspec

from stmota_client.errors import ClientError
from stmota_protocol.api import ProblemCode
from stmota_protocol.api.wire import Wire

MAX_LINE_BYTES = 4 * 1024 * 1024
"""The largest event is a finished job, some KiB; beyond this it is not our daemon."""

E = TypeVar("E", bound=Wire)


@dataclass(frozen=True, slots=True)
class ServerSentEvent:
    """One event. `id` is None where the server gave none."""

    id: int | None
    data: bytes


def lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield whole lines without their ends; what follows the last line end is dropped (it was cut)."""
    rest = bytearray()
    for chunk in chunks:
        rest += chunk
        if b"\n" in chunk:
            *whole, last = rest.split(b"\n")
            rest = bytearray(last)
            for line in whole:
                yield bytes(line.removesuffix(b"\r"))
        if len(rest) > MAX_LINE_BYTES:
            raise ClientError.of(
                ProblemCode.FAILED,
                f"the daemon sent a line of more than {MAX_LINE_BYTES} bytes",
                "is that address a stmota daemon's?",
            )


def server_sent_events(chunks: Iterable[bytes]) -> Iterator[ServerSentEvent]:
    """Yield the events in a stream of bytes; comments and fields other than id and data are skipped."""
    number: int | None = None
    data: list[bytes] = []
    for line in lines(chunks):
        if not line:
            if data:
                yield ServerSentEvent(number, b"\n".join(data))
            number, data = None, []
            continue
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            data.append(value)
        elif field == b"id" and value.isdigit():
            number = int(value)


class _Tagged(msgspec.Struct):
    """Any event, as far as its kind."""

    type: str


class EventDecoder(Generic[E]):
    """Decodes the events of one route; events of kinds unknown here (from a newer daemon) are skipped."""

    def __init__(self, *kinds: type[E]) -> None:
        self._by_tag = {str(kind.__struct_config__.tag): msgspec.json.Decoder(kind) for kind in kinds}

    def decode(self, data: bytes) -> E | None:
        """Return the event, or None if it is of an unknown kind. Raises `ClientError`."""
        try:
            decoder = self._by_tag.get(msgspec.json.decode(data, type=_Tagged).type)
            return None if decoder is None else decoder.decode(data)
        except msgspec.MsgspecError as error:
            raise misfit(error, "event") from error


def misfit(error: Exception, what: str) -> ClientError:
    """Return the error for an answer that does not fit the API as this client knows it."""
    return ClientError.of(
        ProblemCode.FAILED,
        f"the daemon's {what} is not as expected: {error}",
        "are client and daemon of the same version? restart the daemon: `stmota daemon stop`",
    )
