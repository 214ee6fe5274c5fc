"""What two cores hold each other to when settings are changed and firmware is updated."""

import pytest

from stmota_protocol.connection import Connection, LocalProtocolError, RemoteProtocolError, Role
from stmota_protocol.messages import Greeting, Hello, Message, Welcome
from stmota_protocol.steps import EdgeIdentity, Line
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

IDENTITY = EdgeIdentity("lab", bytes(8), bytes(8), "0", Line(3), 1000, 600, frozenset())
BEGIN = UpdateBegin(4000, bytes(32))
DONE = SettingsAnswer(SettingsVerdict.DONE, "", "")
B, C = Role.BRIDGE, Role.CONTROLLER


class Pair:
    """A bridge's core and a controller's, welcomed."""

    def __init__(self) -> None:
        self.ends = {role: Connection(role) for role in Role}
        for role, end in self.ends.items():
            self.ends[role.peer].receive_data(end.preamble())
        self.say(B, Greeting(IDENTITY, 0, 0, 0))
        self.say(C, Hello(bytes(16), "desk"))
        self.say(B, Welcome())

    def say(self, role: Role, *messages: Message) -> None:
        for message in messages:
            self.ends[role.peer].receive_data(self.ends[role].send(message))
            assert self.ends[role.peer].next_event() == message

    def both_refuse(self, role: Role, message: Message) -> str:
        """The sender's core does not say it, the receiver's ends the connection; for the same reason."""
        with pytest.raises(LocalProtocolError) as ours:
            self.ends[role].send(message)
        self.ends[role.peer].receive_data(encode_message(message))
        with pytest.raises(RemoteProtocolError) as theirs:
            self.ends[role.peer].next_event()
        assert str(theirs.value) == str(ours.value)
        return str(ours.value)


@pytest.fixture
def pair() -> Pair:
    return Pair()


def status(state: UpdateState, granted: int, text: str = "") -> UpdateStatus:
    return UpdateStatus(state, granted, text)


def test_questions_about_settings_come_one_after_the_other(pair: Pair) -> None:
    pair.say(C, GetSettings())
    pair.say(B, Settings(()))
    pair.say(C, SetSettings((SettingChange("name", "a"),)))
    pair.say(B, DONE)
    pair.say(C, Restart(), BEGIN)  # of the two kinds one each may wait
    assert pair.both_refuse(C, GetSettings()) == "GetSettings before Restart was answered"


def test_an_answer_that_nobody_asked_for_is_refused(pair: Pair) -> None:
    assert pair.both_refuse(B, DONE) == "SettingsAnswer that nobody asked for"


def test_settings_answer_only_the_question_for_them(pair: Pair) -> None:
    pair.say(C, Restart())
    assert pair.both_refuse(B, Settings(())) == "Settings that nobody asked for"


def test_an_image_goes_as_it_is_granted(pair: Pair) -> None:
    pair.say(C, BEGIN)
    pair.say(B, status(UpdateState.RECEIVING, 1500))
    pair.say(C, UpdateData(0, bytes(1000)), UpdateData(1000, bytes(500)))
    assert [end.update_room for end in pair.ends.values()] == [0, 0]
    pair.say(B, status(UpdateState.RECEIVING, 4000))
    pair.say(C, UpdateData(1500, bytes(1000)), UpdateData(2500, bytes(1000)), UpdateData(3500, bytes(500)))
    pair.say(C, UpdateFinish())
    pair.say(B, status(UpdateState.RECEIVING, 4000), status(UpdateState.WRITTEN, 4000))
    pair.say(C, UpdateCancel())
    pair.say(B, status(UpdateState.NONE, 4000))
    pair.say(C, BEGIN)
    assert [end.update_room for end in pair.ends.values()] == [0, 0]


@pytest.mark.parametrize(
    ("offset", "length"), [(0, 1001), (1, 10), (0xFFFF_FFFF, 1)], ids=["beyond", "hole", "far"]
)
def test_bytes_that_are_not_granted_or_not_next_are_refused(pair: Pair, offset: int, length: int) -> None:
    pair.say(C, BEGIN)
    pair.say(B, status(UpdateState.RECEIVING, 1000))
    end = offset + length
    assert pair.both_refuse(C, UpdateData(offset, bytes(length))) == (
        f"bytes {offset} to {end} of an image; 0 is next, 1000 are granted"
    )


def test_bytes_without_an_update_are_refused(pair: Pair) -> None:
    expected = "bytes 0 to 1 of an image; 0 is next, 0 are granted"
    assert pair.both_refuse(C, UpdateData(0, b"x")) == expected


def test_what_was_under_way_when_an_update_was_refused_may_still_come(pair: Pair) -> None:
    pair.say(C, BEGIN)
    pair.say(B, status(UpdateState.RECEIVING, 2000), status(UpdateState.REFUSED, 2000, "another chip"))
    pair.say(C, UpdateData(0, bytes(1000)), BEGIN)


def test_no_update_begins_within_another(pair: Pair) -> None:
    pair.say(C, BEGIN)
    pair.say(B, status(UpdateState.RECEIVING, 2000))
    assert pair.both_refuse(C, BEGIN) == "UpdateBegin while an update is being received"


def test_grants_on_their_way_do_not_answer_a_cancel(pair: Pair) -> None:
    pair.say(C, BEGIN)
    pair.say(B, status(UpdateState.RECEIVING, 2000))
    pair.say(C, UpdateCancel())
    pair.say(B, status(UpdateState.RECEIVING, 3000))
    assert pair.both_refuse(C, BEGIN) == "UpdateBegin before UpdateCancel was answered"


def test_a_grant_is_not_taken_back(pair: Pair) -> None:
    pair.say(C, BEGIN)
    pair.say(B, status(UpdateState.RECEIVING, 2000))
    refusal = "a grant of 1999 bytes after one of 2000"
    assert pair.both_refuse(B, status(UpdateState.RECEIVING, 1999)) == refusal
