"""A bridge's protocol core and a controller's, wired together without a network."""

import pytest

from stmota_protocol.connection import (
    NEED_DATA,
    Connection,
    LocalProtocolError,
    RemoteProtocolError,
    Role,
    State,
)
from stmota_protocol.messages import Greeting, Hello, Message, Welcome
from stmota_protocol.secure_messages import SecureRequest
from stmota_protocol.steps import Batch, EdgeIdentity, Expect, Line, Outcome, Result, Send
from stmota_protocol.wire import KNOWN_STEPS, encode_message

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
