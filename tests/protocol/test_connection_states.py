"""The connection's state machine: every message in every state, and what ends a connection."""

from itertools import product
from typing import get_args

import pytest

from core_pair import DONE, GREETING, HELLO, SYNC, wire_in
from stmota_protocol.connection import CLOSED, LocalProtocolError, RemoteProtocolError, Role, State
from stmota_protocol.connection_states import LIVE, TABLE, next_state
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
from stmota_protocol.steps import Unclaimed
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
from stmota_protocol.wire import encode_message

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
