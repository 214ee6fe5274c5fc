"""One connection of the bridge protocol, without I/O, for either role.

Three verbs, as in h11: `receive_data` takes what the network brought, `next_event` gives the next message,
`send` turns a message into the bytes to write. `preamble` comes first, once. Neither waits or knows time.

Errors are split by whose they are: `LocalProtocolError` is this side's bug, raised by `send` before
anything changed; `RemoteProtocolError` is the peer's, raised once by `next_event`, after which the
connection is in ERROR and swallows everything.

Bounds: the buffer holds one unfinished message, at most `MAX_SMALL_FRAME` before the Hello is answered;
from then on at most `MAX_FRAME` at a controller, and at a bridge the larger of `MAX_SMALL_FRAME` and its
largest batch. On top comes what one `receive_data` brought.
"""

from enum import Enum, unique
from typing import Final, Literal, TypeAlias

from stmota_protocol.connection_states import LIVE, Role, State, next_state
from stmota_protocol.console_ledger import ConsoleLedger
from stmota_protocol.frames import PREAMBLE, TYPE_AT, ForeignVersion, Malformed, judge_preamble, take_frame
from stmota_protocol.limits import MAX_FRAME, MAX_SMALL_FRAME
from stmota_protocol.messages import (
    Abort,
    BatchRequest,
    BatchResult,
    BeginRun,
    CloseReason,
    Console,
    ConsoleAck,
    ConsoleGap,
    EndRun,
    Greeting,
    Hello,
    Message,
    Unknown,
    Welcome,
)
from stmota_protocol.run_ledger import RuleBroken, RunLedger
from stmota_protocol.steps import Batch, EdgeIdentity
from stmota_protocol.upkeep import Upkeep
from stmota_protocol.upkeep_ledger import UpkeepLedger
from stmota_protocol.wire import decode_message, encode_message, is_known

__all__ = [
    "CLOSED",
    "NEED_DATA",
    "Connection",
    "Event",
    "LocalProtocolError",
    "ProtocolError",
    "RemoteProtocolError",
    "Role",
    "Sentinel",
    "State",
]


class ProtocolError(Exception):
    """The bridge protocol was broken."""


class LocalProtocolError(ProtocolError):
    """By this side: a message that state, credit or caps forbid. Nothing was sent and nothing changed."""


class RemoteProtocolError(ProtocolError):
    """By the peer. The connection is of no more use; a Closing with this reason may still tell it why."""

    def __init__(self, message: str, reason: CloseReason = CloseReason.PROTOCOL_ERROR) -> None:
        self.reason = reason
        super().__init__(message)


@unique
class Sentinel(Enum):
    """What `next_event` gives when it has no message."""

    NEED_DATA = "need data"
    CLOSED = "closed"


NEED_DATA: Final = Sentinel.NEED_DATA
CLOSED: Final = Sentinel.CLOSED
Event: TypeAlias = Message | Literal[Sentinel.NEED_DATA, Sentinel.CLOSED]


class Connection:
    """One end of a connection. Not for several tasks at once, except that nothing in it waits."""

    def __init__(self, role: Role) -> None:
        self.role = role
        self.peer_minor: int | None = None
        self.foreign: ForeignVersion | None = None
        """The peer speaks another major version: how it differs."""
        """The peer's minor version, once its preamble is here."""
        self.greeting: Greeting | None = None
        """The bridge's greeting, once sent or received."""
        self._state = State.AWAIT_GREETING
        self._buffer = bytearray()
        self._preamble_is_sent = False
        self._peer_has_closed = False
        self._runs: RunLedger | None = None
        self._console: ConsoleLedger | None = None
        self._upkeep = UpkeepLedger()

    @property
    def state(self) -> State:
        """Where the connection stands."""
        return self._state

    @property
    def identity(self) -> EdgeIdentity | None:
        """What the bridge said of itself, once greeted."""
        return self.greeting.identity if self.greeting else None

    @property
    def under_way(self) -> int:
        """Batches requested whose results were not sent or received yet."""
        return self._runs.under_way if self._runs else 0

    @property
    def charged_bytes(self) -> int:
        """What these batches take of the credit."""
        return self._runs.charged_bytes if self._runs else 0

    @property
    def buffered_bytes(self) -> int:
        """Bytes received that no event has come of yet; bounded as the module says."""
        return len(self._buffer)

    @property
    def update_room(self) -> int:
        """How many bytes of a firmware image may be sent now."""
        return self._upkeep.granted - self._upkeep.sent

    def has_room_for(self, batch: Batch) -> bool:
        """Whether the credit allows this batch now; always when none is under way.

        Raises ValueError for a batch that can never fit this bridge, LocalProtocolError before its greeting.
        """
        if self._runs is None:
            message = "no greeting yet: the bridge's credit is not known"
            raise LocalProtocolError(message)
        return self._runs.has_room_for(batch)

    def preamble(self) -> bytes:
        """The bytes each side writes at once after connecting; before anything else, once."""
        if self._preamble_is_sent:
            message = "the preamble is sent once"
            raise LocalProtocolError(message)
        self._preamble_is_sent = True
        return PREAMBLE

    def send(self, message: Message) -> bytes:
        """Return the bytes to write. Raises `LocalProtocolError`, and then nothing has changed."""
        if not self._preamble_is_sent:
            text = "the preamble comes before any message"
            raise LocalProtocolError(text)
        after = next_state(self._state, self.role, type(message))
        if after is None:
            raise LocalProtocolError(self._illegal(self.role, message))
        try:
            data = encode_message(message)
            self._check_type(message, data[TYPE_AT])
            self._note(message)
        except ValueError as error:
            raise LocalProtocolError(str(error)) from error
        self._state = after
        if after is State.CLOSED:
            self._drop(after)
        return data

    def receive_data(self, data: bytes) -> None:
        """Take what the network brought; b"" says that the peer closed."""
        if self._state not in LIVE or self._peer_has_closed:
            return
        if data:
            self._buffer += data
        else:
            self._peer_has_closed = True

    def next_event(self) -> Event:
        """The next message, NEED_DATA, or CLOSED, which it then gives for ever.

        Raises `RemoteProtocolError` once; CLOSED follows.
        """
        if self._state not in LIVE:
            return CLOSED
        try:
            return self._next_message()
        except (Malformed, RuleBroken) as error:
            self._drop(State.ERROR)
            self.foreign = error if isinstance(error, ForeignVersion) else None
            reason = CloseReason.VERSION if self.foreign else CloseReason.PROTOCOL_ERROR
            raise RemoteProtocolError(str(error), reason) from error

    def _next_message(self) -> Event:
        if self.peer_minor is None:
            start = bytes(self._buffer[: len(PREAMBLE)])
            if len(start) < len(PREAMBLE) and not (self._peer_has_closed and start):
                return self._wait()
            self.peer_minor = judge_preamble(start)
            del self._buffer[: len(PREAMBLE)]
        frame = take_frame(self._buffer, self._max_frame())
        if frame is None:
            return self._wait()
        message = decode_message(frame)
        after = next_state(self._state, self.role.peer, type(message))
        if after is None:
            raise RuleBroken(self._illegal(self.role.peer, message))
        self._note(message)
        self._state = after
        if after is State.CLOSED:
            self._drop(after)
        return message

    def _wait(self) -> Event:
        """Nothing whole is here: wait for more, unless there will be none."""
        if not self._peer_has_closed:
            return NEED_DATA
        if self._buffer:
            message = "the connection ended in the middle of a message"
            raise Malformed(message)
        self._drop(State.CLOSED)
        return CLOSED

    def _drop(self, state: State) -> None:
        self._state = state
        self._buffer.clear()

    def _max_frame(self) -> int:
        if self.greeting is None or self._state in (State.AWAIT_HELLO, State.AWAIT_SECURE):
            return MAX_SMALL_FRAME
        if self.role is Role.CONTROLLER:
            return MAX_FRAME
        if self._state is not State.READY:
            return MAX_SMALL_FRAME
        return max(MAX_SMALL_FRAME, self.greeting.identity.max_batch)

    def _note(self, message: Message) -> None:
        """Keep the books. Raises `RuleBroken`, and then nothing has changed."""
        match message:
            case Greeting():
                self.greeting = message
                self._runs = RunLedger(message.identity)
                self._console = ConsoleLedger(message)
            case Hello() if self._console:
                self._console.begin(message)
            case Welcome(last_result=BatchResult(run=run)) if self._runs:
                self._runs.continue_after(run)
            case BeginRun() | BatchRequest() | BatchResult() | Abort() | EndRun() if self._runs:
                self._note_run(self._runs, message)
            case Console() | ConsoleGap() | ConsoleAck() if self._console:
                self._note_console(self._console, message)
            case _ if isinstance(message, Upkeep):
                self._upkeep.note(message)
            case _:
                pass

    @staticmethod
    def _note_run(runs: RunLedger, message: BeginRun | BatchRequest | BatchResult | Abort | EndRun) -> None:
        match message:
            case BeginRun():
                runs.begin(message)
            case BatchRequest():
                runs.request(message)
            case BatchResult():
                runs.result(message)
            case Abort():
                runs.abort(message)
            case EndRun():
                runs.end(message)

    @staticmethod
    def _note_console(console: ConsoleLedger, message: Console | ConsoleGap | ConsoleAck) -> None:
        match message:
            case Console():
                console.data(message)
            case ConsoleGap():
                console.gap(message)
            case ConsoleAck():
                console.acknowledge(message)

    @staticmethod
    def _check_type(message: Message, message_type: int) -> None:
        """A message for a UART that is not there, and a known one under an Unknown's name, are refused."""
        if is_known(message_type, message.port) is isinstance(message, Unknown):
            text = f"{type(message).__name__} of type 0x{message_type:02x} for port {message.port}"
            raise RuleBroken(text)

    def _illegal(self, sender: Role, message: Message) -> str:
        return f"{type(message).__name__} from the {sender.value} in state {self._state.name}"
