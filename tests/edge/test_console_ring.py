"""The console ring against a list of (position, time, byte) that forgets nothing."""

from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from stmota_edge.console_ring import FRAME_SPAN_US, MARK_EVERY_US, ConsoleRing
from stmota_edge.effects import Received
from stmota_protocol.messages import Console, ConsoleGap


@dataclass(frozen=True)
class Append:
    after_us: int
    data: bytes


@dataclass(frozen=True)
class Acknowledge:
    position: int


@dataclass(frozen=True)
class Read:
    most_bytes: int


operations = st.lists(
    st.one_of(
        st.builds(Append, st.integers(0, 50_000), st.binary(max_size=20)),
        st.builds(Acknowledge, st.integers(0, 400)),
        st.builds(Read, st.integers(1, 30)),
    ),
    max_size=60,
)


class Model:
    """A ring, everything it was given, and a reader's place in it."""

    def __init__(self, size: int) -> None:
        self.ring = ConsoleRing(size)
        self.everything = bytearray()
        self.times: list[int] = []
        self.now_us = 0
        self.position = 0

    def append(self, operation: Append) -> None:
        self.now_us += operation.after_us
        self.ring.append(Received(self.now_us, operation.data))
        self.everything += operation.data
        self.times += [self.now_us] * len(operation.data)

    def read(self, most_bytes: int) -> None:
        message = self.ring.read(self.position, most_bytes)
        match message:
            case ConsoleGap():
                assert message == ConsoleGap(self.position, self.ring.oldest - self.position)
                assert message.length > 0
                self.position += message.length
            case Console():
                self.check(message, most_bytes)
                self.position += len(message.data)
            case None:
                assert self.position >= self.ring.next

    def check(self, message: Console, most_bytes: int) -> None:
        end = self.position + len(message.data)
        assert 1 <= len(message.data) <= most_bytes
        assert message.position == self.position
        assert message.data == self.everything[self.position : end]
        assert self.times[self.position] - MARK_EVERY_US < message.at_us <= self.times[self.position]
        assert self.times[end - 1] <= message.at_us + FRAME_SPAN_US + MARK_EVERY_US


@settings(deadline=None, derandomize=True)
@given(operations, st.integers(1, 50))
def test_every_byte_is_read_once_in_order_or_reported_as_lost(
    todo: list[Append | Acknowledge | Read], size: int
) -> None:
    model = Model(size)
    for operation in todo:
        match operation:
            case Append():
                model.append(operation)
            case Acknowledge():
                model.ring.acknowledge(min(operation.position, model.position))
            case Read():
                model.read(operation.most_bytes)
        assert model.ring.next == len(model.everything)
        assert model.ring.next - model.ring.oldest <= size


def test_what_fits_is_never_lost() -> None:
    ring = ConsoleRing(10)
    ring.append(Received(0, b"01234"))
    ring.append(Received(9, b"56789"))
    assert ring.read(0) == Console(0, 0, b"0123456789")


def test_a_full_ring_forgets_its_oldest_bytes_and_says_so() -> None:
    ring = ConsoleRing(10)
    ring.append(Received(0, b"0123456789"))
    ring.append(Received(30_000, b"abc"))
    assert ring.read(0) == ConsoleGap(0, 3)
    assert ring.read(3) == Console(3, 0, b"3456789")
    assert ring.read(10) == Console(10, 30_000, b"abc")


def test_acknowledged_bytes_are_gone() -> None:
    ring = ConsoleRing(10)
    ring.append(Received(0, b"0123456789"))
    ring.acknowledge(4)
    assert (ring.oldest, ring.next) == (4, 10)
    assert ring.read(4) == Console(4, 0, b"456789")
    ring.acknowledge(100)
    assert (ring.oldest, ring.next) == (10, 10)
    assert ring.read(10) is None


def test_a_pause_begins_a_new_frame() -> None:
    ring = ConsoleRing()
    ring.append(Received(0, b"one "))
    ring.append(Received(FRAME_SPAN_US, b"frame"))
    ring.append(Received(FRAME_SPAN_US + 1000, b"next"))
    assert ring.read(0) == Console(0, 0, b"one frame")
    assert ring.read(9) == Console(9, FRAME_SPAN_US + 1000, b"next")
