"""Fixtures of the client's tests: private places, a scripted daemon, a command line in this process."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from command_line import Ended, Stmota
from flash_answers import DONE, EVENTS, IMAGE, SHA256, ending
from sample_answers import LAB, greeting, job
from scripted_daemon import Answer, EventStream, ScriptedDaemon, answer, serving
from stmota_client import main
from stmota_protocol.api import JobState


@pytest.fixture
def daemon(private_places: Path) -> Iterator[ScriptedDaemon]:
    """Start a scripted daemon on the default socket; it greets, and knows one bridge."""
    path = private_places / "run" / "stmota" / "stmotad.sock"
    path.parent.mkdir(parents=True, mode=0o700)
    script = ScriptedDaemon(path)
    script.on("GET", "/v1/greeting", answer(greeting()))
    script.on("GET", "/v1/bridges", answer([LAB]))
    script.on("GET", f"/v1/bridges/{LAB.name}", answer(LAB))
    with serving(script):
        yield script


@pytest.fixture(autouse=True)
def private_places(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Point every place the client looks at below a directory of this test's own; short, for sockets."""
    home = tmp_path_factory.mktemp("h")
    for name, below in {
        "XDG_RUNTIME_DIR": "run",
        "XDG_STATE_HOME": "state",
        "XDG_CONFIG_HOME": "config",
    }.items():
        monkeypatch.setenv(name, str(home / below))
    for name in ("STMOTA_DAEMON", "STMOTA_BRIDGE", "STMOTA_TRACEBACK"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "200")
    return home


@pytest.fixture
def stmota(capsys: pytest.CaptureFixture[str]) -> Stmota:
    """Run a command line in this process."""

    def run(*arguments: str | Path) -> Ended:
        capsys.readouterr()
        code = main.run([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return Ended(code, captured.out, captured.err)

    return run


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "fw.bin"
    path.write_bytes(IMAGE)
    return path


@pytest.fixture
def flashing(daemon: ScriptedDaemon) -> ScriptedDaemon:
    """Script a daemon that has not seen the image, and whose job is done at once."""
    daemon.on("HEAD", f"/v1/firmware/{SHA256}", Answer(status=404))
    daemon.on("PUT", f"/v1/firmware/{SHA256}", Answer(status=201))
    daemon.on("POST", "/v1/jobs", answer(job(JobState.QUEUED), 201))
    daemon.on("GET", EVENTS, EventStream([ending(DONE)]))
    return daemon
