"""The vectors in protocol/vectors, read both ways. The C tests read the same files."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Any

import pytest

from stmota_protocol import messages, secure_messages, steps, upkeep
from stmota_protocol.frames import Malformed, judge_preamble, take_frame
from stmota_protocol.limits import MAX_FRAME
from stmota_protocol.messages import BatchRequest, CloseReason, Message
from stmota_protocol.steps import (
    Arrival,
    Batch,
    Configure,
    EdgeIdentity,
    Line,
    LineErrors,
    OnSilence,
    Outcome,
    Output,
    Parity,
    Result,
    Rs485,
    Step,
    StopBits,
    UartSettings,
    Unclaimed,
)
from stmota_protocol.wire import (
    MessageType,
    StepNumber,
    charge,
    decode_message,
    encode_message,
    largest_result_bytes,
    request_bytes,
)
from stmota_protocol.wire_steps import decode_steps, encode_steps

VECTORS = Path(__file__).parents[2] / "protocol" / "vectors"


@dataclass(frozen=True)
class Vector:
    name: str
    data: bytes
    meaning: str


def read(file: str) -> list[Vector]:
    """`name | hex | meaning`; lines that begin with # and empty ones say nothing."""
    vectors: list[Vector] = []
    for line in (VECTORS / file).read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            name, data, meaning = (part.strip() for part in line.split("|", 2))
            vectors.append(Vector(name, bytes.fromhex(data), meaning))
    return vectors


def vectors(*files: str) -> pytest.MarkDecorator:
    """Those of some files; C does not know the ones in `secure/` yet."""
    found = [vector for file in files for vector in read(file)]
    return pytest.mark.parametrize("vector", found, ids=lambda vector: vector.name)


# The notation of a meaning: `Kind key=value key=value ; Kind key=value`. Parts after the first are steps,
# outputs, arrivals, or the last batch or result. Numbers decimal, bytes hex (`-`: none), text in quotes.

_BYTES = {
    "data",
    "skip",
    "residue",
    "payload",
    "unique_id",
    "boot_id",
    "controller_id",
    "holder_id",
    "sha256",
    "signature",
    "csr",
    "certificate",
    "authority",
}
_ENUMS: dict[str, Callable[[int], Any]] = {
    "outcome": Outcome,
    "cause": steps.Cause,
    "parity": Parity,
    "stop_bits": StopBits,
    "rs485": Rs485,
    "on_silence": OnSilence,
    "unclaimed": Unclaimed,
    "mask": Line,
    "levels": Line,
    "lines": Line,
    "take_over": bool,
    "echo": bool,
    "rights": upkeep.NetworkRights,
    "trial": upkeep.FirmwareTrial,
    "flags": upkeep.SettingFlags,
    "verdict": upkeep.SettingsVerdict,
    "state": upkeep.UpdateState,
    "is_done": bool,
    "reason": lambda number: CloseReason(number) if number in set(CloseReason) else number,
}


def _value(key: str, text: str) -> Any:
    if text.startswith('"'):
        return text[1:-1]
    if text == "none":
        return None
    if key in _BYTES:
        return b"" if text == "-" else bytes.fromhex(text)
    if key == "supported_steps":
        return frozenset(int(number) for number in text.split(","))
    return _ENUMS.get(key, int)(int(text))


def _parts(meaning: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for part in meaning.split(" ; "):
        kind, _, rest = part.partition(" ")
        pairs = re.findall(r'(\w+)=("[^"]*"|\S+)', rest)
        yield kind, {key: _value(key, text) for key, text in pairs}


def _take(fields: dict[str, Any], kind: type[Any]) -> Any:
    names = [name for name in kind.__dataclass_fields__ if name in fields]
    return kind(**{name: fields.pop(name) for name in names})


def _step(kind: str, fields: dict[str, Any]) -> Step:
    if kind == "Configure":
        return Configure(UartSettings(**fields))
    step: Step = getattr(steps, kind)(**fields)
    return step


def _batch_result(fields: dict[str, Any], rest: list[tuple[str, dict[str, Any]]]) -> messages.BatchResult:
    counts = {name: int(fields.pop(f"{name}_errors")) for name in ("parity", "framing", "overrun")}
    result = Result(
        outputs=tuple(Output(**part) for kind, part in rest if kind == "Output"),
        arrivals=tuple(Arrival(**part) for kind, part in rest if kind == "Arrival"),
        errors=LineErrors(**counts),
        **{name: fields.pop(name) for name in Result.__dataclass_fields__ if name in fields},
    )
    return messages.BatchResult(result=result, **fields)


def parse(meaning: str) -> Message:
    (kind, fields), *rest = _parts(meaning)
    match kind:
        case "Greeting":
            last = _take(rest[0][1], messages.LastBatch) if rest else None
            return messages.Greeting(_take(fields, EdgeIdentity), last_batch=last, **fields)
        case "BatchRequest":
            return BatchRequest(batch=Batch(tuple(_step(*part) for part in rest)), **fields)
        case "BatchResult":
            return _batch_result(fields, rest)
        case "Welcome":
            return messages.Welcome(_batch_result(rest[0][1], rest[1:]) if rest else None, **fields)
        case "Settings":
            return upkeep.Settings(tuple(upkeep.Setting(**part) for _, part in rest))
        case "SetSettings":
            return upkeep.SetSettings(tuple(upkeep.SettingChange(**part) for _, part in rest))
        case _:
            module = next(one for one in (upkeep, secure_messages, messages) if hasattr(one, kind))
            message: Message = getattr(module, kind)(**fields)
            return message


def decode(data: bytes) -> Message:
    buffer = bytearray(data)
    frame = take_frame(buffer, MAX_FRAME)
    assert frame is not None
    assert not buffer
    return decode_message(frame)


@vectors("messages.txt", "secure/messages.txt")
def test_message_vector_decodes_to_its_meaning(vector: Vector) -> None:
    assert repr(decode(vector.data)) == repr(parse(vector.meaning))


@vectors("messages.txt", "secure/messages.txt")
def test_message_vector_is_what_its_meaning_encodes_to(vector: Vector) -> None:
    assert encode_message(parse(vector.meaning)).hex(" ") == vector.data.hex(" ")


@vectors("steps.txt")
def test_step_vector_decodes_to_its_meaning(vector: Vector) -> None:
    ((kind, fields),) = _parts(vector.meaning)
    # A repeat needs a step before it: two waits stand in front.
    before = encode_steps((steps.Wait(0), steps.Wait(0)))
    found, end = decode_steps(before + vector.data, 0, 3)
    assert repr(found[2]) == repr(_step(kind, fields))
    assert end == len(before) + len(vector.data)


@vectors("steps.txt")
def test_step_vector_is_what_its_meaning_encodes_to(vector: Vector) -> None:
    ((kind, fields),) = _parts(vector.meaning)
    before = (steps.Wait(0), steps.Wait(0))
    assert encode_steps((*before, _step(kind, fields)))[len(encode_steps(before)) :] == vector.data


@vectors("surplus.txt", "secure/surplus.txt")
def test_what_follows_the_last_known_field_is_ignored(vector: Vector) -> None:
    assert repr(decode(vector.data)) == repr(parse(vector.meaning))


@vectors("older.txt")
def test_what_an_older_minor_version_does_not_say_counts_as_nothing(vector: Vector) -> None:
    assert repr(decode(vector.data)) == repr(parse(vector.meaning))


@vectors("malformed.txt", "secure/malformed.txt")
def test_malformed_message_is_refused_with_its_reason(vector: Vector) -> None:
    with pytest.raises(Malformed) as caught:
        decode(vector.data)
    assert str(caught.value) == vector.meaning


@vectors("charges.txt")
def test_charge_of_a_batch(vector: Vector) -> None:
    message = decode(vector.data)
    assert isinstance(message, BatchRequest)
    found = (
        f"request={request_bytes(message.batch)} result={largest_result_bytes(message.batch)} "
        f"charge={charge(message.batch)}"
    )
    assert found == vector.meaning


@vectors("preambles.txt")
def test_preamble_is_judged(vector: Vector) -> None:
    if vector.meaning.startswith("minor "):
        assert judge_preamble(vector.data) == int(vector.meaning.removeprefix("minor "))
        return
    with pytest.raises(Malformed) as caught:
        judge_preamble(vector.data)
    assert str(caught.value) == vector.meaning


def _missing(numbers: type[IntEnum], seen: set[int]) -> set[IntEnum]:
    return {number for number in numbers if int(number) not in seen}


def test_every_message_and_every_step_has_a_vector() -> None:
    assert (
        _missing(
            MessageType, {vector.data[2] for vector in read("messages.txt") + read("secure/messages.txt")}
        )
        == set()
    )
    assert _missing(StepNumber, {vector.data[0] for vector in read("steps.txt")}) == set()


def test_every_message_with_content_has_a_malformed_vector() -> None:
    without = {
        MessageType.GET_SETTINGS,
        MessageType.RESTART,
        MessageType.UPDATE_FINISH,
        MessageType.UPDATE_CANCEL,
    }
    found = read("malformed.txt") + read("secure/malformed.txt")
    assert _missing(MessageType, {vector.data[2] for vector in found}) == without


def test_vector_names_are_unique() -> None:
    names = [vector.name for file in sorted(VECTORS.rglob("*.txt")) for vector in read(str(file))]
    assert len(names) == len(set(names))
