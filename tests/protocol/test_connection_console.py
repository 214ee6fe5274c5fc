"""The rules of the console: contiguous, or a gap says what is missing; acknowledged before the ring fills."""

from dataclasses import replace

from core_pair import GREETING, HELLO, IDENTITY, Wire, wire_in
from stmota_protocol.connection import Role, State
from stmota_protocol.messages import Busy, Console, ConsoleAck, ConsoleGap, Welcome


def test_console_is_contiguous_from_where_the_hello_wanted_it(ready: Wire) -> None:
    ready.say(Role.BRIDGE, Console(20, 1, bytes(30)), Console(50, 2, b"x"))
    assert ready.smuggle(Role.BRIDGE, Console(52, 3, b"y")) == "console at 52 where 51 is next"


def test_console_hole_is_explained_by_a_gap(ready: Wire) -> None:
    ready.say(Role.BRIDGE, ConsoleGap(20, 5), Console(25, 1, b"x"), ConsoleGap(26, 1 << 40))
    ready.say(Role.BRIDGE, Console(26 + (1 << 40), 2, b"y"))


def test_gap_starts_where_the_console_stands(ready: Wire) -> None:
    assert ready.smuggle(Role.BRIDGE, ConsoleGap(19, 5)) == "console at 19 where 20 is next"


def test_console_waits_for_acknowledgement_at_the_ring_s_size(ready: Wire) -> None:
    ready.say(Role.BRIDGE, Console(20, 1, bytes(100)))
    ready.say(Role.CONTROLLER, ConsoleAck(60), ConsoleAck(30))
    ready.say(Role.BRIDGE, Console(120, 1, bytes(40)))
    assert (
        ready.smuggle(Role.BRIDGE, Console(160, 1, b"x"))
        == "console up to 161, settled up to 60; the ring has 100 bytes"
    )


def test_gap_settles_what_lies_before_it(ready: Wire) -> None:
    ready.say(Role.BRIDGE, Console(20, 1, bytes(100)), ConsoleGap(120, 5), Console(125, 1, bytes(100)))


def test_ring_of_untold_size_has_no_window() -> None:
    wire = Wire()
    wire.say(Role.BRIDGE, replace(GREETING, identity=replace(IDENTITY, console_ring=0)))
    wire.say(Role.CONTROLLER, HELLO)
    wire.say(Role.BRIDGE, Welcome(), *(Console(20 + 1000 * n, 1, bytes(1000)) for n in range(10)))


def test_nothing_is_acknowledged_that_was_not_sent(ready: Wire) -> None:
    ready.say(Role.BRIDGE, Console(20, 1, b"abc"))
    assert (
        ready.smuggle(Role.CONTROLLER, ConsoleAck(24)) == "console acknowledged up to 24; 23 is what was sent"
    )


def test_console_of_the_future_cannot_be_wanted() -> None:
    wire = wire_in(State.AWAIT_HELLO)
    assert (
        wire.smuggle(Role.CONTROLLER, replace(HELLO, console_from=51))
        == "console from 51; this boot has had 50 bytes"
    )


def test_hello_after_busy_may_want_another_position(ready: Wire) -> None:
    wire = wire_in(State.AWAIT_WELCOME)
    wire.say(Role.BRIDGE, Busy("bench", bytes(16), 5))
    wire.say(Role.CONTROLLER, replace(HELLO, console_from=50, take_over=True))
    wire.say(Role.BRIDGE, Welcome(), Console(50, 1, b"x"))
