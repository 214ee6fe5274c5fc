"""Any message survives the wire, and any bytes give events or exactly one RemoteProtocolError."""

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from stmota_protocol.connection import (
    CLOSED,
    Connection,
    RemoteProtocolError,
    Role,
    Sentinel,
    State,
)
from stmota_protocol.frames import PREAMBLE, encode_frame, take_frame
from stmota_protocol.limits import MAX_FRAME, MAX_SKIP
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
    LastBatch,
    Message,
    Ping,
    Pong,
    Unknown,
    Unsupported,
    Welcome,
)
from stmota_protocol.secure_messages import SecureAnswer, SecureCsr, SecureInstall, SecureRequest
from stmota_protocol.steps import (
    MAX_RESIDUE,
    Arrival,
    Batch,
    Cause,
    Configure,
    Discard,
    EdgeIdentity,
    Expect,
    Line,
    LineErrors,
    OnSilence,
    Outcome,
    Output,
    Parity,
    Receive,
    ReceiveCounted,
    ReceiveUntilQuiet,
    Result,
    Rs485,
    Send,
    Sense,
    SetLines,
    Step,
    StopBits,
    UartSettings,
    Unclaimed,
    UnknownStep,
    Wait,
)
from stmota_protocol.upkeep import (
    FirmwareTrial,
    GetSettings,
    NetworkRights,
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
)
from stmota_protocol.wire import (
    KNOWN_STEPS,
    MessageType,
    decode_message,
    encode_message,
    largest_result_bytes,
    request_bytes,
)
from stmota_protocol.wire_steps import step_bytes

steady = settings(deadline=None, derandomize=True, max_examples=100)
thorough = settings(steady, max_examples=300)

u8, u16 = st.integers(0, 0xFF), st.integers(0, 0xFFFF)
u32, u64 = st.integers(0, 0xFFFF_FFFF), st.integers(0, 0xFFFF_FFFF_FFFF_FFFF)
lines = u8.map(Line)


def text(most_bytes: int) -> st.SearchStrategy[str]:
    characters = st.characters(exclude_categories=["Cs"])
    return st.text(characters, max_size=most_bytes).filter(lambda it: len(it.encode()) <= most_bytes)


plain_expects = st.builds(
    Expect,
    u8,
    u32,
    st.binary(max_size=MAX_SKIP),
    st.sampled_from([OnSilence.FAIL, OnSilence.GO_ON]),
    u16,
    u16,
)
uart_settings = st.builds(
    UartSettings,
    st.integers(1, 0xFFFF_FFFF),
    u8,
    st.sampled_from(Parity),
    st.sampled_from(StopBits),
    st.sampled_from(Rs485),
    st.booleans(),
)
steps: st.SearchStrategy[Step] = st.one_of(
    st.builds(Send, st.binary(max_size=300)),
    plain_expects,
    st.builds(Receive, u16, u32),
    st.builds(ReceiveCounted, st.sampled_from([1, 2]), u16, u16, u32),
    st.builds(ReceiveUntilQuiet, u32, u16, u32),
    st.builds(Discard, u32, u32),
    st.builds(SetLines, lines, lines),
    st.just(Sense()),
    st.builds(Wait, u32),
    st.builds(Configure, uart_settings),
    st.builds(UnknownStep, u8.filter(lambda number: number not in KNOWN_STEPS), st.binary(max_size=20)),
)


@st.composite
def batches(draw: st.DrawFn) -> Batch:
    """Any batch; at times one of its Expects repeats."""
    found = draw(st.lists(steps, max_size=12))
    repeats = draw(st.booleans())
    if found and repeats:
        at = draw(st.integers(1, len(found)))
        back = draw(st.integers(1, at))
        repeat = Expect(draw(u8), draw(u32), b"\x00", OnSilence.REPEAT, back, draw(u16))
        found.insert(at, repeat)
    return Batch(tuple(found))


@st.composite
def results(draw: st.DrawFn) -> Result:
    outcome = draw(st.sampled_from(Outcome))
    failed = outcome is Outcome.FAILED
    step_numbers = st.integers(0, 1023)
    output_steps = draw(st.lists(step_numbers, max_size=5, unique=True).map(sorted))
    arrival_steps = draw(st.lists(step_numbers, max_size=5, unique=True).map(sorted))
    return Result(
        outcome,
        failed_step=draw(step_numbers) if failed else None,
        cause=draw(st.sampled_from(Cause)) if failed else None,
        got=draw(st.none() | st.integers(0, 0xFFFF)),
        started_us=draw(u64),
        ended_us=draw(u64),
        outputs=tuple(Output(step, draw(st.binary(max_size=40))) for step in output_steps),
        arrivals=tuple(Arrival(step, draw(u32)) for step in arrival_steps),
        errors=LineErrors(draw(u16), draw(u16), draw(u16)),
        residue=draw(st.binary(max_size=MAX_RESIDUE)),
        residue_lost=draw(u32),
    )


identities = st.builds(
    EdgeIdentity,
    name=text(64),
    unique_id=st.binary(min_size=8, max_size=8),
    boot_id=st.binary(min_size=8, max_size=8),
    firmware=text(32),
    lines=lines,
    credit=u32,
    max_batch=u32,
    supported_steps=st.frozensets(u8).map(lambda numbers: frozenset(sorted(numbers))),  # as it is read: repr
    console_ring=u32,
    rights=st.integers(0, 255).map(NetworkRights),
    project=text(32),
    chip=text(16),
    trial=st.sampled_from(FirmwareTrial),
)
controller_ids = st.binary(min_size=16, max_size=16)
last_batches = st.builds(LastBatch, u32, u32, st.sampled_from(Outcome))
batch_results = st.builds(BatchResult, u32, u32, results())


@st.composite
def greetings(draw: st.DrawFn) -> Greeting:
    oldest, following = sorted((draw(u64), draw(u64)))
    last_batch = draw(st.none() | last_batches)
    return Greeting(draw(identities), oldest, following, draw(u64), last_batch, draw(text(64)))


flags = st.integers(0, 255)
sentences = text(200)
upkeep: st.SearchStrategy[Message] = st.one_of(
    st.sampled_from([GetSettings(), Restart(), UpdateFinish(), UpdateCancel()]),
    st.builds(
        Settings,
        st.lists(st.builds(Setting, text(15), text(100), flags.map(SettingFlags)), max_size=8).map(tuple),
    ),
    st.builds(SetSettings, st.lists(st.builds(SettingChange, text(15), text(100)), max_size=8).map(tuple)),
    st.builds(SettingsAnswer, st.sampled_from(SettingsVerdict), text(15), sentences),
    st.builds(UpdateBegin, u32, st.binary(min_size=32, max_size=32), st.binary(max_size=80)),
    st.builds(UpdateStatus, st.sampled_from(UpdateState), u32, sentences),
    st.builds(UpdateData, u32, st.binary(min_size=1, max_size=100)),
)
certificates = st.binary(min_size=1, max_size=500)
unknown_types = u8.filter(lambda number: number not in set(MessageType))
messages: st.SearchStrategy[Message] = st.one_of(
    greetings(),
    st.builds(Hello, controller_ids, text(64), st.booleans(), u64),
    st.builds(Welcome, st.none() | batch_results),
    st.builds(Busy, text(64), controller_ids, u64),
    st.builds(BeginRun, u32, st.sampled_from(Unclaimed)),
    st.builds(BatchRequest, u32, u32, batches()),
    batch_results,
    st.builds(Abort, u32),
    st.builds(EndRun, u32),
    st.builds(Console, u64, u64, st.binary(min_size=1, max_size=100)),
    st.builds(ConsoleGap, u64, st.integers(1, 0xFFFF_FFFF_FFFF_FFFF)),
    st.builds(ConsoleAck, u64),
    st.builds(Ping, u32),
    st.builds(Pong, u32, u64),
    st.builds(Unsupported, u8, u8),
    st.builds(Closing, st.sampled_from(CloseReason) | st.integers(9, 255), text(200)),
    st.builds(SecureRequest, text(64)),
    st.builds(SecureCsr, certificates),
    st.builds(SecureInstall, certificates, certificates),
    st.builds(SecureAnswer, st.booleans(), text(200)),
    upkeep,
    st.builds(Unknown, unknown_types, st.binary(max_size=50), u8),
)


@steady
@given(messages)
def test_message_survives_the_wire(message: Message) -> None:
    buffer = bytearray(encode_message(message) + b"tail")
    frame = take_frame(buffer, MAX_FRAME)
    assert frame is not None
    found = decode_message(frame)
    assert repr(found) == repr(message)
    assert buffer == b"tail"


@steady
@given(batches())
def test_request_is_as_long_as_it_is_charged(batch: Batch) -> None:
    assert request_bytes(batch) == len(encode_message(BatchRequest(0, 0, batch)))
    assert largest_result_bytes(batch) >= len(encode_message(BatchResult(0, 0, Result(Outcome.SKIPPED))))
    assert request_bytes(batch) == 14 + sum(step_bytes(step) for step in batch.steps)


def chunked(data: bytes, cuts: list[int]) -> list[bytes]:
    edges = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    return [data[start:end] for start, end in pairwise(edges)]


def hear(role: Role, chunks: list[bytes]) -> tuple[list[Message], str | None, State]:
    """What a connection makes of the chunks and the end behind them: events, the error, the last state."""
    end = Connection(role)
    if role is Role.BRIDGE:
        end.preamble()
        end.send(GREETING)
    heard: list[Message] = []
    error: str | None = None
    for chunk in [*chunks, b""]:
        end.receive_data(chunk)
        while True:
            try:
                event = end.next_event()
            except RemoteProtocolError as caught:
                assert error is None
                error = str(caught)
                assert end.state is State.ERROR
                continue
            if isinstance(event, Sentinel):
                break
            assert error is None
            heard.append(event)
            if isinstance(event, Hello):
                end.send(Welcome())
            if isinstance(event, Greeting):
                end.preamble()
                end.send(Hello(bytes(16), "desk"))
    assert end.next_event() is CLOSED
    assert (end.state is State.ERROR) is (error is not None)
    return heard, error, end.state


GREETING = Greeting(
    EdgeIdentity("lab", bytes(8), bytes(8), "0", Line(3), 5000, 2000, KNOWN_STEPS, console_ring=100),
    console_oldest=0,
    console_next=10,
    now_us=0,
)
OPENINGS: dict[Role, tuple[Message, ...]] = {
    Role.BRIDGE: (Hello(bytes(16), "desk"), BeginRun(1, Unclaimed.RESIDUE)),
    Role.CONTROLLER: (GREETING, Welcome(), Console(0, 0, b"x")),
}

any_frames = st.builds(
    encode_frame,
    st.sampled_from([int(number) for number in MessageType]) | u8,
    st.sampled_from([0, 0, 0, 1]),
    st.binary(max_size=80),
)


@st.composite
def streams(draw: st.DrawFn, role: Role) -> bytes:
    """From noise to nearly right: an opening cut somewhere, then messages, frames, or noise."""
    parts = [PREAMBLE, *(encode_message(message) for message in OPENINGS[role])]
    opening = b"".join(parts[: draw(st.integers(0, len(parts)))])
    tail = draw(st.lists(messages.map(encode_message) | any_frames | st.binary(max_size=20), max_size=4))
    data = bytearray(opening + b"".join(tail))
    if data and draw(st.booleans()):
        data[draw(st.integers(0, len(data) - 1))] ^= draw(st.integers(1, 255))
    return bytes(data)


@thorough
@given(st.data(), st.sampled_from(Role))
def test_any_bytes_give_events_or_one_error_in_any_chunks(data: st.DataObject, role: Role) -> None:
    stream = data.draw(streams(role))
    cuts = data.draw(st.lists(st.integers(0, 5000), max_size=8))
    whole = hear(role, [stream])
    assert hear(role, chunked(stream, cuts)) == whole
    assert hear(role, [stream[at : at + 1] for at in range(len(stream))]) == whole


@steady
@given(st.binary(max_size=200), st.sampled_from(Role))
def test_noise_behind_the_opening_never_raises_anything_else(noise: bytes, role: Role) -> None:
    opening = PREAMBLE + b"".join(encode_message(message) for message in OPENINGS[role])
    heard, _, _ = hear(role, [opening + noise])
    assert tuple(heard[: len(OPENINGS[role])]) == OPENINGS[role]
