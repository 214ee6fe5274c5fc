"""`discover`, `bridge`, `info`, `reset` and `logs` against a scripted daemon."""

import threading
import time
from datetime import datetime

import msgspec
import pytest

from command_line import Stmota
from sample_answers import LAB, TARGET, greeting, job
from scripted_daemon import Answer, EventStream, ScriptedDaemon, answer, refuse
from stmota_client import choose
from stmota_client.commands.bridge import DEFAULT_TCP_PORT, LINES, network_place
from stmota_client.errors import ClientError
from stmota_protocol import messages
from stmota_protocol.api import (
    AddBridge,
    Bridge,
    BridgeEvent,
    BridgeGone,
    BridgeOrigin,
    BridgeState,
    JobKind,
    JobRequest,
    JobState,
    LogRecord,
    MissedEvent,
    NetworkPlace,
    Problem,
    ProblemCode,
    SerialPlace,
    StateEvent,
    TargetInfo,
)

LOG = f"/v1/bridges/{LAB.id}/log"
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


def finished(kind: JobKind, target: TargetInfo | None = None) -> EventStream:
    return EventStream([StateEvent(number=0, at=1.0, job=job(JobState.DONE, kind, target=target))])


def test_discover_prints_a_table(daemon: ScriptedDaemon, stmota: Stmota) -> None:
    static = Bridge(
        id=None,
        name="lab-2",
        origins=(BridgeOrigin.STATIC,),
        address="10.0.0.9:7820",
        state=BridgeState.UNREACHABLE,
        problem=Problem(code=ProblemCode.UNREACHABLE, message="lab-2 (10.0.0.9:7820): connection refused"),
    )
    daemon.on("GET", "/v1/bridges", answer([static, msgspec.structs.replace(LAB, chip="STM32F1 (0x410)")]))

    ended = stmota("discover", "--timeout", "0")

    assert ended.code == 0
    assert [line.rstrip() for line in ended.out.splitlines()] == [
        "NAME       ADDRESS            FIRMWARE    PROTOCOL  STATE        CHIP             ID",
        "lab-2      10.0.0.9:7820      -           -         unreachable  -                -",
        "lab-esp32  192.168.1.20:7820  soft-0.1.0  1.0       idle         STM32F1 (0x410)  0011223344556677",
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


def test_info_shows_what_the_chip_says(daemon: ScriptedDaemon, stmota: Stmota) -> None:
    daemon.on("POST", "/v1/jobs", answer(job(kind=JobKind.INFO), 201))
    daemon.on("GET", "/v1/jobs/j1/events", finished(JobKind.INFO, TARGET))

    ended = stmota("info", "--bridge", "lab-esp32")

    assert (ended.code, ended.err) == (0, "")
    assert ended.out.splitlines() == [
        "chip:            STM32F103 medium density (0x410)",
        "family:          F1",
        "product id:      0x410",
        "bootloader:      2.2",
        "commands:        0x00 0x01 0x02 0x11 0x21 0x31 0x43 0x63 0x73 0x82 0x92",
        "flash:           128 KiB at 0x08000000 (read from the chip)",
        "unique id:       066dff485550755187",
        "read protected:  no",
        "write protected: nothing",
        "boot option:     nBOOT_SEL = 1",
        "note:            an x8 clone may have more flash than it says",
    ]


def test_info_says_unknown_where_nothing_could_be_read(daemon: ScriptedDaemon, stmota: Stmota) -> None:
    target = msgspec.structs.replace(
        TARGET, flash_size=None, unique_id=None, read_protected=None, write_protected=None, notes=()
    )
    daemon.on("POST", "/v1/jobs", answer(job(kind=JobKind.INFO), 201))
    daemon.on("GET", "/v1/jobs/j1/events", finished(JobKind.INFO, target))

    assert stmota("info").out.splitlines()[5:9] == [
        "flash:           unknown at 0x08000000 (read from the chip)",
        "unique id:       unknown",
        "read protected:  unknown",
        "write protected: unknown",
    ]


def test_info_json_is_the_target(daemon: ScriptedDaemon, stmota: Stmota) -> None:
    daemon.on("POST", "/v1/jobs", answer(job(kind=JobKind.INFO), 201))
    daemon.on("GET", "/v1/jobs/j1/events", finished(JobKind.INFO, TARGET))

    assert msgspec.convert(stmota("info", "--json").json, TargetInfo) == TARGET


def test_reset_resets(daemon: ScriptedDaemon, stmota: Stmota) -> None:
    daemon.on("POST", "/v1/jobs", answer(job(kind=JobKind.RESET), 201))
    daemon.on("GET", "/v1/jobs/j1/events", finished(JobKind.RESET))

    ended = stmota("reset", "-b", "lab-esp32")

    assert (ended.code, ended.out, ended.err) == (0, "lab-esp32: reset\n", "")
    [request] = daemon.asked("POST", "/v1/jobs")
    assert msgspec.json.decode(request.body, type=JobRequest) == JobRequest(kind=JobKind.RESET, bridge=LAB.id)


RECORDS = [
    LogRecord(number=7, at=1000.5, text="boot\t[red]ok[/red]", complete=True),
    LogRecord(number=8, at=1001.25, text="half ", complete=False),
    LogRecord(number=9, at=1001.5, text="line\x1b[31m", complete=True),
    LogRecord(number=10, at=1002.0, text="after", complete=True, lost=12),
    LogRecord(number=11, at=1003.0, text="> ", complete=False),
]


def test_logs_are_shown_line_by_line_escaped_with_losses_on_stderr(
    daemon: ScriptedDaemon, stmota: Stmota
) -> None:
    daemon.on("GET", LOG, EventStream(RECORDS, first=7))

    ended = stmota("logs", "-b", "lab-esp32", "-n", "5")

    assert ended.code == 0
    assert ended.out == "boot    [red]ok[/red]\nhalf line\\x1b[31m\nafter\n> \n"
    assert ended.err == "warning: 12 bytes were lost here: the bridge was out of reach for too long\n"
    assert daemon.asked("GET", LOG)[0].query == {"lines": "5", "follow": "0"}


def test_logs_tell_what_the_daemon_no_longer_has(daemon: ScriptedDaemon, stmota: Stmota) -> None:
    daemon.on("GET", LOG, EventStream([MissedEvent(count=3, resume_from=7), RECORDS[0]], first=6))

    ended = stmota("logs")

    assert ended.out == "boot    [red]ok[/red]\n"
    assert ended.err == "warning: 3 records are missing here: the daemon no longer has them\n"


def test_logs_can_begin_each_line_with_its_time(
    daemon: ScriptedDaemon, stmota: Stmota, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "UTC-2")
    time.tzset()
    try:
        daemon.on("GET", LOG, EventStream(RECORDS[:3], first=7))
        ended = stmota("logs", "--timestamps")
    finally:
        monkeypatch.delenv("TZ")
        time.tzset()

    assert ended.out == (
        "1970-01-01T02:16:40.500+02:00 boot    [red]ok[/red]\n"
        "1970-01-01T02:16:41.250+02:00 half line\\x1b[31m\n"
    )
    assert datetime.fromisoformat(ended.out.split()[0]).timestamp() == 1000.5


def test_logs_json_is_an_object_a_line(daemon: ScriptedDaemon, stmota: Stmota) -> None:
    daemon.on("GET", LOG, EventStream(RECORDS, first=7))

    ended = stmota("logs", "--json")

    assert [msgspec.json.decode(line, type=LogRecord) for line in ended.out.splitlines()] == RECORDS


def test_a_hundred_lines_are_shown_unless_told_otherwise(daemon: ScriptedDaemon, stmota: Stmota) -> None:
    daemon.on("GET", LOG, EventStream([]))

    assert stmota("logs").code == 0
    assert daemon.asked("GET", LOG)[0].query == {"lines": "100", "follow": "0"}


def test_the_environment_names_the_bridge(
    daemon: ScriptedDaemon, stmota: Stmota, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STMOTA_BRIDGE", "lab-esp32")
    daemon.on("GET", LOG, EventStream([]))

    assert stmota("logs").code == 0
    assert len(daemon.asked("GET", "/v1/bridges/lab-esp32")) == 1


def test_several_bridges_and_none_named_lists_them(daemon: ScriptedDaemon, stmota: Stmota) -> None:
    twin = msgspec.structs.replace(LAB, id="ff")
    daemon.on("GET", "/v1/bridges", answer([LAB, twin]))

    ended = stmota("info")

    assert ended.code == 2
    assert ended.err == (
        "error: 2 bridges are known: lab-esp32 (0011223344556677), lab-esp32 (ff)\n"
        "  remedy: name one with --bridge, or in STMOTA_BRIDGE\n"
    )


def test_no_bridge_and_none_named_says_what_to_do(daemon: ScriptedDaemon, stmota: Stmota) -> None:
    daemon.on("GET", "/v1/bridges", answer([]))

    ended = stmota("info")

    assert ended.code == 2
    assert ended.err.startswith("error: no bridge is known\n  remedy: is it on?")


def test_a_young_daemon_is_given_time_to_discover(
    daemon: ScriptedDaemon, stmota: Stmota, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choose, "ASK_EVERY_S", 0.0)
    monkeypatch.setattr(choose, "DISCOVERY_S", 600.0)
    unknown = refuse(Problem(code=ProblemCode.UNKNOWN_BRIDGE, message="no bridge lab-esp32"), 404)
    daemon.on("GET", "/v1/greeting", answer(greeting(age_s=0.0)))
    daemon.on("GET", "/v1/bridges/lab-esp32", unknown, unknown, answer(LAB))
    daemon.on("GET", LOG, EventStream([]))

    assert stmota("logs", "-b", "lab-esp32").code == 0
    assert len(daemon.asked("GET", "/v1/bridges/lab-esp32")) == 3


def test_an_old_daemon_knows_what_it_knows(daemon: ScriptedDaemon, stmota: Stmota) -> None:
    unknown = Problem(code=ProblemCode.UNKNOWN_BRIDGE, message="no bridge x", remedy="known: lab-esp32")
    daemon.on("GET", "/v1/bridges/x", refuse(unknown, 404))

    ended = stmota("logs", "-b", "x")

    assert (ended.code, ended.err) == (2, "error: no bridge x\n  remedy: known: lab-esp32\n")
