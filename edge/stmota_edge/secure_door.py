"""The door of a bridge in secure mode: TLS comes in, everything else is told why not."""

import ssl

import trio

from stmota_edge.pump import LAST_WORDS_S, READ_BYTES
from stmota_edge.tls import NotTrusted, handshake
from stmota_protocol.frames import PREAMBLE
from stmota_protocol.messages import CloseReason, Closing
from stmota_protocol.wire import encode_message

TLS_HANDSHAKE = 0x16
"""The first byte of TLS: a record of handshake (RFC 8446 §5.1)."""
SECURED_TEXT = "this bridge is in secure mode: it speaks TLS, to the daemon that secured it"


async def let_in(stream: trio.abc.Stream, context: ssl.SSLContext) -> trio.abc.Stream:
    """Return the connection inside TLS; the caller limits the time.

    Raises `NotTrusted` for any other connection, which is closed then, as it is by a cancellation.
    """
    first = await _first_bytes(stream)
    if first[:1] != bytes((TLS_HANDSHAKE,)):
        await _turn_away(stream)
        message = "it did not speak TLS"
        raise NotTrusted(message)
    return await handshake(_Replayed(stream, first), context, is_server=True)


async def _first_bytes(stream: trio.abc.Stream) -> bytes:
    try:
        return bytes(await stream.receive_some(READ_BYTES))
    except trio.BrokenResourceError:
        return b""
    except BaseException:
        await trio.aclose_forcefully(stream)
        raise


async def _turn_away(stream: trio.abc.Stream) -> None:
    """Say why, wait for the peer to close, for a moment: data unread at a close would make TCP drop it."""
    try:
        with trio.move_on_after(LAST_WORDS_S):
            await stream.send_all(PREAMBLE + encode_message(Closing(CloseReason.SECURED, SECURED_TEXT)))
            if isinstance(stream, trio.abc.HalfCloseableStream):
                await stream.send_eof()
            while await stream.receive_some(READ_BYTES):
                pass
    except trio.BrokenResourceError:
        return
    finally:
        await trio.aclose_forcefully(stream)


class _Replayed(trio.abc.Stream):
    """A stream some of whose bytes were read already."""

    def __init__(self, stream: trio.abc.Stream, first: bytes) -> None:
        self._stream = stream
        self._first = first

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        """Return the bytes read already, then what comes."""
        if not self._first:
            return await self._stream.receive_some(max_bytes)
        await trio.lowlevel.checkpoint()
        length = len(self._first) if max_bytes is None else max_bytes
        data, self._first = self._first[:length], self._first[length:]
        return data

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """As the stream does."""
        await self._stream.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        """As the stream does."""
        await self._stream.wait_send_all_might_not_block()

    async def aclose(self) -> None:
        """As the stream does."""
        await self._stream.aclose()
