"""The payloads of the messages that open a connection: greeting, hello, welcome, busy."""

from struct import Struct

from stmota_protocol.frames import Malformed
from stmota_protocol.limits import (
    BOOT_ID_BYTES,
    CONTROLLER_ID_BYTES,
    MAX_CHIP_BYTES,
    MAX_FIRMWARE_BYTES,
    MAX_NAME_BYTES,
    MAX_PROJECT_BYTES,
    UNIQUE_ID_BYTES,
)
from stmota_protocol.messages import Busy, Greeting, Hello, LastBatch, Welcome
from stmota_protocol.steps import EdgeIdentity, Line, Outcome
from stmota_protocol.upkeep import FirmwareTrial, NetworkRights
from stmota_protocol.wire_fields import FieldReader, known, sized, text_field
from stmota_protocol.wire_results import encode_batch_result, read_batch_result

GREETING = Struct("<8s8sBIIIQQQIIB")
"""unique_id, boot_id, lines, credit, max_batch, console_ring, console_oldest, console_next, now_us,
last batch: run, number, outcome. Then name, firmware, holder, count u8 of steps and their numbers; rights u8,
project, chip, trial u8."""
HELLO = Struct("<16sBQ")
"""controller_id, flags, console_from. Then name."""
WELCOME = Struct("<B")
"""1 when the port u8 and the last result follow."""
BUSY = Struct("<16sQ")
"""holder_id, held_for_us. Then name."""
_ONE_BYTE = Struct("<B")

NO_LAST_BATCH = 0xFF
TAKE_OVER = 0x01


def encode_greeting(message: Greeting) -> bytes:
    """Payload of a greeting. Raises ValueError or struct.error."""
    identity = message.identity
    last = message.last_batch
    fixed = GREETING.pack(
        sized(identity.unique_id, UNIQUE_ID_BYTES, "unique id"),
        sized(identity.boot_id, BOOT_ID_BYTES, "boot id"),
        identity.lines,
        identity.credit,
        identity.max_batch,
        identity.console_ring,
        message.console_oldest,
        message.console_next,
        message.now_us,
        last.run if last else 0,
        last.number if last else 0,
        last.outcome if last else NO_LAST_BATCH,
    )
    name = text_field(identity.name, MAX_NAME_BYTES)
    firmware = text_field(identity.firmware, MAX_FIRMWARE_BYTES)
    holder = text_field(message.holder, MAX_NAME_BYTES)
    steps = bytes(sorted(identity.supported_steps))
    since_1_1 = _ONE_BYTE.pack(identity.rights) + text_field(identity.project, MAX_PROJECT_BYTES)
    since_1_1 += text_field(identity.chip, MAX_CHIP_BYTES) + _ONE_BYTE.pack(identity.trial)
    return b"".join((fixed, name, firmware, holder, _ONE_BYTE.pack(len(steps)), steps, since_1_1))


def decode_greeting(payload: bytes, port: int) -> Greeting:
    """Read a greeting. Raises `Malformed`."""
    reader = FieldReader(payload)
    fields = reader.fields(GREETING)
    unique_id, boot_id, lines, credit, max_batch, console_ring, console_oldest, console_next, now_us = fields[
        :9
    ]
    run, number, outcome = fields[9:]
    if console_oldest > console_next:
        message = f"its oldest console byte {console_oldest} comes after its next {console_next}"
        raise Malformed(message)
    last = None if outcome == NO_LAST_BATCH else LastBatch(run, number, known(Outcome, outcome))
    name, firmware = reader.text(MAX_NAME_BYTES), reader.text(MAX_FIRMWARE_BYTES)
    holder = reader.text(MAX_NAME_BYTES)
    supported_steps = frozenset(reader.block(reader.block(1)[0]))
    rights, project, chip, trial = _since_1_1(reader)
    identity = EdgeIdentity(
        name=name,
        unique_id=unique_id,
        boot_id=boot_id,
        firmware=firmware,
        lines=Line(lines),
        credit=credit,
        max_batch=max_batch,
        supported_steps=supported_steps,
        console_ring=console_ring,
        rights=rights,
        project=project,
        chip=chip,
        trial=trial,
    )
    return Greeting(identity, console_oldest, console_next, now_us, last, holder, port)


def _since_1_1(reader: FieldReader) -> tuple[NetworkRights, str, str, FirmwareTrial]:
    """Read what a greeting ends with since minor version 1; a bridge of 1.0 tells nothing of it."""
    if reader.is_at_end:
        return NetworkRights.NONE, "", "", FirmwareTrial.NONE
    (rights,) = reader.fields(_ONE_BYTE)
    project, chip = reader.text(MAX_PROJECT_BYTES), reader.text(MAX_CHIP_BYTES)
    (trial,) = reader.fields(_ONE_BYTE)
    return NetworkRights(rights), project, chip, known(FirmwareTrial, trial)


def encode_hello(message: Hello) -> bytes:
    """Payload of a hello. Raises ValueError or struct.error."""
    controller_id = sized(message.controller_id, CONTROLLER_ID_BYTES, "controller id")
    flags = TAKE_OVER if message.take_over else 0
    return HELLO.pack(controller_id, flags, message.console_from) + text_field(message.name, MAX_NAME_BYTES)


def decode_hello(payload: bytes, port: int) -> Hello:
    """Read a hello. Raises `Malformed`; flags unknown here are ignored."""
    reader = FieldReader(payload)
    controller_id, flags, console_from = reader.fields(HELLO)
    return Hello(controller_id, reader.text(MAX_NAME_BYTES), bool(flags & TAKE_OVER), console_from, port)


def encode_welcome(message: Welcome) -> bytes:
    """Payload of a welcome. Raises ValueError or struct.error."""
    last = message.last_result
    if last is None:
        return WELCOME.pack(0)
    return WELCOME.pack(1) + _ONE_BYTE.pack(last.port) + encode_batch_result(last)


def decode_welcome(payload: bytes, port: int) -> Welcome:
    """Read a welcome. Raises `Malformed`."""
    reader = FieldReader(payload)
    (has_last,) = reader.fields(WELCOME)
    if has_last > 1:
        message = f"{has_last} last results"
        raise Malformed(message)
    if not has_last:
        return Welcome(None, port)
    (last_port,) = reader.fields(_ONE_BYTE)
    return Welcome(read_batch_result(reader, last_port), port)


def encode_busy(message: Busy) -> bytes:
    """Payload of a busy. Raises ValueError or struct.error."""
    holder_id = sized(message.holder_id, CONTROLLER_ID_BYTES, "controller id")
    return BUSY.pack(holder_id, message.held_for_us) + text_field(message.holder_name, MAX_NAME_BYTES)


def decode_busy(payload: bytes, port: int) -> Busy:
    """Read a busy. Raises `Malformed`."""
    reader = FieldReader(payload)
    holder_id, held_for_us = reader.fields(BUSY)
    return Busy(reader.text(MAX_NAME_BYTES), holder_id, held_for_us, port)
