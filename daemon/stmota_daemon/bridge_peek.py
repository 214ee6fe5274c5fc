"""A look at a bridge: connect, read its greeting, close; without a hello, so that it disturbs nobody."""

from dataclasses import dataclass

import trio

from stmota_daemon.bridge_link import BridgeAddress, connect
from stmota_daemon.link import LinkLost, OtherVersion, SecuredElsewhere
from stmota_daemon.peer_text import MAX_NAME, cleaned
from stmota_protocol.connection import CLOSED, NEED_DATA, Connection, Event, RemoteProtocolError, Role
from stmota_protocol.frames import MAJOR
from stmota_protocol.limits import MAX_TEXT_BYTES
from stmota_protocol.messages import CloseReason, Closing
from stmota_protocol.steps import EdgeIdentity

PEEK_WITHIN_S = 5.0
"""For the greeting, once connected: a bridge waits no longer for a hello either (`HELLO_WITHIN_S`)."""
READ_BYTES = 4096
"""Several times the longest greeting."""


@dataclass(frozen=True, slots=True)
class Peeked:
    """What a look at a bridge told."""

    identity: EdgeIdentity
    holder: str
    """Who holds it, cleaned; empty: nobody."""
    protocol: str
    """Version of the bridge protocol that it speaks: `1.0`."""
    round_trip_s: float
    """From the connection to the greeting."""


async def peek_at_bridge(bridge: trio.abc.Stream | BridgeAddress) -> Peeked:
    """Look at a bridge.

    Raises `LinkLost` when it cannot be reached or is no bridge, `SecuredElsewhere`, `OtherVersion`.

    The connection is closed at the end, and by a cancellation.
    """
    stream = await connect(bridge) if isinstance(bridge, BridgeAddress) else bridge
    try:
        with trio.fail_after(PEEK_WITHIN_S):
            return await _read_greeting(stream)
    except trio.TooSlowError as error:
        message = f"it takes connections, but said nothing that a bridge says within {PEEK_WITHIN_S:.0f} s"
        raise LinkLost(message) from error
    except trio.BrokenResourceError as error:
        message = "the connection broke"
        raise LinkLost(message) from error
    except RemoteProtocolError as error:
        raise LinkLost(cleaned(str(error), MAX_TEXT_BYTES)) from error
    finally:
        await trio.aclose_forcefully(stream)


async def _read_greeting(stream: trio.abc.Stream) -> Peeked:
    """Raises `LinkError`, `RemoteProtocolError`, `trio.BrokenResourceError`."""
    began_s = trio.current_time()
    connection = Connection(Role.CONTROLLER)
    await stream.send_all(connection.preamble())
    while (greeting := connection.greeting) is None:
        event = _event(connection)
        if event is NEED_DATA:
            connection.receive_data(bytes(await stream.receive_some(READ_BYTES)))
        elif isinstance(event, Closing) and event.reason is CloseReason.SECURED:
            raise SecuredElsewhere
        elif event is CLOSED or isinstance(event, Closing):
            message = "it closed the connection before it said what it is"
            raise LinkLost(message)
    return Peeked(
        identity=greeting.identity,
        holder=cleaned(greeting.holder, MAX_NAME),
        protocol=f"{MAJOR}.{connection.peer_minor}",
        round_trip_s=trio.current_time() - began_s,
    )


def _event(connection: Connection) -> Event:
    """Raises `OtherVersion`, `RemoteProtocolError`."""
    try:
        return connection.next_event()
    except RemoteProtocolError as error:
        if connection.foreign is not None:
            raise OtherVersion(connection.foreign) from error
        raise
