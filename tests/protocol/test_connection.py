"""The connection's state machine: two real cores wired together, and each of its rules broken in turn."""

from dataclasses import replace
from itertools import product
from typing import get_args

import pytest

from stmota_protocol.connection import (
    CLOSED,
    NEED_DATA,
    Connection,
    LocalProtocolError,
    RemoteProtocolError,
    Role,
    Sentinel,
    State,
)
from stmota_protocol.connection_states import LIVE, TABLE, next_state
from stmota_protocol.frames import PREAMBLE
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
    Arrival,
    Batch,
    Cause,
    EdgeIdentity,
    Expect,
    Line,
    Outcome,
    Output,
    Receive,
    Result,
    Send,
    Unclaimed,
    UnknownStep,
)
from stmota_protocol.upkeep import (
    GetSettings,
    Restart,
    SetSettings,
    SettingChange,
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
from stmota_protocol.wire import KNOWN_STEPS, charge, encode_message

IDENTITY = EdgeIdentity(
    name="lab-esp32",
    unique_id=bytes(range(8)),
    boot_id=bytes(range(8, 16)),
    firmware="soft-0.1.0",
    lines=Line.NRST | Line.BOOT0,
    credit=1000,
    max_batch=600,
    supported_steps=KNOWN_STEPS,
    console_ring=100,
)
GREETING = Greeting(IDENTITY, console_oldest=10, console_next=50, now_us=7)
HELLO = Hello(bytes(16), "desk", console_from=20)
SYNC = Batch((Send(b"\x7f"), Expect(0x79, 20_000)))
DONE = Result(Outcome.DONE)
SKIPPED = Result(Outcome.SKIPPED)


class Wire:
    """A bridge's core and a controller's, with nothing between them."""

    def __init__(self) -> None:
        self.ends = {role: Connection(role) for role in Role}
        for role, end in self.ends.items():
            self.ends[role.peer].receive_data(end.preamble())
        for end in self.ends.values():
            assert end.next_event() is NEED_DATA

    @property
    def bridge(self) -> Connection:
        return self.ends[Role.BRIDGE]

    @property
    def controller(self) -> Connection:
        return self.ends[Role.CONTROLLER]

    def say(self, role: Role, *messages: Message) -> None:
        """Each message crosses whole, and leaves both ends in the same state."""
        for message in messages:
            self.ends[role.peer].receive_data(self.ends[role].send(message))
            assert self.ends[role.peer].next_event() == message
            assert self.bridge.state is self.controller.state
            assert self.bridge.under_way == self.controller.under_way
            assert self.bridge.charged_bytes == self.controller.charged_bytes

    def smuggle(self, role: Role, message: Message) -> str:
        """The peer of `role` is given a message that `role` itself refuses; both complaints are one."""
        end, peer = self.ends[role], self.ends[role.peer]
        before = (end.state, end.under_way, end.charged_bytes)
        with pytest.raises(LocalProtocolError) as ours:
            end.send(message)
        assert (end.state, end.under_way, end.charged_bytes) == before
        peer.receive_data(encode_message(message))
        with pytest.raises(RemoteProtocolError) as theirs:
            peer.next_event()
        assert peer.state is State.ERROR
        assert str(theirs.value) == str(ours.value)
        return str(theirs.value)


def wire_in(state: State) -> Wire:
    wire = Wire()
    steps: list[tuple[Role, Message]] = [
        (Role.BRIDGE, GREETING),
        (Role.CONTROLLER, HELLO),
        (Role.BRIDGE, Welcome()),
    ]
    for role, message in steps:
        if wire.bridge.state is state:
            break
        wire.say(role, message)
    if state is State.AWAIT_SECURE:
        wire = wire_in(State.AWAIT_HELLO)
        wire.say(Role.CONTROLLER, SecureRequest("desk"))
    assert wire.bridge.state is state
    return wire


@pytest.fixture
def ready() -> Wire:
    return wire_in(State.READY)


@pytest.fixture
def running(ready: Wire) -> Wire:
    ready.say(Role.CONTROLLER, BeginRun(1, Unclaimed.RESIDUE))
    return ready


EXAMPLES: dict[type[Message], Message] = {
    Greeting: GREETING,
    Hello: HELLO,
    Welcome: Welcome(),
    Busy: Busy("bench", bytes(16), 5),
    BeginRun: BeginRun(1, Unclaimed.CONSOLE),
    BatchRequest: BatchRequest(1, 0, SYNC),
    BatchResult: BatchResult(1, 0, DONE),
    Abort: Abort(1),
    EndRun: EndRun(1),
    Console: Console(20, 1, b"x"),
    ConsoleGap: ConsoleGap(20, 1),
    ConsoleAck: ConsoleAck(20),
    Ping: Ping(1),
    Pong: Pong(1, 2),
    Unsupported: Unsupported(0x4F),
    Closing: Closing(CloseReason.SHUTDOWN, "bye"),
    Unknown: Unknown(0x4F, b""),
    GetSettings: GetSettings(),
    Settings: Settings(()),
    SetSettings: SetSettings((SettingChange("name", "lab"),)),
    SettingsAnswer: SettingsAnswer(SettingsVerdict.DONE, "", ""),
    Restart: Restart(),
    UpdateBegin: UpdateBegin(4, bytes(32)),
    UpdateStatus: UpdateStatus(UpdateState.RECEIVING, 4, ""),
    UpdateData: UpdateData(0, b"x"),
    UpdateFinish: UpdateFinish(),
    UpdateCancel: UpdateCancel(),
    SecureRequest: SecureRequest("desk"),
    SecureCsr: SecureCsr(b"csr"),
    SecureInstall: SecureInstall(b"certificate", b"ca"),
    SecureAnswer: SecureAnswer(True, "done"),
}
"""One of each message; those of a run are right after BeginRun(1), the result after the request."""

EXPECTED = {
    State.AWAIT_GREETING: {"bridge Greeting": State.AWAIT_HELLO},
    State.AWAIT_HELLO: {
        "controller Hello": State.AWAIT_WELCOME,
        "controller SecureRequest": State.AWAIT_SECURE,
        "controller SecureInstall": State.AWAIT_SECURE,
    },
    State.AWAIT_SECURE: {
        "bridge SecureCsr": State.AWAIT_HELLO,
        "bridge SecureAnswer": State.AWAIT_HELLO,
    },
    State.AWAIT_WELCOME: {"bridge Welcome": State.READY, "bridge Busy": State.AWAIT_HELLO},
    State.READY: {
        f"{role} {name}": State.READY
        for role, names in {
            "bridge": "BatchResult Console ConsoleGap Ping Pong Settings SettingsAnswer UpdateStatus",
            "controller": "BeginRun BatchRequest Abort EndRun ConsoleAck Ping Pong GetSettings SetSettings"
            " Restart UpdateBegin UpdateData UpdateFinish UpdateCancel",
        }.items()
        for name in names.split()
    },
}


def test_examples_hold_every_message() -> None:
    assert set(EXAMPLES) == set(get_args(Message))


def test_table_names_every_state() -> None:
    assert set(TABLE) == set(State)


@pytest.mark.parametrize(
    ("state", "role", "kind"),
    list(product(LIVE, Role, EXAMPLES)),
    ids=lambda value: getattr(value, "name", None),
)
def test_every_message_in_every_state_is_decided(state: State, role: Role, kind: type[Message]) -> None:
    expected = EXPECTED[state].get(f"{role.value} {kind.__name__}")
    if kind in (Unsupported, Unknown):
        expected = state
    if kind is Closing:
        expected = State.CLOSED
    assert next_state(state, role, kind) is expected
    wire = wire_in(state)
    if expected is None:
        complaint = f"{kind.__name__} from the {role.value} in state {state.name}"
        assert wire.smuggle(role, EXAMPLES[kind]) == complaint
        return
    if kind in (BatchRequest, Abort, EndRun, BatchResult):
        wire.say(Role.CONTROLLER, BeginRun(1, Unclaimed.RESIDUE))
    if kind is BatchResult:
        wire.say(Role.CONTROLLER, EXAMPLES[BatchRequest])
    if kind in (Settings, SettingsAnswer):
        wire.say(Role.CONTROLLER, GetSettings())
    if kind is UpdateData:
        wire.say(Role.CONTROLLER, EXAMPLES[UpdateBegin])
        wire.say(Role.BRIDGE, EXAMPLES[UpdateStatus])
    wire.say(role, EXAMPLES[kind])
    assert wire.bridge.state is expected


@pytest.mark.parametrize(("role", "kind"), list(product(Role, EXAMPLES)))
def test_nothing_is_sent_once_closed(role: Role, kind: type[Message]) -> None:
    wire = wire_in(State.READY)
    wire.say(role, EXAMPLES[Closing])
    for end in wire.ends.values():
        with pytest.raises(LocalProtocolError):
            end.send(EXAMPLES[kind])
        end.receive_data(encode_message(Ping(1)))
        assert end.next_event() is CLOSED


@pytest.mark.parametrize("role", Role)
def test_error_is_told_once_and_then_absorbs(role: Role) -> None:
    wire = wire_in(State.READY)
    end = wire.ends[role]
    end.receive_data(encode_message(GREETING) + encode_message(Ping(1)))
    with pytest.raises(RemoteProtocolError):
        end.next_event()
    for data in (encode_message(Ping(1)), b"", b"more"):
        assert end.next_event() is CLOSED
        end.receive_data(data)
    assert end.state is State.ERROR
    for kind in set(EXAMPLES) - {Closing}:
        with pytest.raises(LocalProtocolError):
            end.send(EXAMPLES[kind])
    closing = Closing(CloseReason.PROTOCOL_ERROR, "a second greeting")
    wire.ends[role.peer].receive_data(end.send(closing))
    assert wire.ends[role.peer].next_event() == closing
    assert wire.ends[role.peer].next_event() is CLOSED
    with pytest.raises(LocalProtocolError):
        end.send(closing)


# The preamble


def test_preamble_comes_once_and_first() -> None:
    end = Connection(Role.BRIDGE)
    with pytest.raises(LocalProtocolError, match=r"^the preamble comes before any message$"):
        end.send(GREETING)
    assert end.preamble() == PREAMBLE
    with pytest.raises(LocalProtocolError, match=r"^the preamble is sent once$"):
        end.preamble()


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n", "it looks like an HTTP request"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "it looks like an HTTP answer"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "it looks like SSH"),
        (bytes.fromhex("16030100c8010000c4"), "it looks like TLS"),
        (b"\xff\xfd\x2c\xff\xfb\x00\xff\xfd\x00", "it looks like telnet or RFC 2217"),
        (
            b"STMOTA\x02\x00",
            "the peer speaks version 2.0 of the bridge protocol, this side 1.1: update this side",
        ),
        (
            b"STMOTA\x00\x09",
            "the peer speaks version 0.9 of the bridge protocol, this side 1.1: update the peer",
        ),
    ],
)
def test_stranger_is_named_however_its_bytes_arrive(role: Role, data: bytes, complaint: str) -> None:
    for size in (len(data), 1, 3):
        end = Connection(role)
        caught: list[str] = []
        for at in range(0, len(data), size):
            end.receive_data(data[at : at + size])
            try:
                end.next_event()
            except RemoteProtocolError as error:
                caught.append(str(error).removeprefix("this is no stmota bridge protocol: "))
        assert caught == [complaint]
        assert end.next_event() is CLOSED


def test_stranger_that_hangs_up_early_is_named_too() -> None:
    end = Connection(Role.BRIDGE)
    end.receive_data(b"\x16\x03")
    assert end.next_event() is NEED_DATA
    end.receive_data(b"")
    with pytest.raises(RemoteProtocolError, match=r"it looks like TLS$"):
        end.next_event()


def test_peer_of_another_minor_version_is_welcome() -> None:
    end = Connection(Role.CONTROLLER)
    end.receive_data(b"STMOTA\x01\x07" + encode_message(GREETING))
    assert end.next_event() == GREETING
    assert end.peer_minor == 7


# Bytes


CONVERSATION: tuple[tuple[Role, Message], ...] = (
    (Role.BRIDGE, GREETING),
    (Role.CONTROLLER, HELLO),
    (Role.BRIDGE, Busy("bench", bytes(16), 5)),
    (Role.CONTROLLER, replace(HELLO, take_over=True)),
    (Role.BRIDGE, Welcome(BatchResult(4, 1, DONE))),
    (Role.BRIDGE, ConsoleGap(20, 10)),
    (Role.BRIDGE, Console(30, 1, b"old")),
    (Role.CONTROLLER, ConsoleAck(33)),
    (Role.CONTROLLER, BeginRun(5, Unclaimed.RESIDUE)),
    (Role.CONTROLLER, BatchRequest(5, 0, SYNC)),
    (Role.CONTROLLER, BatchRequest(5, 1, SYNC)),
    (Role.BRIDGE, BatchResult(5, 0, Result(Outcome.DONE, arrivals=(Arrival(1, 30),)))),
    (Role.CONTROLLER, Ping(1)),
    (Role.BRIDGE, Pong(1, 99)),
    (Role.CONTROLLER, Unknown(0x4E, b"new")),
    (Role.BRIDGE, Unsupported(0x4E)),
    (Role.BRIDGE, BatchResult(5, 1, Result(Outcome.FAILED, 1, Cause.SILENCE))),
    (Role.CONTROLLER, EndRun(5)),
    (Role.BRIDGE, Console(33, 1, b"new")),
    (Role.CONTROLLER, Closing(CloseReason.SHUTDOWN, "bye")),
)


def drain(end: Connection) -> list[Message]:
    found: list[Message] = []
    while not isinstance(event := end.next_event(), Sentinel):
        found.append(event)
    return found


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_conversation_is_the_same_in_any_chunks(size: int) -> None:
    ends = {role: Connection(role) for role in Role}
    heard: list[tuple[Role, Message]] = []
    script: list[tuple[Role, Message | None]] = [(role, None) for role in Role]
    script += CONVERSATION
    for role, message in script:
        end, peer = ends[role], ends[role.peer]
        data = end.preamble() if message is None else end.send(message)
        for at in range(0, len(data), size):
            peer.receive_data(data[at : at + size])
            heard += [(role, found) for found in drain(peer)]
    assert tuple(heard) == CONVERSATION
    assert {end.state for end in ends.values()} == {State.CLOSED}


def test_several_messages_in_one_chunk_come_one_by_one(ready: Wire) -> None:
    pings = [Ping(number) for number in range(5)]
    data = b"".join(ready.controller.send(ping) for ping in pings)
    ready.bridge.receive_data(data + b"\x04")
    assert drain(ready.bridge) == pings
    assert ready.bridge.next_event() is NEED_DATA
    ready.bridge.receive_data(encode_message(Ping(9))[1:])
    assert ready.bridge.next_event() == Ping(9)


def test_peer_that_closes_between_messages_is_closed(ready: Wire) -> None:
    ready.bridge.receive_data(encode_message(Ping(1)))
    ready.bridge.receive_data(b"")
    assert ready.bridge.next_event() == Ping(1)
    assert ready.bridge.next_event() is CLOSED
    assert ready.bridge.state is State.CLOSED


def test_peer_that_closes_inside_a_message_is_an_error(ready: Wire) -> None:
    ready.bridge.receive_data(encode_message(Ping(1))[:-1])
    ready.bridge.receive_data(b"")
    with pytest.raises(RemoteProtocolError, match=r"^the connection ended in the middle of a message$"):
        ready.bridge.next_event()


def test_what_comes_behind_the_end_is_not_heard(ready: Wire) -> None:
    ready.bridge.receive_data(b"")
    ready.bridge.receive_data(encode_message(Ping(1)))
    assert ready.bridge.next_event() is CLOSED


@pytest.mark.parametrize("role", Role)
def test_nothing_is_kept_of_what_comes_after_a_closing(ready: Wire, role: Role) -> None:
    ready.say(role, Closing(CloseReason.SHUTDOWN, ""))
    for end in ready.ends.values():
        end.receive_data(bytes(100_000))
        assert end.buffered_bytes == 0


def test_stranger_cannot_make_a_bridge_buffer_more_than_a_small_frame() -> None:
    end = wire_in(State.AWAIT_HELLO).bridge
    end.receive_data(bytes.fromhex("01040200"))  # 1025 bytes of payload
    with pytest.raises(RemoteProtocolError, match=r"of 1029 bytes where the most is 1028$"):
        end.next_event()


def test_bridge_takes_frames_up_to_its_largest_batch() -> None:
    identity = replace(IDENTITY, max_batch=2000)
    wire = Wire()
    wire.say(Role.BRIDGE, replace(GREETING, identity=identity))
    wire.say(Role.CONTROLLER, HELLO)
    wire.say(Role.BRIDGE, Welcome())
    wire.say(Role.CONTROLLER, Unknown(0x4F, bytes(1996)))
    wire.bridge.receive_data(encode_message(Unknown(0x4F, bytes(1997)))[:4])
    with pytest.raises(RemoteProtocolError, match=r"of 2001 bytes where the most is 2000$"):
        wire.bridge.next_event()


def test_welcome_may_carry_a_large_result() -> None:
    result = Result(Outcome.DONE, outputs=(Output(0, bytes(60_000)),))
    wire = wire_in(State.AWAIT_WELCOME)
    wire.say(Role.BRIDGE, Welcome(BatchResult(1, 0, result)))


def test_message_for_a_uart_that_is_not_there_is_unknown_and_answered(ready: Wire) -> None:
    with pytest.raises(LocalProtocolError, match=r"^BeginRun of type 0x10 for port 1$"):
        ready.controller.send(BeginRun(1, Unclaimed.CONSOLE, port=1))
    data = encode_message(BeginRun(1, Unclaimed.CONSOLE, port=1))
    ready.bridge.receive_data(data)
    event = ready.bridge.next_event()
    assert event == Unknown(0x10, data[4:], port=1)
    ready.say(Role.BRIDGE, Unsupported(0x10, port=1))


def test_known_message_does_not_pass_as_unknown(ready: Wire) -> None:
    with pytest.raises(LocalProtocolError, match=r"^Unknown of type 0x10 for port 0$"):
        ready.controller.send(Unknown(0x10, b""))


def test_message_that_the_wire_cannot_say_is_a_local_error(ready: Wire) -> None:
    with pytest.raises(LocalProtocolError, match=r"^console data of 1025 bytes"):
        ready.bridge.send(Console(20, 0, bytes(1025)))


# Runs and credit


def test_room_is_not_known_before_the_greeting() -> None:
    with pytest.raises(LocalProtocolError, match="no greeting yet"):
        Connection(Role.CONTROLLER).has_room_for(SYNC)


def test_batches_are_charged_until_their_results(running: Wire) -> None:
    cost = charge(SYNC)
    for number in range(1000 // cost):
        assert running.controller.has_room_for(SYNC)
        running.say(Role.CONTROLLER, BatchRequest(1, number, SYNC))
    assert running.controller.under_way == 8
    assert running.controller.charged_bytes == 8 * 121
    assert not running.controller.has_room_for(SYNC)
    running.say(Role.BRIDGE, BatchResult(1, 0, DONE))
    assert running.controller.has_room_for(SYNC)
    assert running.bridge.under_way == 7


def test_batch_beyond_the_credit_is_refused_by_both_sides(running: Wire) -> None:
    for number in range(8):
        running.say(Role.CONTROLLER, BatchRequest(1, number, SYNC))
    assert (
        running.smuggle(Role.CONTROLLER, BatchRequest(1, 8, SYNC))
        == "batch 8 of run 1 is charged 121 bytes; 32 of 1000 are free"
    )


@pytest.mark.parametrize(
    ("batch", "complaint"),
    [
        (Batch((Send(bytes(584)),)), "a batch whose request is 601 bytes; this bridge's most is 600"),
        (Batch((Receive(882, 1),)), "a batch whose charge is 1001 bytes; this bridge's most is 1000"),
        (
            Batch((Receive(65419, 1),)),
            "a batch whose largest result is 65538 bytes; this bridge's most is 65537",
        ),
    ],
)
def test_batch_that_never_fits_is_a_value_error(running: Wire, batch: Batch, complaint: str) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        running.controller.has_room_for(batch)
    assert str(caught.value) == complaint
    assert running.smuggle(Role.CONTROLLER, BatchRequest(1, 0, batch)) == complaint


def test_batches_at_the_limits_fit(running: Wire) -> None:
    assert running.controller.has_room_for(Batch((Send(bytes(583)),)))
    running.say(Role.CONTROLLER, BatchRequest(1, 0, Batch((Receive(881, 1),))))
    assert running.controller.charged_bytes == 1000


@pytest.mark.parametrize("is_over", [False, True])
def test_credit_is_spent_to_the_last_byte_and_no_further(running: Wire, is_over: bool) -> None:
    running.say(Role.CONTROLLER, BatchRequest(1, 0, Batch((Receive(400, 1),))))
    rest = Batch((Receive(1000 - running.controller.charged_bytes - 119 + is_over, 1),))
    assert running.controller.has_room_for(rest) is not is_over
    if is_over:
        running.smuggle(Role.CONTROLLER, BatchRequest(1, 1, rest))
    else:
        running.say(Role.CONTROLLER, BatchRequest(1, 1, rest))
        assert running.controller.charged_bytes == 1000


def test_largest_result_is_accepted_and_a_larger_one_is_not(running: Wire) -> None:
    batch = Batch((Send(b"\x7f"), Expect(0x79, 1), Receive(3, 1)))
    largest = Result(Outcome.DONE, outputs=(Output(2, b"abc"),), arrivals=(Arrival(1, 5),), residue=bytes(64))
    running.say(Role.CONTROLLER, BatchRequest(1, 0, batch), BatchRequest(1, 1, batch))
    running.say(Role.BRIDGE, BatchResult(1, 0, largest))
    larger = replace(largest, outputs=(Output(2, b"abcd"),))
    assert (
        running.smuggle(Role.BRIDGE, BatchResult(1, 1, larger))
        == "the result of run 1, batch 1 is 129 bytes; its steps allow 128"
    )


@pytest.mark.parametrize(
    "result",
    [
        Result(Outcome.FAILED, failed_step=2, cause=Cause.SILENCE),
        Result(Outcome.ABORTED, failed_step=2),
        Result(Outcome.DONE, outputs=(Output(0, b""), Output(2, b""))),
        Result(Outcome.DONE, arrivals=(Arrival(2, 0),)),
    ],
)
def test_result_that_speaks_of_steps_not_there_is_refused(running: Wire, result: Result) -> None:
    running.say(Role.CONTROLLER, BatchRequest(1, 0, SYNC))
    assert (
        running.smuggle(Role.BRIDGE, BatchResult(1, 0, result))
        == "the result of run 1, batch 0 speaks of step 2; the batch has 2"
    )


@pytest.mark.parametrize(("run", "number"), [(1, 1), (2, 0)])
def test_result_out_of_order_is_refused(running: Wire, run: int, number: int) -> None:
    running.say(Role.CONTROLLER, BatchRequest(1, 0, SYNC), BatchRequest(1, 1, SYNC))
    assert (
        running.smuggle(Role.BRIDGE, BatchResult(run, number, DONE))
        == f"a result of run {run}, batch {number} where that of run 1, batch 0 is owed"
    )


def test_result_of_nothing_is_refused(running: Wire) -> None:
    assert (
        running.smuggle(Role.BRIDGE, BatchResult(1, 0, DONE))
        == "a result of run 1, batch 0; no batch is under way"
    )


@pytest.mark.parametrize("number", [0, 2])
def test_batch_numbers_have_no_holes_and_no_repeats(running: Wire, number: int) -> None:
    running.say(Role.CONTROLLER, BatchRequest(1, 0, SYNC))
    assert (
        running.smuggle(Role.CONTROLLER, BatchRequest(1, number, SYNC))
        == f"batch {number} of run 1 where 1 is next"
    )


def test_batch_without_a_run_is_refused(ready: Wire) -> None:
    assert ready.smuggle(Role.CONTROLLER, BatchRequest(0, 0, SYNC)) == "a batch for run 0, which is not open"


@pytest.mark.parametrize("run", [0, 1])
def test_run_ids_increase(running: Wire, run: int) -> None:
    assert (
        running.smuggle(Role.CONTROLLER, BeginRun(run, Unclaimed.CONSOLE))
        == f"run {run} after run 1; ids increase"
    )


def test_run_ids_go_on_after_the_last_result_of_an_earlier_connection() -> None:
    wire = wire_in(State.AWAIT_WELCOME)
    wire.say(Role.BRIDGE, Welcome(BatchResult(7, 3, DONE)))
    assert wire.smuggle(Role.CONTROLLER, BeginRun(7, Unclaimed.CONSOLE)) == "run 7 after run 7; ids increase"


def test_new_run_leaves_the_old_results_and_their_credit_owed(running: Wire) -> None:
    running.say(Role.CONTROLLER, BatchRequest(1, 0, SYNC), BatchRequest(1, 1, SYNC))
    running.say(Role.CONTROLLER, BeginRun(2, Unclaimed.CONSOLE), BatchRequest(2, 0, SYNC))
    assert running.controller.under_way == 3
    running.say(Role.BRIDGE, BatchResult(1, 0, Result(Outcome.ABORTED, failed_step=1)))
    running.say(Role.BRIDGE, BatchResult(1, 1, SKIPPED), BatchResult(2, 0, DONE))
    assert running.controller.under_way == 0
    assert running.controller.charged_bytes == 0


def test_batch_of_an_old_run_is_refused(running: Wire) -> None:
    running.say(Role.CONTROLLER, BeginRun(2, Unclaimed.CONSOLE))
    assert (
        running.smuggle(Role.CONTROLLER, BatchRequest(1, 0, SYNC)) == "a batch for run 1, which is not open"
    )


def test_batch_after_the_end_of_its_run_is_refused(running: Wire) -> None:
    running.say(Role.CONTROLLER, BatchRequest(1, 0, SYNC), EndRun(1))
    running.say(Role.BRIDGE, BatchResult(1, 0, DONE))
    assert (
        running.smuggle(Role.CONTROLLER, BatchRequest(1, 1, SYNC)) == "a batch for run 1, which is not open"
    )


def test_batch_after_an_abort_is_sent_and_answered(running: Wire) -> None:
    running.say(Role.CONTROLLER, BatchRequest(1, 0, SYNC), Abort(1), BatchRequest(1, 1, SYNC))
    running.say(Role.BRIDGE, BatchResult(1, 0, SKIPPED), BatchResult(1, 1, SKIPPED))


def test_abort_and_end_of_a_run_that_is_over_do_nothing(running: Wire) -> None:
    running.say(Role.CONTROLLER, EndRun(1), Abort(1), EndRun(1), BeginRun(2, Unclaimed.CONSOLE))
    running.say(Role.CONTROLLER, Abort(1), EndRun(1), BatchRequest(2, 0, SYNC))


@pytest.mark.parametrize("kind", [Abort, EndRun])
def test_abort_and_end_name_a_run_that_was_begun(running: Wire, kind: type[Abort | EndRun]) -> None:
    assert running.smuggle(Role.CONTROLLER, kind(2)) == "run 2, which was not begun"


def test_batch_with_an_unknown_step_is_answered_and_the_connection_lives(running: Wire) -> None:
    batch = Batch((Send(b"x"), UnknownStep(0x77, b"\x01\x02")))
    running.say(Role.CONTROLLER, BatchRequest(1, 0, batch))
    refusal = Result(Outcome.FAILED, failed_step=1, cause=Cause.UNSUPPORTED)
    running.say(Role.BRIDGE, BatchResult(1, 0, refusal))
    running.say(Role.CONTROLLER, Ping(1))


# Console


def test_console_is_contiguous_from_where_the_hello_wanted_it(ready: Wire) -> None:
    ready.say(Role.BRIDGE, Console(20, 1, bytes(30)), Console(50, 2, b"x"))
    assert ready.smuggle(Role.BRIDGE, Console(52, 3, b"y")) == "console at 52 where 51 is next"


def test_console_hole_is_explained_by_a_gap(ready: Wire) -> None:
    ready.say(Role.BRIDGE, ConsoleGap(20, 5), Console(25, 1, b"x"), ConsoleGap(26, 1 << 40))
    ready.say(Role.BRIDGE, Console(26 + (1 << 40), 2, b"y"))


def test_gap_starts_where_the_console_stands(ready: Wire) -> None:
    assert ready.smuggle(Role.BRIDGE, ConsoleGap(19, 5)) == "console at 19 where 20 is next"


def test_console_waits_for_acknowledgement_at_the_ring_s_size(ready: Wire) -> None:
    ready.say(Role.BRIDGE, Console(20, 1, bytes(100)))
    ready.say(Role.CONTROLLER, ConsoleAck(60), ConsoleAck(30))
    ready.say(Role.BRIDGE, Console(120, 1, bytes(40)))
    assert (
        ready.smuggle(Role.BRIDGE, Console(160, 1, b"x"))
        == "console up to 161, settled up to 60; the ring has 100 bytes"
    )


def test_gap_settles_what_lies_before_it(ready: Wire) -> None:
    ready.say(Role.BRIDGE, Console(20, 1, bytes(100)), ConsoleGap(120, 5), Console(125, 1, bytes(100)))


def test_ring_of_untold_size_has_no_window() -> None:
    wire = Wire()
    wire.say(Role.BRIDGE, replace(GREETING, identity=replace(IDENTITY, console_ring=0)))
    wire.say(Role.CONTROLLER, HELLO)
    wire.say(Role.BRIDGE, Welcome(), *(Console(20 + 1000 * n, 1, bytes(1000)) for n in range(10)))


def test_nothing_is_acknowledged_that_was_not_sent(ready: Wire) -> None:
    ready.say(Role.BRIDGE, Console(20, 1, b"abc"))
    assert (
        ready.smuggle(Role.CONTROLLER, ConsoleAck(24)) == "console acknowledged up to 24; 23 is what was sent"
    )


def test_console_of_the_future_cannot_be_wanted() -> None:
    wire = wire_in(State.AWAIT_HELLO)
    assert (
        wire.smuggle(Role.CONTROLLER, replace(HELLO, console_from=51))
        == "console from 51; this boot has had 50 bytes"
    )


def test_hello_after_busy_may_want_another_position(ready: Wire) -> None:
    wire = wire_in(State.AWAIT_WELCOME)
    wire.say(Role.BRIDGE, Busy("bench", bytes(16), 5))
    wire.say(Role.CONTROLLER, replace(HELLO, console_from=50, take_over=True))
    wire.say(Role.BRIDGE, Welcome(), Console(50, 1, b"x"))


def test_greeting_of_a_bridge_that_ran_before_is_kept() -> None:
    greeting = replace(GREETING, last_batch=LastBatch(4, 2, Outcome.SKIPPED))
    wire = Wire()
    wire.say(Role.BRIDGE, greeting)
    assert wire.controller.greeting == wire.bridge.greeting == greeting
    assert wire.controller.identity == IDENTITY
