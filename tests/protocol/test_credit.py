"""Two cores with messages in flight between them, driven at random: the books of both sides agree."""

from collections import deque

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from stmota_protocol.connection import Connection, LocalProtocolError, Role, Sentinel
from stmota_protocol.messages import (
    Abort,
    BatchRequest,
    BatchResult,
    BeginRun,
    EndRun,
    Greeting,
    Hello,
    Message,
    Welcome,
)
from stmota_protocol.steps import (
    MAX_RESIDUE,
    Arrival,
    Batch,
    EdgeIdentity,
    Expect,
    Line,
    Outcome,
    Output,
    Receive,
    Result,
    Send,
    Unclaimed,
)
from stmota_protocol.wire import KNOWN_STEPS, charge, encode_message, largest_result_bytes

CREDIT = 2000
MAX_BATCH = 700

batches = st.lists(
    st.one_of(
        st.builds(Send, st.binary(max_size=300)),
        st.builds(Receive, st.integers(0, 600), st.just(1)),
        st.builds(Expect, st.integers(0, 255), st.just(1)),
    ),
    max_size=5,
).map(lambda steps: Batch(tuple(steps)))


def largest_result(batch: Batch) -> Result:
    steps = list(enumerate(batch.steps))
    return Result(
        Outcome.DONE,
        outputs=tuple(Output(at, bytes(step.length)) for at, step in steps if isinstance(step, Receive)),
        arrivals=tuple(Arrival(at, 1) for at, step in steps if isinstance(step, Expect)),
        residue=bytes(MAX_RESIDUE),
    )


class Books(RuleBasedStateMachine):
    """The controller sends while it has room; the bridge answers; bytes arrive late and in pieces."""

    def __init__(self) -> None:
        super().__init__()
        self.ends = {role: Connection(role) for role in Role}
        self.in_flight = {role: bytearray() for role in Role}
        self.run = 0
        self.number = 0
        self.is_open = False
        self.sent: deque[BatchRequest] = deque()
        self.queue: deque[BatchRequest] = deque()
        self.results: list[BatchResult] = []

    @initialize()
    def open(self) -> None:
        identity = EdgeIdentity("lab", bytes(8), bytes(8), "0", Line(3), CREDIT, MAX_BATCH, KNOWN_STEPS)
        for role in Role:
            self.in_flight[role] += self.ends[role].preamble()
        self.say(Role.BRIDGE, Greeting(identity, 0, 0, 0))
        self.deliver(Role.BRIDGE, None)
        self.say(Role.CONTROLLER, Hello(bytes(16), "desk"))
        self.deliver(Role.CONTROLLER, None)
        self.say(Role.BRIDGE, Welcome())
        self.deliver(Role.BRIDGE, None)

    def say(self, role: Role, message: Message) -> None:
        self.in_flight[role] += self.ends[role].send(message)

    def deliver(self, sender: Role, length: int | None) -> None:
        data = bytes(self.in_flight[sender][:length])
        del self.in_flight[sender][:length]
        receiver = self.ends[sender.peer]
        if data:
            receiver.receive_data(data)
        while not isinstance(event := receiver.next_event(), Sentinel):
            if isinstance(event, BatchRequest):
                self.queue.append(event)
            if isinstance(event, BatchResult):
                expected = self.sent.popleft()
                assert (event.run, event.number) == (expected.run, expected.number)

    @rule()
    def begin(self) -> None:
        self.run += 1
        self.number = 0
        self.is_open = True
        self.say(Role.CONTROLLER, BeginRun(self.run, Unclaimed.RESIDUE))

    @precondition(lambda self: self.run > 0)
    @rule(ends=st.booleans())
    def abort_or_end(self, ends: bool) -> None:
        self.say(Role.CONTROLLER, EndRun(self.run) if ends else Abort(self.run))
        self.is_open = self.is_open and not ends

    @precondition(lambda self: self.is_open)
    @rule(batch=batches)
    def request(self, batch: Batch) -> None:
        controller = self.ends[Role.CONTROLLER]
        message = BatchRequest(self.run, self.number, batch)
        before = controller.charged_bytes
        fits = len(encode_message(message)) <= MAX_BATCH and charge(batch) <= CREDIT
        if not fits:
            with pytest.raises(ValueError, match="a batch whose"):
                controller.has_room_for(batch)
        elif controller.has_room_for(batch):
            self.say(Role.CONTROLLER, message)
            self.sent.append(message)
            self.number += 1
            assert controller.charged_bytes == before + charge(batch)
            return
        else:
            assert controller.under_way
        with pytest.raises(LocalProtocolError):
            controller.send(message)
        assert controller.charged_bytes == before

    @precondition(lambda self: self.queue)
    @rule(is_done=st.booleans())
    def answer(self, is_done: bool) -> None:
        request = self.queue.popleft()
        result = largest_result(request.batch) if is_done else Result(Outcome.SKIPPED)
        message = BatchResult(request.run, request.number, result)
        if is_done:
            assert len(encode_message(message)) == largest_result_bytes(request.batch)
        self.say(Role.BRIDGE, message)

    @rule(sender=st.sampled_from(Role), length=st.integers(1, 900))
    def arrive(self, sender: Role, length: int) -> None:
        self.deliver(sender, length)

    @invariant()
    def credit_is_never_exceeded(self) -> None:
        for end in self.ends.values():
            assert 0 <= end.charged_bytes <= CREDIT
            assert (end.charged_bytes == 0) == (end.under_way == 0)

    @invariant()
    def books_are_the_batches_under_way(self) -> None:
        controller, bridge = self.ends[Role.CONTROLLER], self.ends[Role.BRIDGE]
        assert controller.under_way == len(self.sent)
        assert controller.charged_bytes == sum(charge(message.batch) for message in self.sent)
        assert bridge.under_way == len(self.queue)
        assert bridge.charged_bytes <= controller.charged_bytes

    def teardown(self) -> None:
        for _ in range(2):
            self.deliver(Role.CONTROLLER, None)
            while self.queue:
                self.answer(is_done=True)
            self.deliver(Role.BRIDGE, None)
        assert [end.charged_bytes for end in self.ends.values()] == [0, 0]


TestBooks = Books.TestCase
TestBooks.settings = settings(deadline=None, derandomize=True, max_examples=60, stateful_step_count=40)
