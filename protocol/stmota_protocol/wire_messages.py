"""The payload of each message, written and read. Used through `wire.py`; table: BRIDGE_PROTOCOL.md."""

from collections.abc import Callable
from struct import Struct

from stmota_protocol.frames import Malformed
from stmota_protocol.limits import MAX_CONSOLE_DATA, MAX_TEXT_BYTES
from stmota_protocol.messages import (
    Abort,
    BatchRequest,
    BatchResult,
    BeginRun,
    Busy,
    CloseReason,
    Closing,
    Console,
    ConsoleAck,
    ConsoleGap,
    EndRun,
    Greeting,
    Hello,
    Message,
    Ping,
    Pong,
    Unknown,
    Unsupported,
    Welcome,
)
from stmota_protocol.secure_messages import SecureAnswer, SecureCsr, SecureInstall, SecureRequest
from stmota_protocol.steps import MAX_STEPS, Batch, Unclaimed
from stmota_protocol.wire_fields import FieldReader, cut_text_field, known
from stmota_protocol.wire_handshake import (
    decode_busy,
    decode_greeting,
    decode_hello,
    decode_welcome,
    encode_busy,
    encode_greeting,
    encode_hello,
    encode_welcome,
)
from stmota_protocol.wire_numbers import MessageType
from stmota_protocol.wire_results import decode_batch_result, encode_batch_result
from stmota_protocol.wire_secure import SECURE_DECODERS, encode_secure
from stmota_protocol.wire_steps import decode_steps, encode_steps
from stmota_protocol.wire_upkeep import UPKEEP_DECODERS, encode_upkeep

BEGIN_RUN = Struct("<IB")
BATCH_REQUEST = Struct("<IIH")
"""run, number, count of steps. Then the steps."""
RUN = Struct("<I")
CONSOLE = Struct("<QQH")
"""position, at_us, length. Then the bytes."""
CONSOLE_GAP = Struct("<QQ")
CONSOLE_ACK = Struct("<Q")
PING = Struct("<I")
PONG = Struct("<IQ")
ONE_BYTE = Struct("<B")


def encode_payload(message: Message) -> tuple[int, bytes]:
    """Message type and payload. Raises ValueError or struct.error for what the wire cannot say."""
    match message:
        case BatchRequest():
            return MessageType.BATCH_REQUEST, _batch_request(message)
        case BatchResult():
            return MessageType.BATCH_RESULT, encode_batch_result(message)
        case Console():
            return MessageType.CONSOLE, _console(message)
        case Greeting() | Hello() | Welcome() | Busy() | Closing():
            return _encode_handshake(message)
        case Unknown():
            return message.message_type, message.payload
        case Ping() | Pong() | Unsupported() | BeginRun() | Abort() | EndRun() | ConsoleGap() | ConsoleAck():
            return _encode_fixed(message)
        case SecureRequest() | SecureCsr() | SecureInstall() | SecureAnswer():
            return encode_secure(message)
        case _:
            return encode_upkeep(message)


def _encode_handshake(message: Greeting | Hello | Welcome | Busy | Closing) -> tuple[int, bytes]:
    match message:
        case Greeting():
            return MessageType.GREETING, encode_greeting(message)
        case Hello():
            return MessageType.HELLO, encode_hello(message)
        case Welcome():
            return MessageType.WELCOME, encode_welcome(message)
        case Busy():
            return MessageType.BUSY, encode_busy(message)
        case Closing():
            text = cut_text_field(message.text, MAX_TEXT_BYTES)
            return MessageType.CLOSING, ONE_BYTE.pack(message.reason) + text


def _encode_fixed(
    message: Ping | Pong | Unsupported | BeginRun | Abort | EndRun | ConsoleGap | ConsoleAck,
) -> tuple[int, bytes]:
    match message:
        case Ping():
            return MessageType.PING, PING.pack(message.token)
        case Pong():
            return MessageType.PONG, PONG.pack(message.token, message.now_us)
        case Unsupported():
            return MessageType.UNSUPPORTED, ONE_BYTE.pack(message.message_type)
        case BeginRun():
            return MessageType.BEGIN_RUN, BEGIN_RUN.pack(message.run, message.unclaimed)
        case Abort():
            return MessageType.ABORT, RUN.pack(message.run)
        case EndRun():
            return MessageType.END_RUN, RUN.pack(message.run)
        case ConsoleGap():
            return MessageType.CONSOLE_GAP, _console_gap(message)
        case ConsoleAck():
            return MessageType.CONSOLE_ACK, CONSOLE_ACK.pack(message.position)


def _decode_begin_run(payload: bytes, port: int) -> BeginRun:
    run, unclaimed = FieldReader(payload).fields(BEGIN_RUN)
    return BeginRun(run, known(Unclaimed, unclaimed), port)


def _batch_request(message: BatchRequest) -> bytes:
    steps = message.batch.steps
    if len(steps) > MAX_STEPS:
        text = f"a batch of {len(steps)} steps; the most is {MAX_STEPS}"
        raise ValueError(text)
    return BATCH_REQUEST.pack(message.run, message.number, len(steps)) + encode_steps(steps)


def _decode_batch_request(payload: bytes, port: int) -> BatchRequest:
    run, number, count = FieldReader(payload).fields(BATCH_REQUEST)
    if count > MAX_STEPS:
        message = f"a batch of {count} steps; the most is {MAX_STEPS}"
        raise Malformed(message)
    steps, _ = decode_steps(payload, BATCH_REQUEST.size, count)
    return BatchRequest(run, number, Batch(steps), port)


def _console(message: Console) -> bytes:
    length = len(message.data)
    if not 1 <= length <= MAX_CONSOLE_DATA:
        text = f"console data of {length} bytes; 1 to {MAX_CONSOLE_DATA} are possible"
        raise ValueError(text)
    return CONSOLE.pack(message.position, message.at_us, length) + message.data


def _console_gap(message: ConsoleGap) -> bytes:
    if not message.length:
        text = "a gap of no bytes"
        raise ValueError(text)
    return CONSOLE_GAP.pack(message.position, message.length)


def _decode_console(payload: bytes, port: int) -> Console:
    reader = FieldReader(payload)
    position, at_us, length = reader.fields(CONSOLE)
    if not 1 <= length <= MAX_CONSOLE_DATA:
        message = f"{length} bytes of data; 1 to {MAX_CONSOLE_DATA} are possible"
        raise Malformed(message)
    return Console(position, at_us, reader.block(length), port)


def _decode_gap(payload: bytes, port: int) -> ConsoleGap:
    position, length = FieldReader(payload).fields(CONSOLE_GAP)
    if not length:
        message = "a gap of no bytes"
        raise Malformed(message)
    return ConsoleGap(position, length, port)


def _decode_closing(payload: bytes, port: int) -> Closing:
    reader = FieldReader(payload)
    (reason,) = reader.fields(ONE_BYTE)
    text = reader.text(MAX_TEXT_BYTES)
    return Closing(CloseReason(reason) if reason in _CLOSE_REASONS else reason, text, port)


def _plain(kind: Callable[..., Message], layout: Struct) -> Callable[[bytes, int], Message]:
    """Decoder of a message that is `layout` and nothing else."""
    return lambda payload, port: kind(*FieldReader(payload).fields(layout), port)


_CLOSE_REASONS = frozenset(int(reason) for reason in CloseReason)

DECODERS: dict[int, Callable[[bytes, int], Message]] = {
    MessageType.GREETING: decode_greeting,
    MessageType.HELLO: decode_hello,
    MessageType.WELCOME: decode_welcome,
    MessageType.BUSY: decode_busy,
    MessageType.PING: _plain(Ping, PING),
    MessageType.PONG: _plain(Pong, PONG),
    MessageType.UNSUPPORTED: _plain(Unsupported, ONE_BYTE),
    MessageType.CLOSING: _decode_closing,
    MessageType.BEGIN_RUN: _decode_begin_run,
    MessageType.BATCH_REQUEST: _decode_batch_request,
    MessageType.BATCH_RESULT: decode_batch_result,
    MessageType.ABORT: _plain(Abort, RUN),
    MessageType.END_RUN: _plain(EndRun, RUN),
    MessageType.CONSOLE: _decode_console,
    MessageType.CONSOLE_GAP: _decode_gap,
    MessageType.CONSOLE_ACK: _plain(ConsoleAck, CONSOLE_ACK),
    **UPKEEP_DECODERS,
    **SECURE_DECODERS,
}
"""How to read each message's payload: (payload, port) to message; raises `Malformed`."""
