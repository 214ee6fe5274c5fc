"""`info` and `reset` against a scripted daemon."""

import msgspec

from command_line import Stmota
from sample_answers import LAB, TARGET, job
from scripted_daemon import EventStream, ScriptedDaemon, answer
from stmota_protocol.api import JobKind, JobRequest, JobState, StateEvent, TargetInfo


def finished(kind: JobKind, target: TargetInfo | None = None) -> EventStream:
    return EventStream([StateEvent(number=0, at=1.0, job=job(JobState.DONE, kind, target=target))])


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
