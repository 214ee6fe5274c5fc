"""The payloads of the messages of secure mode. Used through `wire.py`; tables: BRIDGE_PROTOCOL.md."""

from collections.abc import Callable
from struct import Struct

from stmota_protocol.frames import Malformed
from stmota_protocol.limits import MAX_CERTIFICATE_BYTES, MAX_NAME_BYTES, MAX_TEXT_BYTES
from stmota_protocol.secure_messages import (
    SecureAnswer,
    SecureCsr,
    SecureInstall,
    SecureMessage,
    SecureRequest,
)
from stmota_protocol.wire_fields import FieldReader, cut_text_field, text_field
from stmota_protocol.wire_numbers import MessageType

LENGTH = Struct("<H")
"""Of a DER block, 1 to `MAX_CERTIFICATE_BYTES`. Then the bytes."""
OUTCOME = Struct("<B")
"""0 done, 1 refused. Then a text."""
_REFUSED = 1


def encode_secure(message: SecureMessage) -> tuple[int, bytes]:
    """Message type and payload. Raises ValueError for what the wire cannot say."""
    match message:
        case SecureRequest():
            return MessageType.SECURE_REQUEST, text_field(message.name, MAX_NAME_BYTES)
        case SecureCsr():
            return MessageType.SECURE_CSR, _block(message.csr)
        case SecureInstall():
            return MessageType.SECURE_INSTALL, _block(message.certificate) + _block(message.authority)
        case SecureAnswer():
            text = cut_text_field(message.text, MAX_TEXT_BYTES)
            return MessageType.SECURE_ANSWER, OUTCOME.pack(0 if message.is_done else _REFUSED) + text


def _block(data: bytes) -> bytes:
    if not 1 <= len(data) <= MAX_CERTIFICATE_BYTES:
        message = f"a certificate of {len(data)} bytes; 1 to {MAX_CERTIFICATE_BYTES} are possible"
        raise ValueError(message)
    return LENGTH.pack(len(data)) + data


def _read_block(reader: FieldReader) -> bytes:
    (length,) = reader.fields(LENGTH)
    if not 1 <= length <= MAX_CERTIFICATE_BYTES:
        message = f"a certificate of {length} bytes; 1 to {MAX_CERTIFICATE_BYTES} are possible"
        raise Malformed(message)
    return reader.block(length)


def _decode_request(payload: bytes, port: int) -> SecureRequest:
    return SecureRequest(FieldReader(payload).text(MAX_NAME_BYTES), port)


def _decode_csr(payload: bytes, port: int) -> SecureCsr:
    return SecureCsr(_read_block(FieldReader(payload)), port)


def _decode_install(payload: bytes, port: int) -> SecureInstall:
    reader = FieldReader(payload)
    return SecureInstall(_read_block(reader), _read_block(reader), port)


def _decode_answer(payload: bytes, port: int) -> SecureAnswer:
    reader = FieldReader(payload)
    (outcome,) = reader.fields(OUTCOME)
    if outcome > _REFUSED:
        message = f"outcome {outcome}, which is none"
        raise Malformed(message)
    return SecureAnswer(outcome == 0, reader.text(MAX_TEXT_BYTES), port)


SECURE_DECODERS: dict[int, Callable[[bytes, int], SecureMessage]] = {
    MessageType.SECURE_REQUEST: _decode_request,
    MessageType.SECURE_CSR: _decode_csr,
    MessageType.SECURE_INSTALL: _decode_install,
    MessageType.SECURE_ANSWER: _decode_answer,
}
"""As `wire_messages.DECODERS`."""
