"""`bridge update` and `bridge settings` against a scripted daemon."""

from hashlib import sha256
from pathlib import Path

import msgspec
import pytest

from command_line import Stmota
from sample_answers import LAB, job
from scripted_daemon import Answer, EventStream, ScriptedDaemon, answer
from stmota_client.commands import bridge_upkeep
from stmota_protocol.api import (
    Job,
    JobKind,
    JobRequest,
    JobState,
    Phase,
    PhaseEvent,
    Problem,
    ProblemCode,
    ProgressEvent,
    StateEvent,
)
from stmota_protocol.api.bridge_work import (
    BridgeSetting,
    BridgeSettingsOptions,
    BridgeSettingsResult,
    BridgeUpdateOptions,
    BridgeUpdateResult,
)

IMAGE = b"\xe9 an image"
SHA256 = sha256(IMAGE).hexdigest()
UPDATED = job(
    JobState.DONE,
    JobKind.BRIDGE_UPDATE,
    result=BridgeUpdateResult(version="1.2.3", version_before="1.2.2", length=30_000, seconds=14.25),
)
WENT_BACK = job(
    JobState.FAILED,
    JobKind.BRIDGE_UPDATE,
    problem=Problem(
        code=ProblemCode.FAILED,
        message="the bridge lab-esp32 went back to 1.2.2",
        remedy="look at its console",
    ),
)
TABLE = BridgeSettingsResult(
    settings=(
        BridgeSetting(key="nrst", value="19", pending=True),
        BridgeSetting(key="password", value="set", secret=True),
    ),
    needs_restart=True,
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "stmota_bridge.bin"
    path.write_bytes(IMAGE)
    return path


def plays(daemon: ScriptedDaemon, *events: PhaseEvent | ProgressEvent, end: Job) -> None:
    """Let the daemon take a job, tell these events and end so."""
    daemon.on("HEAD", f"/v1/firmware/{SHA256}", Answer(status=404))
    daemon.on("PUT", f"/v1/firmware/{SHA256}", Answer(status=201))
    daemon.on("POST", "/v1/jobs", answer(job(kind=end.kind), 201))
    told = [*events, StateEvent(number=len(events), at=99.0, job=end)]
    daemon.on("GET", "/v1/jobs/j1/events", EventStream(told))


def requested(daemon: ScriptedDaemon) -> JobRequest:
    [request] = daemon.asked("POST", "/v1/jobs")
    return msgspec.json.decode(request.body, type=JobRequest)


@pytest.mark.parametrize("force", [False, True])
def test_update_sends_the_image_and_what_is_wanted_and_says_which_version_runs(
    daemon: ScriptedDaemon, stmota: Stmota, file: Path, force: bool
) -> None:
    plays(daemon, end=UPDATED)
    ended = stmota("bridge", "update", "lab-esp32", file, *(["--force"] if force else []))
    assert (ended.code, ended.err) == (0, "")
    assert ended.out == "lab-esp32: runs 1.2.3 and keeps it (before: 1.2.2), 14.2 s\n"
    assert daemon.asked("PUT", f"/v1/firmware/{SHA256}")[0].body == IMAGE
    assert requested(daemon) == JobRequest(
        kind=JobKind.BRIDGE_UPDATE,
        bridge=LAB.id,
        options=BridgeUpdateOptions(firmware=SHA256, filename="stmota_bridge.bin", force=force),
    )


def test_update_tells_what_it_is_at_and_says_nothing_of_a_line(
    daemon: ScriptedDaemon, stmota: Stmota, file: Path
) -> None:
    plays(
        daemon,
        PhaseEvent(number=0, at=1.0, phase=Phase.CHECK, total=0, text="checking stmota_bridge.bin"),
        PhaseEvent(number=1, at=1.0, phase=Phase.SEND, total=30_000, text="sending 1.2.3"),
        ProgressEvent(2, 7.0, Phase.SEND, 15_000, 30_000, 2500.0, 0.0),
        PhaseEvent(number=3, at=13.0, phase=Phase.START, total=0, text="restarting the bridge lab-esp32"),
        end=UPDATED,
    )
    ended = stmota("bridge", "update", "lab-esp32", file)
    assert (ended.code, ended.err.splitlines()) == (
        0,
        [
            "checking stmota_bridge.bin",
            "sending 1.2.3",
            "send: 15000 of 30000 bytes (50 %), 2500 B/s, 6 s left",
            "restarting the bridge lab-esp32",
        ],
    )


def test_update_json_is_the_job_also_when_the_bridge_went_back(
    daemon: ScriptedDaemon, stmota: Stmota, file: Path
) -> None:
    plays(daemon, end=UPDATED)
    assert msgspec.convert(stmota("bridge", "update", "lab-esp32", file, "--json").json, Job) == UPDATED
    plays(daemon, end=WENT_BACK)
    ended = stmota("bridge", "update", "lab-esp32", file, "--json")
    assert (ended.code, msgspec.convert(ended.json, Job)) == (1, WENT_BACK)


def test_a_bridge_that_went_back_is_a_failure_with_its_reason(
    daemon: ScriptedDaemon, stmota: Stmota, file: Path
) -> None:
    plays(daemon, end=WENT_BACK)
    ended = stmota("bridge", "update", "lab-esp32", file, "--quiet")
    assert (ended.code, ended.out) == (1, "")
    assert ended.err.splitlines() == [
        "error: the bridge lab-esp32 went back to 1.2.2",
        "  remedy: look at its console",
    ]


def test_a_file_that_cannot_be_an_image_is_refused_before_a_daemon_is_asked(
    daemon: ScriptedDaemon, stmota: Stmota, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bridge_upkeep, "MAX_IMAGE", 1024 * 1024)
    long = tmp_path / "long.bin"
    long.write_bytes(bytes(1024 * 1024 + 1))
    none = tmp_path / "none.bin"
    for given, code, said in (
        (none, 2, f"{none}: No such file or directory"),
        (tmp_path, 2, f"{tmp_path}: Is a directory"),
        (long, 8, f"{long}: more than 1 MiB: no bridge's image"),
    ):
        ended = stmota("bridge", "update", "lab-esp32", given)
        assert (ended.code, ended.out, ended.err) == (code, "", f"error: {said}\n")
    assert daemon.requests == []


def test_settings_sends_changes_and_shows_the_table_with_what_waits_for_a_restart(
    daemon: ScriptedDaemon, stmota: Stmota
) -> None:
    plays(daemon, end=job(JobState.DONE, JobKind.BRIDGE_SETTINGS, result=TABLE))
    ended = stmota("bridge", "settings", "lab-esp32", "nrst=19", "name=a=b")
    assert (ended.code, ended.out.splitlines()) == (
        0,
        ["nrst      19   (after a restart)", "password  set"],
    )
    assert ended.err == "to work by it: stmota bridge settings lab-esp32 --restart\n"
    options = BridgeSettingsOptions(changes={"nrst": "19", "name": "a=b"}, restart=False)
    assert requested(daemon) == JobRequest(kind=JobKind.BRIDGE_SETTINGS, bridge=LAB.id, options=options)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("nrst",), "'nrst' is no KEY=VALUE"),
        (("=19",), "'=19' is no KEY=VALUE"),
        (("nrst=19", "nrst=20"), "'nrst=20' is there twice"),
        (("password=one secret", "password=other secret"), "password is there twice"),
    ],
)
def test_changes_that_are_none_are_wrong_usage_and_a_password_is_not_shown(
    daemon: ScriptedDaemon, stmota: Stmota, given: tuple[str, ...], said: str
) -> None:
    ended = stmota("bridge", "settings", "lab-esp32", *given)
    assert ended.code == 2
    assert ended.err.splitlines()[0] == f"error: {said}"
    assert "secret" not in ended.err
    assert daemon.requests == []
