"""The bridge protocol's messages as bytes, in both directions, and what a batch is charged.

Little-endian. A message may gain fields at its end in a minor version, so what follows the last field
known here is ignored. Tables and rules for people, and for a firmware's author: BRIDGE_PROTOCOL.md.
"""

from struct import error as StructError  # noqa: N812  (it is a class, whatever the struct module calls it)

from stmota_protocol import wire_messages as forms
from stmota_protocol.frames import Frame, Malformed, encode_frame
from stmota_protocol.limits import HEADER_BYTES
from stmota_protocol.messages import Message, Unknown
from stmota_protocol.steps import Batch
from stmota_protocol.wire_numbers import KNOWN_STEPS, PORT_BOUND, MessageType, StepNumber
from stmota_protocol.wire_results import BATCH_RESULT, LARGEST_BARE_RESULT_BYTES
from stmota_protocol.wire_steps import largest_return_bytes, step_bytes

__all__ = [
    "KNOWN_STEPS",
    "MessageType",
    "StepNumber",
    "charge",
    "decode_message",
    "encode_message",
    "is_known",
    "largest_result_bytes",
    "request_bytes",
]

_REQUEST_FIXED_BYTES = HEADER_BYTES + forms.BATCH_REQUEST.size
_RESULT_FIXED_BYTES = HEADER_BYTES + BATCH_RESULT.size + LARGEST_BARE_RESULT_BYTES


def encode_message(message: Message) -> bytes:
    """The whole frame. Raises ValueError for values the wire cannot say: too long, out of range."""
    try:
        message_type, payload = forms.encode_payload(message)
        return encode_frame(message_type, message.port, payload)
    except StructError as error:
        text = f"{type(message).__name__}: {error}"
        raise ValueError(text) from error


def decode_message(frame: Frame) -> Message:
    """The message in a frame. Raises `Malformed` for a known type with wrong content.

    An unknown type, and a type bound to a UART that is not there (port other than 0), is `Unknown`.
    """
    if not is_known(frame.message_type, frame.port):
        return Unknown(frame.message_type, frame.payload, frame.port)
    try:
        return forms.DECODERS[frame.message_type](frame.payload, frame.port)
    except Malformed as error:
        text = f"{MessageType(frame.message_type).name} is malformed: {error}"
        raise Malformed(text) from None


def is_known(message_type: int, port: int) -> bool:
    """Whether this version can read a message of that type for that port. The only UART is port 0."""
    return message_type in forms.DECODERS and (port == 0 or message_type not in PORT_BOUND)


def request_bytes(batch: Batch) -> int:
    """Length of the batch's request, the whole frame."""
    return _REQUEST_FIXED_BYTES + sum(map(step_bytes, batch.steps))


def largest_result_bytes(batch: Batch) -> int:
    """Length of the largest result the batch can have, the whole frame."""
    return _RESULT_FIXED_BYTES + sum(map(largest_return_bytes, batch.steps))


def charge(batch: Batch) -> int:
    """What the batch takes of the credit: the larger of its request and its largest result."""
    return max(request_bytes(batch), largest_result_bytes(batch))
