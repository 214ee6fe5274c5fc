"""`logs` against a scripted daemon."""

import time
from datetime import datetime

import msgspec
import pytest

from command_line import Stmota
from sample_answers import LOG
from scripted_daemon import EventStream, ScriptedDaemon
from stmota_protocol.api import LogRecord, MissedEvent

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
