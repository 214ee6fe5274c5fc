"""Two cores in the states that most tests begin in."""

import pytest

from core_pair import Wire, wire_in
from stmota_protocol.connection import Role, State
from stmota_protocol.messages import BeginRun
from stmota_protocol.steps import Unclaimed


@pytest.fixture
def ready() -> Wire:
    return wire_in(State.READY)


@pytest.fixture
def running(ready: Wire) -> Wire:
    ready.say(Role.CONTROLLER, BeginRun(1, Unclaimed.RESIDUE))
    return ready
