"""Results as bytes: run, number, fixed fields, residue, outputs, arrivals. Table: BRIDGE_PROTOCOL.md."""

from struct import Struct

from stmota_protocol.frames import Malformed
from stmota_protocol.messages import BatchResult
from stmota_protocol.steps import MAX_RESIDUE, Arrival, Cause, LineErrors, Outcome, Output, Result
from stmota_protocol.wire_fields import FieldReader
from stmota_protocol.wire_steps import ARRIVAL_BYTES, OUTPUT_HEADER_BYTES

BATCH_RESULT = Struct("<II")
"""run, number. Then the result."""
FIXED = Struct("<BHBIQQHHHIBHH")
"""outcome, failed_step, cause, got, started_us, ended_us, parity, framing, overrun, residue_lost,
residue length, outputs, arrivals."""
_OUTPUT = Struct("<HH")
_ARRIVAL = Struct("<HI")
assert _OUTPUT.size == OUTPUT_HEADER_BYTES  # noqa: S101  (facts of the format, not checks of input)
assert _ARRIVAL.size == ARRIVAL_BYTES  # noqa: S101

NO_STEP = 0xFFFF
NO_CAUSE = 0
NO_GOT = 0xFFFF_FFFF
_U16_MAX = 0xFFFF
_U32_MAX = 0xFFFF_FFFF

EMPTY_RESULT_BYTES = FIXED.size
LARGEST_BARE_RESULT_BYTES = FIXED.size + MAX_RESIDUE
"""A result without outputs and arrivals, its residue full."""


def result_bytes(result: Result) -> int:
    """Length of the result on the wire."""
    outputs = sum(OUTPUT_HEADER_BYTES + len(output.data) for output in result.outputs)
    return FIXED.size + len(result.residue) + outputs + ARRIVAL_BYTES * len(result.arrivals)


def encode_result(result: Result) -> bytes:
    """Bytes of a result. Counts that do not fit stop at their largest value.

    Raises ValueError or struct.error for what the wire cannot say.
    """
    if len(result.residue) > MAX_RESIDUE:
        message = f"a residue of {len(result.residue)} bytes; the most is {MAX_RESIDUE}"
        raise ValueError(message)
    _check(result)
    errors = result.errors
    parts = [
        FIXED.pack(
            result.outcome,
            NO_STEP if result.failed_step is None else result.failed_step,
            NO_CAUSE if result.cause is None else result.cause,
            NO_GOT if result.got is None else result.got,
            result.started_us,
            result.ended_us,
            min(errors.parity, _U16_MAX),
            min(errors.framing, _U16_MAX),
            min(errors.overrun, _U16_MAX),
            min(result.residue_lost, _U32_MAX),
            len(result.residue),
            len(result.outputs),
            len(result.arrivals),
        ),
        result.residue,
    ]
    for output in result.outputs:
        parts += (_OUTPUT.pack(output.step, len(output.data)), output.data)
    parts += [_ARRIVAL.pack(arrival.step, min(arrival.after_us, _U32_MAX)) for arrival in result.arrivals]
    return b"".join(parts)


def decode_result(data: bytes, offset: int) -> tuple[Result, int]:
    """Read a result from `offset` on; return it and where it ends. Raises `Malformed`."""
    if offset + FIXED.size > len(data):
        message = "a result that ends too early"
        raise Malformed(message)
    fields = FIXED.unpack_from(data, offset)
    outcome, failed_step, cause, got, started_us, ended_us, parity, framing, overrun = fields[:9]
    residue_lost, residue_length, output_count, arrival_count = fields[9:]
    if outcome not in _OUTCOMES or residue_length > MAX_RESIDUE:
        message = f"a result with outcome {outcome} and a residue of {residue_length} bytes"
        raise Malformed(message)
    offset += FIXED.size
    residue_end = offset + residue_length
    outputs, outputs_end = _decode_outputs(data, residue_end, output_count)
    end = outputs_end + ARRIVAL_BYTES * arrival_count
    if end > len(data):
        message = "a result that ends inside its residue, outputs or arrivals"
        raise Malformed(message)
    result = Result(
        outcome=Outcome(outcome),
        failed_step=None if failed_step == NO_STEP else failed_step,
        cause=None if cause == NO_CAUSE else _CAUSES.get(cause, Cause.OTHER),
        got=None if got == NO_GOT else got,
        started_us=started_us,
        ended_us=ended_us,
        outputs=outputs,
        arrivals=tuple(map(Arrival._make, _ARRIVAL.iter_unpack(data[outputs_end:end]))),
        errors=LineErrors(parity, framing, overrun),
        residue=data[offset:residue_end],
        residue_lost=residue_lost,
    )
    try:
        _check(result)
    except ValueError as error:
        raise Malformed(str(error)) from None
    return result, end


_OUTCOMES = frozenset(int(outcome) for outcome in Outcome)
_CAUSES = {int(cause): cause for cause in Cause}


def _decode_outputs(data: bytes, offset: int, count: int) -> tuple[tuple[Output, ...], int]:
    outputs: list[Output] = []
    for _ in range(count):
        start = offset + OUTPUT_HEADER_BYTES
        if start > len(data):
            message = "a result that ends inside its outputs"
            raise Malformed(message)
        step, length = _OUTPUT.unpack_from(data, offset)
        offset = start + length
        outputs.append(Output(step, data[start:offset]))
    return tuple(outputs), offset


def _check(result: Result) -> None:
    """Raise ValueError for a result that contradicts itself, whichever side made it."""
    if result.outcome is Outcome.FAILED and (result.failed_step is None or result.cause is None):
        message = "a failed result names the step and the cause"
        raise ValueError(message)
    if result.outcome in (Outcome.DONE, Outcome.SKIPPED) and not (result.failed_step is result.cause is None):
        message = "a result that is done or skipped has no failed step and no cause"
        raise ValueError(message)
    if not _increases([output.step for output in result.outputs]):
        message = "outputs come in the order of their steps, one a step"
        raise ValueError(message)
    if not _increases([arrival.step for arrival in result.arrivals]):
        message = "arrivals come in the order of their steps, one a step"
        raise ValueError(message)


def _increases(numbers: list[int]) -> bool:
    return numbers == sorted(set(numbers))


def encode_batch_result(message: BatchResult) -> bytes:
    """Payload of a batch's result. Raises ValueError or struct.error."""
    return BATCH_RESULT.pack(message.run, message.number) + encode_result(message.result)


def decode_batch_result(payload: bytes, port: int) -> BatchResult:
    """Read a batch's result. Raises `Malformed`."""
    return read_batch_result(FieldReader(payload), port)


def read_batch_result(reader: FieldReader, port: int) -> BatchResult:
    """Read one that stands inside another message. Raises `Malformed`."""
    run, number = reader.fields(BATCH_RESULT)
    return BatchResult(run, number, reader.nested(decode_result), port)
