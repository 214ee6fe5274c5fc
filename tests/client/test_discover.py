"""`discover` against a scripted daemon."""

import threading

import msgspec
import pytest

from command_line import Stmota
from sample_answers import LAB
from scripted_daemon import EventStream, ScriptedDaemon, answer
from stmota_protocol.api import (
    Bridge,
    BridgeEvent,
    BridgeGone,
    BridgeOrigin,
    BridgeState,
    Problem,
    ProblemCode,
)

HOSTILE = msgspec.structs.replace(
    LAB,
    id="8899aabbccddeeff",
    name="evil\x1b]0;x\x07[red]",
    state=BridgeState.HELD,
    holder="al\u202eice",
    firmware=None,
    chip=None,
    problem=Problem(code=ProblemCode.HELD, message="held by al\u202eice"),
)


def test_discover_prints_a_table(daemon: ScriptedDaemon, stmota: Stmota) -> None:
    static = Bridge(
        id=None,
        name="lab-2",
        origins=(BridgeOrigin.STATIC,),
        address="10.0.0.9:7820",
        state=BridgeState.UNREACHABLE,
        problem=Problem(code=ProblemCode.UNREACHABLE, message="lab-2 (10.0.0.9:7820): connection refused"),
    )
    daemon.on("GET", "/v1/bridges", answer([static, msgspec.structs.replace(LAB, chip="F1 (410)")]))

    ended = stmota("discover", "--timeout", "0")

    assert ended.code == 0
    assert [line.rstrip() for line in ended.out.splitlines()] == [
        "NAME       ADDRESS            FIRMWARE    PROTOCOL  SECURE  STATE        CHIP      ID",
        "lab-2      10.0.0.9:7820      -           -         -       unreachable  -         -",
        "lab-esp32  192.168.1.20:7820  soft-0.1.0  1.0       plain   idle         F1 (410)  0011223344556677",
    ]
    assert ended.err == "warning: lab-2 (10.0.0.9:7820): connection refused\n"


def test_what_a_bridge_says_is_escaped_and_its_markup_is_text(daemon: ScriptedDaemon, stmota: Stmota) -> None:
    daemon.on("GET", "/v1/bridges", answer([HOSTILE]))

    ended = stmota("discover", "--timeout", "0")

    assert ended.out.splitlines()[1].split() == [
        r"evil\x1b]0;x\x07[red]",
        "192.168.1.20:7820",
        "-",
        "1.0",
        "plain",
        "held",
        "by",
        r"al\u202eice",
        "-",
        "8899aabbccddeeff",
    ]
    assert ended.err == "warning: held by al\\u202eice\n"


def test_discover_json_is_one_document_that_is_safe_to_show(daemon: ScriptedDaemon, stmota: Stmota) -> None:
    daemon.on("GET", "/v1/bridges", answer([HOSTILE]))

    ended = stmota("discover", "--timeout", "0", "--json")

    assert msgspec.convert(ended.json, list[Bridge]) == [HOSTILE]
    assert "\u202e" not in ended.out
    assert ended.err == ""


def test_discover_takes_news_until_the_daemon_ends(daemon: ScriptedDaemon, stmota: Stmota) -> None:
    second = msgspec.structs.replace(LAB, id="ff", name="lab-2")
    gone = BridgeGone(at=2.0, id=LAB.id, name=LAB.name)
    daemon.on(
        "GET",
        "/v1/events",
        EventStream([BridgeEvent(at=1.0, bridge=LAB), BridgeEvent(at=1.5, bridge=second), gone]),
    )
    daemon.on("GET", "/v1/bridges", answer([]))

    ended = stmota("discover", "--json", "--timeout", "600")

    assert msgspec.convert(ended.json, list[Bridge]) == [second]


def test_a_bridge_that_answers_takes_the_place_of_its_static_entry(
    daemon: ScriptedDaemon, stmota: Stmota
) -> None:
    daemon.on("GET", "/v1/bridges", answer([msgspec.structs.replace(LAB, id=None)]))
    daemon.on("GET", "/v1/events", EventStream([BridgeEvent(at=1.0, bridge=LAB)]))

    assert msgspec.convert(stmota("discover", "--json", "--timeout", "600").json, list[Bridge]) == [LAB]


def test_discover_ends_by_itself_once_there_is_no_news(
    daemon: ScriptedDaemon, stmota: Stmota, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stmota_client.discovery.QUIET_S", 0.05)
    is_over = threading.Event()
    silence = EventStream([BridgeEvent(at=1.0, bridge=LAB)], before_event=lambda _: is_over.wait(60))
    daemon.on("GET", "/v1/events", silence)

    try:
        ended = stmota("discover", "--json")
    finally:
        is_over.set()

    assert msgspec.convert(ended.json, list[Bridge]) == [LAB]


def test_no_bridge_is_no_failure_but_says_what_to_do(daemon: ScriptedDaemon, stmota: Stmota) -> None:
    daemon.on("GET", "/v1/bridges", answer([]))

    ended = stmota("discover", "--timeout", "0")

    assert (ended.code, ended.out) == (0, "")
    assert ended.err == (
        "no bridge found; is it on? one that mDNS does not reach: stmota bridge add NAME HOST\n"
    )
