"""The link to a bridge on the network: one connection of the bridge protocol, from hello to its end.

Tasks that read, write and keep alive run inside `open_bridge_link`; what ends them is raised, bare, by
whatever the link's user waits for next.
"""

import os
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import cast

import trio

from stmota_daemon.bell import Bell
from stmota_daemon.beside import beside
from stmota_daemon.bridge_care import BridgeCare
from stmota_daemon.bridge_run import BridgeRun
from stmota_daemon.clock_sync import ClockSync
from stmota_daemon.link import ClockMap, Link, LinkError, LinkHeld, LinkLost, OtherVersion, SecuredElsewhere
from stmota_daemon.peer_text import MAX_NAME, cleaned
from stmota_edge.pump import Ending, Pump, Talker
from stmota_protocol.connection import Connection, Role, State
from stmota_protocol.frames import MAJOR
from stmota_protocol.limits import MAX_TEXT_BYTES
from stmota_protocol.messages import (
    BatchResult,
    BeginRun,
    Busy,
    CloseReason,
    Console,
    ConsoleAck,
    ConsoleGap,
    Greeting,
    Hello,
    Message,
    Ping,
    Pong,
    Welcome,
)
from stmota_protocol.steps import EdgeIdentity, Unclaimed
from stmota_protocol.upkeep import FromBridge

CONNECT_WITHIN_S = 5.0
"""For TCP to connect: a lost SYN is sent again after 1 and 3 s (RFC 6298), so two may be lost."""
GREET_WITHIN_S = 5.0
"""For greeting and welcome, a round trip each: as long as a bridge waits for a hello."""
MOST_CONSOLE_WAITING_BYTES = 1024 * 1024
"""Console received and not taken: many times any bridge's ring; a bridge that sends more is broken."""
GAP_COSTS_BYTES = 64
"""What a gap counts for in that."""
MOST_WAITING_MESSAGES = 4096
"""More than the credit of any bridge lets batches wait; a bound for bugs, not for use."""


@dataclass(frozen=True, slots=True)
class BridgeAddress:
    """Where a bridge listens."""

    host: str
    port: int

    def __str__(self) -> str:
        """`host:port`, as people write it."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


ConsoleFrom = Callable[[EdgeIdentity], int]
"""From which position the console is wanted, once the bridge is known; what it raises, `open` raises."""


@asynccontextmanager
async def open_bridge_link(
    bridge: trio.abc.Stream | BridgeAddress,
    controller_id: bytes,
    name: str,
    *,
    take_over: bool = False,
    console_from: ConsoleFrom = lambda _: 0,
    unix_s: Callable[[], float] = time.time,
) -> AsyncGenerator["BridgeLink", None]:
    """Connect to a bridge, become its controller, and hold the link while the body runs.

    Raises `LinkLost` when it cannot be reached or is no bridge, `LinkHeld` when another controller holds
    it, `SecuredElsewhere` when it takes TLS only and `bridge` is plain, `OtherVersion`. Leaving closes the
    connection, and so does a cancellation; the bridge then ends the batch it has in hand and skips the rest.
    """
    stream = await connect(bridge) if isinstance(bridge, BridgeAddress) else bridge
    link = BridgeLink(stream, ClockSync(unix_s))
    async with beside(link.run):
        await link.introduce(controller_id, name, take_over, console_from)
        yield link


async def connect(address: BridgeAddress) -> trio.abc.Stream:
    """Connect to where a bridge listens. Raises `LinkLost`."""
    try:
        with trio.fail_after(CONNECT_WITHIN_S):
            return await trio.open_tcp_stream(address.host, address.port)
    except trio.TooSlowError as error:
        message = f"no answer within {CONNECT_WITHIN_S:.0f} s"
        raise LinkLost(message) from error
    except UnicodeError as error:
        message = "its host is no name that could be looked up"
        raise LinkLost(message) from error
    except OSError as error:
        raise LinkLost(_why_not(error)) from error


def _why_not(error: OSError) -> str:
    """Return what the system said to the attempts: `Connection refused`; trio puts them in a group."""
    cause = error.__cause__
    if not isinstance(cause, ExceptionGroup):
        return error.strerror or str(error)
    attempts = cast("ExceptionGroup[Exception]", cause).exceptions
    numbers = [one.errno for one in attempts if isinstance(one, OSError) and one.errno]
    return ", ".join(dict.fromkeys(map(os.strerror, numbers))) or str(error)


class BridgeLink(Link, Talker):
    """A controller's end of a connection. Made by `open_bridge_link`."""

    def __init__(self, stream: trio.abc.Stream, clock_sync: ClockSync) -> None:
        self._connection = Connection(Role.CONTROLLER)
        self._pump = Pump(stream, self._connection, self, MOST_WAITING_MESSAGES)
        self._clock_sync = clock_sync
        self._began_s = trio.current_time()
        self._bell = Bell()
        self._lost: LinkError | None = None
        self._busy: Busy | None = None
        self._runs: dict[int, BridgeRun] = {}
        """Those the bridge owes results, and the newest."""
        self._newest_run = 0
        self._console: deque[Console | ConsoleGap] = deque()
        self._console_waiting_bytes = 0
        self._care = BridgeCare(self._connection, self._say)
        self._safe_position = 0
        self._acknowledged = 0

    async def run(self) -> None:
        """Move messages until the connection ends."""
        try:
            self._lose(await self._pump.run())
        finally:
            self._lose(Ending("closed"))

    async def introduce(
        self, controller_id: bytes, name: str, take_over: bool, console_from: ConsoleFrom
    ) -> None:
        """Wait for the greeting, say hello, wait for the welcome. Raises `LinkError`."""
        try:
            with trio.fail_after(GREET_WITHIN_S):
                while (greeting := self._connection.greeting) is None:
                    await self._news()
                wanted = min(console_from(greeting.identity), greeting.console_next)
                self._safe_position = self._acknowledged = wanted
                self._say(Hello(controller_id, name, take_over, wanted))
                while self._connection.state is not State.READY:
                    await self._news()
        except trio.TooSlowError as error:
            message = (
                f"it takes connections, but said nothing that a bridge says within {GREET_WITHIN_S:.0f} s"
            )
            raise LinkLost(message) from error

    @property
    def protocol(self) -> str:
        """Version of the bridge protocol that the bridge speaks."""
        return f"{MAJOR}.{self._connection.peer_minor}"

    @property
    def has_ended(self) -> bool:
        """Whether the connection is over, or on its way there."""
        return self._lost is not None or self._pump.ending is not None

    @property
    def care(self) -> BridgeCare:
        """Who asks about the bridge itself."""
        return self._care

    def begin_run(self, unclaimed: Unclaimed = Unclaimed.RESIDUE) -> BridgeRun:
        """Begin a run; an earlier one is over with it. Raises `LinkLost`."""
        self._check()
        for run in self._runs.values():
            run.supersede()
        self._runs = {number: run for number, run in self._runs.items() if not run.is_settled}
        self._newest_run += 1
        self._say(BeginRun(self._newest_run, unclaimed))
        run = self._runs[self._newest_run] = BridgeRun(self._newest_run, self._connection, self._say)
        return run

    async def wait_for_console(self) -> None:
        """Return when console bytes are there, which may be after the link's end."""
        await trio.lowlevel.checkpoint()
        while not self._console:
            await self._news()

    def take_console(self) -> Console | ConsoleGap | None:
        """The next console bytes, if they are there."""
        if not self._console:
            return None
        message = self._console.popleft()
        self._console_waiting_bytes -= _cost(message)
        return message

    def acknowledge_console(self, position: int) -> None:
        """All bytes before `position` are stored: the bridge may forget them."""
        if position > self._safe_position:
            self._safe_position = position
            self._pump.wake()

    def handle(self, message: Message) -> None:
        """What the bridge says."""
        match message:
            case BatchResult():
                self._give_result(message)
            case Console() | ConsoleGap():
                self._keep_console(message)
            case Ping():
                self._pump.say(Pong(message.token, 0))
            case Pong():
                self.clock = self._clock_sync.pong(message.token, message.now_us) or self.clock
            case Greeting():
                self._greeted(message)
            case Welcome():
                self._newest_run = message.last_result.run if message.last_result else 0
                self._pump.say(Ping(self._clock_sync.ping_token()))
            case Busy():
                self._busy = message
            case _ if isinstance(message, FromBridge):
                self._care.heard(message)
            case _:
                pass
        self._bell.ring()

    def next_message(self) -> Message | None:
        """The acknowledgement of console, if there is a new one."""
        if self._safe_position <= self._acknowledged or self._connection.state is not State.READY:
            return None
        self._acknowledged = self._safe_position
        return ConsoleAck(self._acknowledged)

    def ended(self) -> None:
        """Told by `run`, with the reason."""

    def keep_alive(self) -> Message | None:
        """A ping, which measures the clock too."""
        if self._connection.state is not State.READY:
            return None
        return Ping(self._clock_sync.ping_token())

    def _greeted(self, greeting: Greeting) -> None:
        self.identity = greeting.identity
        self.clock: ClockMap = self._clock_sync.sample(greeting.now_us, trio.current_time() - self._began_s)

    def _give_result(self, message: BatchResult) -> None:
        run = self._runs[message.run]
        run.put_result(message.result)
        self._runs[self._newest_run].send_ready()

    def _keep_console(self, message: Console | ConsoleGap) -> None:
        self._console.append(message)
        self._console_waiting_bytes += _cost(message)
        if self._console_waiting_bytes > MOST_CONSOLE_WAITING_BYTES:
            self._pump.close(CloseReason.PROTOCOL_ERROR, "more console than anybody can take")

    async def _news(self) -> None:
        """Wait for something new. Raises the link's end."""
        if self._busy is not None:
            name = cleaned(self._busy.holder_name, MAX_NAME)
            raise LinkHeld(name, self._busy.held_for_us / 1e6)
        if self._lost is not None:
            raise self._lost.with_traceback(None)
        await self._bell.wait()

    def _say(self, message: Message) -> None:
        """Send a message, books kept at once. Raises the link's end."""
        self._check()
        self._pump.say(self._connection.send(message))

    def _check(self) -> None:
        """Raise the link's end, if it has come."""
        if self._pump.ending is not None:
            self._lose(self._pump.ending)
        if self._lost is not None:
            raise self._lost.with_traceback(None)

    def _lose(self, ending: Ending) -> None:
        if self._lost is not None:
            return
        closing = ending.closing
        if closing is not None and closing.reason is CloseReason.TAKEN_OVER:
            self._lost = LinkHeld(cleaned(closing.text, MAX_NAME), 0.0)
        elif (
            closing is not None
            and closing.reason is CloseReason.SECURED
            and self._connection.greeting is None
        ):
            self._lost = SecuredElsewhere()
        elif self._connection.foreign is not None:
            self._lost = OtherVersion(self._connection.foreign)
        else:
            self._lost = LinkLost(cleaned(ending.text, MAX_TEXT_BYTES))
        for run in self._runs.values():
            run.lose(self._lost)
        self._care.lose(self._lost)
        self._bell.ring()


def _cost(message: Console | ConsoleGap) -> int:
    return len(message.data) if isinstance(message, Console) else GAP_COSTS_BYTES
