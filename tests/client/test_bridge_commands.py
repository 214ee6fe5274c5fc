"""`bridge add` and `bridge remove` against a scripted daemon."""

import msgspec
import pytest

from command_line import Stmota
from sample_answers import LAB
from scripted_daemon import Answer, ScriptedDaemon, answer, refuse
from stmota_client.commands.bridge import DEFAULT_TCP_PORT, LINES, network_place
from stmota_client.errors import ClientError
from stmota_protocol import messages
from stmota_protocol.api import AddBridge, NetworkPlace, Problem, ProblemCode, SerialPlace


@pytest.mark.parametrize(
    ("arguments", "place"),
    [
        (("h",), NetworkPlace(host="h", port=7820)),
        (("h:99",), NetworkPlace(host="h", port=99)),
        (("[fe80::1]:99",), NetworkPlace(host="fe80::1", port=99)),
        (("--serial", "/dev/ttyUSB0"), SerialPlace(url="/dev/ttyUSB0")),
        (
            ("--serial", "socket://h:1", "--reset", "!rts", "--boot0", "dtr"),
            SerialPlace(url="socket://h:1", reset="!rts", boot0="dtr"),
        ),
    ],
)
def test_bridge_add_sends_name_and_place(
    daemon: ScriptedDaemon, stmota: Stmota, arguments: tuple[str, ...], place: NetworkPlace | SerialPlace
) -> None:
    daemon.on("POST", "/v1/bridges", answer(LAB, 201))

    ended = stmota("bridge", "add", "lab-esp32", *arguments)

    assert (ended.code, ended.err) == (0, "")
    assert ended.out == "lab-esp32: added at 192.168.1.20:7820, idle\n"
    [request] = daemon.asked("POST", "/v1/bridges")
    assert msgspec.json.decode(request.body, type=AddBridge) == AddBridge(name="lab-esp32", place=place)


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("h", "--serial", "/dev/ttyUSB0"),
        ("h", "--reset", "rts"),
        ("--serial", "x", "--reset", "cts"),
        ("h:0",),
        ("h:65536",),
        ("h:x",),
        (":5",),
        ("[::1]x",),
        ("",),
    ],
)
def test_bridge_add_of_no_or_two_places_is_wrong_usage(
    daemon: ScriptedDaemon, stmota: Stmota, arguments: tuple[str, ...]
) -> None:
    ended = stmota("bridge", "add", "lab", *arguments)

    assert ended.code == 2
    assert daemon.requests == []


def test_addresses_of_ipv6_are_read_with_and_without_brackets() -> None:
    assert network_place("fe80::1") == NetworkPlace(host="fe80::1", port=7820)
    assert network_place("[fe80::1]") == NetworkPlace(host="fe80::1", port=7820)
    with pytest.raises(ClientError, match="is no address"):
        network_place("[]")


def test_facts_repeated_for_a_quick_start_are_the_protocols() -> None:
    assert DEFAULT_TCP_PORT == messages.DEFAULT_TCP_PORT
    assert LINES == ("rts", "dtr", "!rts", "!dtr")


def test_bridge_remove(daemon: ScriptedDaemon, stmota: Stmota) -> None:
    daemon.on("DELETE", "/v1/bridges/lab%201", Answer(status=204))

    ended = stmota("bridge", "remove", "lab 1")

    assert (ended.code, ended.out, ended.err) == (0, "lab 1: removed\n", "")


def test_bridge_add_of_a_name_that_exists_is_told(daemon: ScriptedDaemon, stmota: Stmota) -> None:
    problem = Problem(code=ProblemCode.USAGE, message="a bridge lab exists", remedy="remove it first")
    daemon.on("POST", "/v1/bridges", refuse(problem, 409))

    ended = stmota("bridge", "add", "lab", "h", "--json")

    assert ended.code == 2
    assert ended.json["problem"]["message"] == "a bridge lab exists"
    assert ended.err == "error: a bridge lab exists\n  remedy: remove it first\n"
