"""The payloads of the messages about settings and update. Table: BRIDGE_PROTOCOL.md, section 4."""

from collections.abc import Callable
from struct import Struct

from stmota_protocol.frames import Malformed
from stmota_protocol.limits import (
    MAX_KEY_BYTES,
    MAX_SETTINGS,
    MAX_SIGNATURE_BYTES,
    MAX_SMALL_FRAME,
    MAX_TEXT_BYTES,
    MAX_UPDATE_DATA,
    MAX_VALUE_BYTES,
    SHA256_BYTES,
)
from stmota_protocol.upkeep import (
    GetSettings,
    Restart,
    SetSettings,
    Setting,
    SettingChange,
    SettingFlags,
    Settings,
    SettingsAnswer,
    SettingsVerdict,
    UpdateBegin,
    UpdateCancel,
    UpdateData,
    UpdateFinish,
    UpdateState,
    UpdateStatus,
    Upkeep,
)
from stmota_protocol.wire_fields import FieldReader, cut_text_field, known, sized, text_field
from stmota_protocol.wire_numbers import MessageType

COUNT = Struct("<B")
"""How many settings follow."""
VERDICT = Struct("<B")
UPDATE_BEGIN = Struct("<I32sH")
"""length, SHA-256, length of the signature. Then the signature."""
UPDATE_STATUS = Struct("<BI")
UPDATE_DATA = Struct("<IH")
"""offset, length. Then the bytes."""
_ONE_BYTE = Struct("<B")


def encode_upkeep(message: Upkeep) -> tuple[int, bytes]:
    """Message type and payload. Raises ValueError or struct.error for what the wire cannot say."""
    match message:
        case GetSettings():
            return MessageType.GET_SETTINGS, b""
        case Settings():
            return MessageType.SETTINGS, _settings(message)
        case SetSettings():
            return MessageType.SET_SETTINGS, _changes(message)
        case SettingsAnswer():
            key = text_field(message.key, MAX_KEY_BYTES)
            text = cut_text_field(message.text, MAX_TEXT_BYTES)
            return MessageType.SETTINGS_ANSWER, VERDICT.pack(message.verdict) + key + text
        case Restart():
            return MessageType.RESTART, b""
        case _:
            return _encode_update(message)


def _encode_update(
    message: UpdateBegin | UpdateStatus | UpdateData | UpdateFinish | UpdateCancel,
) -> tuple[int, bytes]:
    match message:
        case UpdateBegin():
            sha256 = sized(message.sha256, SHA256_BYTES, "SHA-256")
            length = _signature_length(len(message.signature))
            return MessageType.UPDATE_BEGIN, UPDATE_BEGIN.pack(
                message.length, sha256, length
            ) + message.signature
        case UpdateStatus():
            text = cut_text_field(message.text, MAX_TEXT_BYTES)
            return MessageType.UPDATE_STATUS, UPDATE_STATUS.pack(message.state, message.granted) + text
        case UpdateData():
            return MessageType.UPDATE_DATA, _data(message)
        case UpdateFinish():
            return MessageType.UPDATE_FINISH, b""
        case UpdateCancel():
            return MessageType.UPDATE_CANCEL, b""


def _settings(message: Settings) -> bytes:
    parts = [COUNT.pack(_counted(len(message.settings)))]
    for setting in message.settings:
        parts.append(text_field(setting.key, MAX_KEY_BYTES))
        parts.append(text_field(setting.value, MAX_VALUE_BYTES))
        parts.append(_ONE_BYTE.pack(setting.flags))
    return b"".join(parts)


def _changes(message: SetSettings) -> bytes:
    parts = [COUNT.pack(_counted(len(message.changes)))]
    for change in message.changes:
        parts.append(text_field(change.key, MAX_KEY_BYTES))
        parts.append(text_field(change.value, MAX_VALUE_BYTES))
    payload = b"".join(parts)
    if len(payload) > MAX_SMALL_FRAME - 4:
        text = f"changes of {len(payload)} bytes; the most is {MAX_SMALL_FRAME - 4}"
        raise ValueError(text)
    return payload


def _counted(count: int) -> int:
    if count > MAX_SETTINGS:
        text = f"{count} settings; the most is {MAX_SETTINGS}"
        raise ValueError(text)
    return count


def _signature_length(length: int) -> int:
    if length > MAX_SIGNATURE_BYTES:
        raise ValueError(_long_signature(length))
    return length


def _long_signature(length: int) -> str:
    return f"a signature of {length} bytes; the most is {MAX_SIGNATURE_BYTES}"


def _data(message: UpdateData) -> bytes:
    length = len(message.data)
    if not 1 <= length <= MAX_UPDATE_DATA:
        text = f"{length} bytes of an image; 1 to {MAX_UPDATE_DATA} are possible"
        raise ValueError(text)
    return UPDATE_DATA.pack(message.offset, length) + message.data


def _read_count(reader: FieldReader) -> int:
    (count,) = reader.fields(COUNT)
    if count > MAX_SETTINGS:
        message = f"{count} settings; the most is {MAX_SETTINGS}"
        raise Malformed(message)
    return int(count)


def _read_setting(reader: FieldReader) -> Setting:
    key, value = reader.text(MAX_KEY_BYTES), reader.text(MAX_VALUE_BYTES)
    (flags,) = reader.fields(_ONE_BYTE)
    return Setting(key, value, SettingFlags(flags))


def _decode_settings(payload: bytes, port: int) -> Settings:
    reader = FieldReader(payload)
    return Settings(tuple(_read_setting(reader) for _ in range(_read_count(reader))), port)


def _decode_changes(payload: bytes, port: int) -> SetSettings:
    reader = FieldReader(payload)
    count = _read_count(reader)
    changes = [SettingChange(reader.text(MAX_KEY_BYTES), reader.text(MAX_VALUE_BYTES)) for _ in range(count)]
    return SetSettings(tuple(changes), port)


def _decode_answer(payload: bytes, port: int) -> SettingsAnswer:
    reader = FieldReader(payload)
    (verdict,) = reader.fields(VERDICT)
    key, text = reader.text(MAX_KEY_BYTES), reader.text(MAX_TEXT_BYTES)
    return SettingsAnswer(known(SettingsVerdict, verdict), key, text, port)


def _decode_begin(payload: bytes, port: int) -> UpdateBegin:
    reader = FieldReader(payload)
    length, sha256, signature_length = reader.fields(UPDATE_BEGIN)
    if signature_length > MAX_SIGNATURE_BYTES:
        message = _long_signature(signature_length)
        raise Malformed(message)
    return UpdateBegin(length, sha256, reader.block(signature_length), port)


def _decode_status(payload: bytes, port: int) -> UpdateStatus:
    reader = FieldReader(payload)
    state, granted = reader.fields(UPDATE_STATUS)
    return UpdateStatus(known(UpdateState, state), granted, reader.text(MAX_TEXT_BYTES), port)


def _decode_data(payload: bytes, port: int) -> UpdateData:
    reader = FieldReader(payload)
    offset, length = reader.fields(UPDATE_DATA)
    if not 1 <= length <= MAX_UPDATE_DATA:
        message = f"{length} bytes of an image; 1 to {MAX_UPDATE_DATA} are possible"
        raise Malformed(message)
    return UpdateData(offset, reader.block(length), port)


def _empty(kind: Callable[..., Upkeep]) -> Callable[[bytes, int], Upkeep]:
    """Decoder of a message without fields."""
    return lambda _, port: kind(port)


UPKEEP_DECODERS: dict[int, Callable[[bytes, int], Upkeep]] = {
    MessageType.GET_SETTINGS: _empty(GetSettings),
    MessageType.SETTINGS: _decode_settings,
    MessageType.SET_SETTINGS: _decode_changes,
    MessageType.SETTINGS_ANSWER: _decode_answer,
    MessageType.RESTART: _empty(Restart),
    MessageType.UPDATE_BEGIN: _decode_begin,
    MessageType.UPDATE_STATUS: _decode_status,
    MessageType.UPDATE_DATA: _decode_data,
    MessageType.UPDATE_FINISH: _empty(UpdateFinish),
    MessageType.UPDATE_CANCEL: _empty(UpdateCancel),
}
"""How to read each payload: (payload, port) to message; raises `Malformed`."""
