"""What is said to a bridge before Hello to secure it: BRIDGE_PROTOCOL.md, section 7. One connection each."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import trio

from stmota_daemon.authority import BadAuthority, fingerprint_of
from stmota_daemon.bridge_link import GREET_WITHIN_S
from stmota_daemon.link import LinkError, LinkLost, SecuredElsewhere
from stmota_daemon.peer_text import cleaned
from stmota_protocol.connection import CLOSED, NEED_DATA, Connection, RemoteProtocolError, Role
from stmota_protocol.limits import MAX_TEXT_BYTES
from stmota_protocol.messages import CloseReason, Closing, Greeting, Message, Unsupported
from stmota_protocol.secure_messages import SecureAnswer, SecureCsr, SecureInstall, SecureRequest
from stmota_protocol.steps import EdgeIdentity

READ_BYTES = 4096
M = TypeVar("M", bound=Message)


class NotSecured(LinkError):
    """The bridge was not put into secure mode, or kept the certificate it has; nothing has changed."""


@dataclass(frozen=True, slots=True)
class Enrolment:
    """A bridge that asks for a certificate."""

    identity: EdgeIdentity
    csr: bytes
    fingerprint: str
    """Of its key, in hex."""


Decide = Callable[[Enrolment], SecureInstall | None]
"""What to install; None: nothing, it was only to be asked. What it raises, `enrol` raises."""


async def enrol(
    stream: trio.abc.Stream, name: str, check: Callable[[EdgeIdentity], None], decide: Decide
) -> Enrolment:
    """Ask a bridge for its request, and install what is decided; `stream` is closed in the end.

    `check` sees who greets, before anything is asked. Raises `LinkLost`, `NotSecured`, `SecuredElsewhere`.
    """
    try:
        with trio.fail_after(GREET_WITHIN_S):
            return await _talk(Teller(stream), name, check, decide)
    except trio.TooSlowError as error:
        message = f"it did not answer within {GREET_WITHIN_S:.0f} s"
        raise LinkLost(message) from error
    except (trio.BrokenResourceError, RemoteProtocolError, BadAuthority) as error:
        raise LinkLost(cleaned(str(error) or "the connection broke", MAX_TEXT_BYTES)) from error
    finally:
        await trio.aclose_forcefully(stream)


async def _talk(
    teller: "Teller", name: str, check: Callable[[EdgeIdentity], None], decide: Decide
) -> Enrolment:
    identity = (await teller.expect(Greeting)).identity
    check(identity)
    await teller.send(SecureRequest(name))
    csr = (await teller.expect(SecureCsr)).csr
    enrolment = Enrolment(identity, csr, fingerprint_of(csr))
    message = decide(enrolment)
    if message is not None:
        await teller.send(message)
        await teller.expect(SecureAnswer)
    return enrolment


class Teller:
    """A controller's end before Hello, message by message."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self._stream = stream
        self._connection = Connection(Role.CONTROLLER)

    async def send(self, message: Message) -> None:
        """Send a message. Raises `trio.BrokenResourceError`."""
        await self._stream.send_all(self._connection.send(message))

    async def expect(self, kind: type[M]) -> M:
        """Return the next message. Raises `NotSecured` for a refusal, `LinkLost` for another end."""
        if self._connection.greeting is None:
            await self._stream.send_all(self._connection.preamble())
        while True:
            event = self._connection.next_event()
            if event is NEED_DATA:
                self._connection.receive_data(bytes(await self._stream.receive_some(READ_BYTES)))
            elif isinstance(event, SecureAnswer) and not event.is_done:
                raise NotSecured(cleaned(event.text, MAX_TEXT_BYTES))
            elif isinstance(event, Unsupported):
                message = "this bridge has no secure mode: its firmware is older, or cannot"
                raise NotSecured(message)
            elif isinstance(event, kind):
                return event
            elif event is CLOSED or isinstance(event, Closing):
                raise self._end(event)

    def _end(self, event: object) -> LinkError:
        if not isinstance(event, Closing):
            return LinkLost("it closed the connection")
        if event.reason is CloseReason.SECURED and self._connection.greeting is None:
            return SecuredElsewhere()
        return LinkLost(cleaned(event.text, MAX_TEXT_BYTES))
