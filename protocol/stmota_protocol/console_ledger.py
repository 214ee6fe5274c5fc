"""Which console bytes a connection has carried, and which the controller has acknowledged.

The rules, kept the same way on both sides:

- Console begins at the position the accepted Hello named, and every byte from there on is sent once, in
  order, or reported as lost in a ConsoleGap.
- What lies before the Hello's position, before an acknowledged position, or before the end of a gap is
  settled. At most a ring's size of bytes is sent and not settled (unless the bridge did not tell the size).
- No position that was not sent is acknowledged.
"""

from stmota_protocol.messages import Console, ConsoleAck, ConsoleGap, Greeting, Hello
from stmota_protocol.run_ledger import RuleBroken


class ConsoleLedger:
    """Positions of one connection. A method that raises `RuleBroken` changed nothing."""

    def __init__(self, greeting: Greeting) -> None:
        self._ring = greeting.identity.console_ring
        self._exists_until = greeting.console_next
        self._next = 0
        self._settled = 0

    def begin(self, hello: Hello) -> None:
        """Note from where the controller wants the console."""
        if hello.console_from > self._exists_until:
            text = f"console from {hello.console_from}; this boot has had {self._exists_until} bytes"
            raise RuleBroken(text)
        self._next = self._settled = hello.console_from

    def data(self, message: Console) -> None:
        """Note bytes that are sent."""
        self._check_next(message.position)
        end = message.position + len(message.data)
        if self._ring and end - self._settled > self._ring:
            text = f"console up to {end}, settled up to {self._settled}; the ring has {self._ring} bytes"
            raise RuleBroken(text)
        self._next = end

    def gap(self, message: ConsoleGap) -> None:
        """Note bytes that are lost."""
        self._check_next(message.position)
        self._next = self._settled = message.position + message.length

    def acknowledge(self, message: ConsoleAck) -> None:
        """Note bytes that are safe; a position that was settled before changes nothing."""
        if message.position > self._next:
            text = f"console acknowledged up to {message.position}; {self._next} is what was sent"
            raise RuleBroken(text)
        self._settled = max(self._settled, message.position)

    def _check_next(self, position: int) -> None:
        if position != self._next:
            text = f"console at {position} where {self._next} is next"
            raise RuleBroken(text)
