"""Steps as bytes: number u8, length of the arguments u16, arguments; little-endian.

A step from the wire that is not wholly understood (its number, its length, a value) becomes
`UnknownStep`, so that the batch can be answered FAILED/UNSUPPORTED and the connection lives on. A step
never gains arguments: a new meaning gets a new number. Tables for people: BRIDGE_PROTOCOL.md.
"""

from collections.abc import Callable, Iterator, Sequence
from struct import Struct
from struct import error as StructError  # noqa: N812  (it is a class, whatever the struct module calls it)

from stmota_protocol.frames import Malformed
from stmota_protocol.limits import MAX_SKIP
from stmota_protocol.steps import (
    Configure,
    Discard,
    Expect,
    Line,
    OnSilence,
    Parity,
    Receive,
    ReceiveCounted,
    ReceiveUntilQuiet,
    Rs485,
    Send,
    Sense,
    SetLines,
    Step,
    StopBits,
    UartSettings,
    UnknownStep,
    Wait,
)
from stmota_protocol.wire_numbers import StepNumber

STEP_HEADER = Struct("<BH")
"""Number, length of the arguments."""
EXPECT = Struct("<BIBHH")
_WHOLE_EXPECT = Struct(STEP_HEADER.format + EXPECT.format[1:])
"""Good byte, within_us, on_silence, repeat_back, repeat_times; the bytes to skip follow."""
RECEIVE = Struct("<HI")
COUNTED = Struct("<BHHI")
UNTIL_QUIET = Struct("<IHI")
DISCARD = Struct("<II")
SET_LINES = Struct("<BB")
WAIT = Struct("<I")
CONFIGURE = Struct("<IBBBBB")

_SEND, _EXPECT = int(StepNumber.SEND), int(StepNumber.EXPECT)
OUTPUT_HEADER_BYTES = 4
"""Step u16, length u16, before each output in a result."""
ARRIVAL_BYTES = 6
"""Step u16, after_us u32."""
DISCARD_OUTPUT_BYTES = 4
SENSE_OUTPUT_BYTES = 2


_LEAST_BYTES: dict[type[Step], int] = {
    Send: STEP_HEADER.size,
    Expect: STEP_HEADER.size + EXPECT.size,
    Receive: STEP_HEADER.size + RECEIVE.size,
    ReceiveCounted: STEP_HEADER.size + COUNTED.size,
    ReceiveUntilQuiet: STEP_HEADER.size + UNTIL_QUIET.size,
    Discard: STEP_HEADER.size + DISCARD.size,
    SetLines: STEP_HEADER.size + SET_LINES.size,
    Sense: STEP_HEADER.size,
    Wait: STEP_HEADER.size + WAIT.size,
    Configure: STEP_HEADER.size + CONFIGURE.size,
    UnknownStep: STEP_HEADER.size,
}
"""On the wire, header included, without what varies."""


def step_bytes(step: Step) -> int:
    """Length of the step on the wire, header included."""
    length = _LEAST_BYTES[type(step)]
    if isinstance(step, Send):
        return length + len(step.data)
    if isinstance(step, Expect):
        return length + len(step.skip)
    if isinstance(step, UnknownStep):
        return length + len(step.payload)
    return length


def largest_return_bytes(step: Step) -> int:
    """The most this step can add to its batch's result: its output with header, or its arrival."""
    if isinstance(step, Send):  # half of all steps there are
        return 0
    match step:
        case Expect():
            return ARRIVAL_BYTES
        case Receive():
            return OUTPUT_HEADER_BYTES + step.length
        case ReceiveCounted() | ReceiveUntilQuiet():
            return OUTPUT_HEADER_BYTES + step.cap
        case Discard():
            return OUTPUT_HEADER_BYTES + DISCARD_OUTPUT_BYTES
        case Sense():
            return OUTPUT_HEADER_BYTES + SENSE_OUTPUT_BYTES
        case _:
            return 0


def encode_step(step: Step) -> bytes:
    """Bytes of one step. Raises ValueError or struct.error for values the wire cannot say."""
    if isinstance(step, Send):  # nearly all steps there are, with Expect
        return STEP_HEADER.pack(_SEND, len(step.data)) + step.data
    if isinstance(step, Expect):
        return _encode_expect(step)
    match step:
        case Receive():
            return _with_header(StepNumber.RECEIVE, RECEIVE.pack(step.length, step.within_us))
        case ReceiveCounted():
            _require(step.count_bytes in (1, 2), f"a count of {step.count_bytes} bytes; 1 or 2 are possible")
            fields = (step.count_bytes, step.extra, step.cap, step.within_us)
            return _with_header(StepNumber.RECEIVE_COUNTED, COUNTED.pack(*fields))
        case ReceiveUntilQuiet():
            packed = UNTIL_QUIET.pack(step.quiet_us, step.cap, step.within_us)
            return _with_header(StepNumber.RECEIVE_UNTIL_QUIET, packed)
        case Discard():
            return _with_header(StepNumber.DISCARD, DISCARD.pack(step.quiet_us, step.within_us))
        case _:
            return _encode_other(step)


def _encode_other(step: SetLines | Sense | Wait | Configure | UnknownStep) -> bytes:
    match step:
        case SetLines():
            return _with_header(StepNumber.SET_LINES, SET_LINES.pack(step.mask, step.levels))
        case Sense():
            return _with_header(StepNumber.SENSE, b"")
        case Wait():
            return _with_header(StepNumber.WAIT, WAIT.pack(step.wait_us))
        case Configure():
            return _with_header(StepNumber.CONFIGURE, _configure_arguments(step.settings))
        case UnknownStep():
            return _with_header(step.number, step.payload)


def encode_steps(steps: tuple[Step, ...]) -> bytes:
    """Bytes of a batch's steps, one behind the other. Raises ValueError naming the step that is wrong."""
    encoded: list[bytes] = []
    known: dict[int, bytes] = {}  # by identity: a page's blocks share their Expects
    for index, step in enumerate(steps):
        data = known.get(id(step))
        if data is None:
            try:
                data = known[id(step)] = encode_step(step)
            except (ValueError, StructError) as error:
                message = f"step {index}: {error}"
                raise ValueError(message) from error
        encoded.append(data)
    for wrong in _wrong_repeats(steps):
        message = f"step {wrong}: an Expect repeats from a step of its batch, and only one of a batch does"
        raise ValueError(message)
    return b"".join(encoded)


def decode_steps(data: bytes, offset: int, count: int) -> tuple[tuple[Step, ...], int]:
    """Read `count` steps from `offset` on; return them and where they end.

    Raises `Malformed` only when a step's length passes the end of `data`.
    """
    steps: list[Step] = []
    total = len(data)
    for _ in range(count):
        arguments_at = offset + STEP_HEADER.size
        if arguments_at > total:
            message = f"a batch of {count} steps that ends after {len(steps)}"
            raise Malformed(message)
        number, length = STEP_HEADER.unpack_from(data, offset)
        offset = arguments_at + length
        if offset > total:
            message = f"step {len(steps)} of {length} bytes passes the message's end"
            raise Malformed(message)
        steps.append(_decode_step(number, data[arguments_at:offset]))
    for wrong in list(_wrong_repeats(steps)):
        steps[wrong] = UnknownStep(int(StepNumber.EXPECT), encode_step(steps[wrong])[STEP_HEADER.size :])
    return tuple(steps), offset


def _decode_step(number: int, arguments: bytes) -> Step:
    decoder = _DECODERS.get(number)
    if decoder is None:
        return UnknownStep(number, arguments)
    try:
        return decoder(arguments)
    except (ValueError, StructError):
        return UnknownStep(number, arguments)


def _wrong_repeats(steps: Sequence[Step]) -> Iterator[int]:
    """Numbers of the Expects that may not repeat as they say: to before the batch, or as its second."""
    seen = False
    for index, step in enumerate(steps):
        if type(step) is Expect and step.on_silence is OnSilence.REPEAT:
            if seen or not 1 <= step.repeat_back <= index:
                yield index
            else:
                seen = True


def _with_header(number: int, arguments: bytes) -> bytes:
    return STEP_HEADER.pack(number, len(arguments)) + arguments


def _require(is_right: bool, message: str) -> None:
    if not is_right:
        raise ValueError(message)


def _encode_expect(step: Expect) -> bytes:
    skip = step.skip
    if len(skip) > MAX_SKIP:
        message = f"{len(skip)} bytes to skip; the most is {MAX_SKIP}"
        raise ValueError(message)
    fields = step.good, step.within_us, step.on_silence, step.repeat_back, step.repeat_times
    return _WHOLE_EXPECT.pack(_EXPECT, EXPECT.size + len(skip), *fields) + skip


def _decode_expect(arguments: bytes) -> Expect:
    good, within_us, on_silence, repeat_back, repeat_times = EXPECT.unpack_from(arguments)
    skip = arguments[EXPECT.size :]
    _require(len(skip) <= MAX_SKIP, "too many bytes to skip")
    return Expect(good, within_us, skip, OnSilence(on_silence), repeat_back, repeat_times)


def _decode_counted(arguments: bytes) -> ReceiveCounted:
    step = ReceiveCounted(*COUNTED.unpack(arguments))
    _require(step.count_bytes in (1, 2), "count of neither 1 nor 2 bytes")
    return step


def _decode_set_lines(arguments: bytes) -> SetLines:
    mask, levels = SET_LINES.unpack(arguments)
    return SetLines(Line(mask), Line(levels))


def _decode_sense(arguments: bytes) -> Sense:
    _require(not arguments, "Sense has no arguments")
    return Sense()


def _configure_arguments(settings: UartSettings) -> bytes:
    _require(settings.baud > 0, "0 baud")
    return CONFIGURE.pack(
        settings.baud,
        settings.data_bits,
        settings.parity,
        settings.stop_bits,
        settings.rs485,
        settings.echo,
    )


def _decode_configure(arguments: bytes) -> Configure:
    baud, data_bits, parity, stop_bits, rs485, echo = CONFIGURE.unpack(arguments)
    _require(baud > 0 and echo <= 1, "baud or echo out of range")
    settings = UartSettings(baud, data_bits, Parity(parity), StopBits(stop_bits), Rs485(rs485), bool(echo))
    return Configure(settings)


_DECODERS: dict[int, Callable[[bytes], Step]] = {
    StepNumber.SEND: Send,
    StepNumber.EXPECT: _decode_expect,
    StepNumber.RECEIVE: lambda arguments: Receive(*RECEIVE.unpack(arguments)),
    StepNumber.RECEIVE_COUNTED: _decode_counted,
    StepNumber.RECEIVE_UNTIL_QUIET: lambda arguments: ReceiveUntilQuiet(*UNTIL_QUIET.unpack(arguments)),
    StepNumber.DISCARD: lambda arguments: Discard(*DISCARD.unpack(arguments)),
    StepNumber.SET_LINES: _decode_set_lines,
    StepNumber.SENSE: _decode_sense,
    StepNumber.WAIT: lambda arguments: Wait(*WAIT.unpack(arguments)),
    StepNumber.CONFIGURE: _decode_configure,
}
