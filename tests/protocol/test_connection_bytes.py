"""The connection reads bytes as they come: its preamble, whole messages, and no more than it has to keep."""

from dataclasses import replace

import pytest

from core_pair import DONE, GREETING, HELLO, IDENTITY, SYNC, Wire, wire_in
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
from stmota_protocol.frames import PREAMBLE
from stmota_protocol.messages import (
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
    LastBatch,
    Message,
    Ping,
    Pong,
    Unknown,
    Unsupported,
    Welcome,
)
from stmota_protocol.steps import Arrival, Cause, Outcome, Output, Result, Unclaimed
from stmota_protocol.wire import encode_message


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


def test_greeting_of_a_bridge_that_ran_before_is_kept() -> None:
    greeting = replace(GREETING, last_batch=LastBatch(4, 2, Outcome.SKIPPED))
    wire = Wire()
    wire.say(Role.BRIDGE, greeting)
    assert wire.controller.greeting == wire.bridge.greeting == greeting
    assert wire.controller.identity == IDENTITY
