"""Who may say what and when: the state table of a bridge connection, the same one for both roles.

The rules:

- A connection opens in strict turns: the bridge's Greeting, the controller's Hello, the bridge's Welcome or
  Busy. Each state up to READY is named after the message that comes next, so both sides are in the same
  state until READY, and one table serves both: what the owner of a turn may send is what its peer may
  receive.
- Instead of a Hello the controller may ask for secure mode; the bridge's answer gives the turn back.
- Busy gives the turn back: another Hello may follow.
- In READY both sides talk at will; the order of runs, batches and console is kept in `run_ledger.py` and
  `console_ledger.py`, of settings and update in `upkeep_ledger.py`.
- Closing, Unsupported and messages of unknown type may come from either side in every live state.
- Closing is the last thing a side says or hears: after it the connection is CLOSED, what still arrives is
  dropped.
- What breaks a rule leads to ERROR when the peer did it, and is refused, with nothing changed, when this
  side did. ERROR and CLOSED take no input any more; in ERROR one Closing may still be sent, to tell why.
"""

from enum import Enum, unique
from typing import TypeAlias

from stmota_protocol.messages import (
    Abort,
    BatchRequest,
    BatchResult,
    BeginRun,
    Busy,
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
from stmota_protocol.upkeep import (
    GetSettings,
    Restart,
    SetSettings,
    Settings,
    SettingsAnswer,
    UpdateBegin,
    UpdateCancel,
    UpdateData,
    UpdateFinish,
    UpdateStatus,
)


@unique
class Role(Enum):
    """Which end of the connection this is."""

    BRIDGE = "bridge"
    CONTROLLER = "controller"

    @property
    def peer(self) -> "Role":
        """The other end."""
        return Role.CONTROLLER if self is Role.BRIDGE else Role.BRIDGE


@unique
class State(Enum):
    """Where a connection stands."""

    AWAIT_GREETING = "await greeting"
    """The bridge's turn."""
    AWAIT_HELLO = "await hello"
    """The controller's turn."""
    AWAIT_WELCOME = "await welcome"
    """The bridge's turn: Welcome or Busy."""
    AWAIT_SECURE = "await secure"
    """The bridge's turn: SecureCsr or SecureAnswer."""
    READY = "ready"
    CLOSED = "closed"
    """Closing was said or heard, or the peer closed between two messages."""
    ERROR = "error"
    """The peer broke the protocol."""


LIVE = (State.AWAIT_GREETING, State.AWAIT_HELLO, State.AWAIT_WELCOME, State.AWAIT_SECURE, State.READY)

Turn: TypeAlias = tuple[Role, type[Message]]

_B, _C = Role.BRIDGE, Role.CONTROLLER


def _row(state: State, own: dict[Turn, State]) -> dict[Turn, State]:
    """A live state's row: its own turns, and what may always come."""
    always: dict[Turn, State] = {}
    for role in Role:
        always[role, Unsupported] = always[role, Unknown] = state
        always[role, Closing] = State.CLOSED
    return own | always


_UPKEEP_FROM_BRIDGE = (Settings, SettingsAnswer, UpdateStatus)
_UPKEEP_FROM_CONTROLLER = (
    GetSettings,
    SetSettings,
    Restart,
    UpdateBegin,
    UpdateData,
    UpdateFinish,
    UpdateCancel,
)
_READY_FROM: dict[Role, tuple[type[Message], ...]] = {
    _B: (BatchResult, Console, ConsoleGap, Ping, Pong, *_UPKEEP_FROM_BRIDGE),
    _C: (BeginRun, BatchRequest, Abort, EndRun, ConsoleAck, Ping, Pong, *_UPKEEP_FROM_CONTROLLER),
}

TABLE: dict[State, dict[Turn, State]] = {
    State.AWAIT_GREETING: _row(State.AWAIT_GREETING, {(_B, Greeting): State.AWAIT_HELLO}),
    State.AWAIT_HELLO: _row(
        State.AWAIT_HELLO,
        {
            (_C, Hello): State.AWAIT_WELCOME,
            (_C, SecureRequest): State.AWAIT_SECURE,
            (_C, SecureInstall): State.AWAIT_SECURE,
        },
    ),
    State.AWAIT_WELCOME: _row(
        State.AWAIT_WELCOME, {(_B, Welcome): State.READY, (_B, Busy): State.AWAIT_HELLO}
    ),
    State.AWAIT_SECURE: _row(
        State.AWAIT_SECURE,
        {(_B, SecureCsr): State.AWAIT_HELLO, (_B, SecureAnswer): State.AWAIT_HELLO},
    ),
    State.READY: _row(
        State.READY, {(role, kind): State.READY for role in Role for kind in _READY_FROM[role]}
    ),
    State.CLOSED: {},
    State.ERROR: {(_B, Closing): State.CLOSED, (_C, Closing): State.CLOSED},
}
"""state → (sender, message) → next state. What is not here is illegal. A row in ERROR is for sending only."""


def next_state(state: State, sender: Role, kind: type[Message]) -> State | None:
    """The state after `sender` said a message of that kind; None when it may not."""
    return TABLE[state].get((sender, kind))


def diagram() -> str:
    """The table as a Mermaid state diagram, for BRIDGE_PROTOCOL.md."""
    lines = ["stateDiagram-v2", f"    [*] --> {State.AWAIT_GREETING.name}: preambles"]
    for state in LIVE:
        arrows: dict[tuple[State, str], list[str]] = {}
        for (role, kind), after in TABLE[state].items():
            senders = {sender for sender, other in TABLE[state] if other is kind}
            who = role.value if len(senders) == 1 else "either"
            names = arrows.setdefault((after, who), [])
            if kind.__name__ not in names:
                names.append(kind.__name__)
        for (after, who), names in arrows.items():
            lines.append(f"    {state.name} --> {after.name}: {who} - {', '.join(names)}")
        lines.append(f"    {state.name} --> {State.CLOSED.name}: peer closed between messages")
        lines.append(f"    {state.name} --> {State.ERROR.name}: peer broke the protocol")
    lines.append(f"    {State.ERROR.name} --> {State.CLOSED.name}: this side - Closing")
    return "\n".join(lines)
