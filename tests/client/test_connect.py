"""Which daemon a command talks to, and of which version."""

import pytest

from command_line import Stmota
from sample_answers import greeting
from scripted_daemon import ScriptedDaemon, answer
from stmota_client import autostart
from stmota_protocol.api import API_VERSION

MAJOR, MINOR = API_VERSION


@pytest.fixture(autouse=True)
def no_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail a test that would start a daemon."""

    def launch(*_: object) -> None:
        pytest.fail("a daemon was started")

    monkeypatch.setattr(autostart, "_launch", launch)


@pytest.mark.parametrize("arguments", [("--no-autostart", "discover"), ("discover", "--no-autostart")])
def test_no_autostart_refuses_with_exit_3(stmota: Stmota, arguments: tuple[str, ...]) -> None:
    ended = stmota(*arguments)

    assert ended.code == 3
    assert ended.err.startswith("error: no stmota daemon answers at unix:///")
    assert ended.err.endswith("\n  remedy: start it with `stmota daemon start`\n")


@pytest.mark.parametrize("arguments", [("--daemon", "{}", "info"), ("info", "--daemon", "{}")])
def test_a_daemon_named_by_option_is_never_started(stmota: Stmota, arguments: tuple[str, ...]) -> None:
    ended = stmota(*(argument.format("unix:///nowhere/s.sock") for argument in arguments))

    assert ended.code == 3
    assert "unix:///nowhere/s.sock: No such file" in ended.err


def test_a_daemon_named_by_the_environment_is_never_started(
    stmota: Stmota, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STMOTA_DAEMON", "unix:///nowhere/s.sock")

    assert stmota("info").code == 3


def test_the_option_goes_before_the_environment(
    daemon: ScriptedDaemon, stmota: Stmota, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STMOTA_DAEMON", "unix:///nowhere/s.sock")

    assert stmota("discover", "--timeout", "0", "--daemon", daemon.url).code == 0


def test_an_address_that_cannot_be_one_is_wrong_usage(stmota: Stmota) -> None:
    ended = stmota("info", "--daemon", "ftp://host")

    assert ended.code == 2
    assert "ftp:// is no daemon's address" in ended.err


def test_an_older_daemon_that_can_less_is_named_with_how_to_restart_it(
    daemon: ScriptedDaemon, stmota: Stmota, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stmota_client.connect.API_VERSION", (MAJOR, MINOR + 2))
    daemon.on("GET", "/v1/greeting", answer(greeting((MAJOR, MINOR + 1), "0.0.9")))

    ended = stmota("discover", "--timeout", "0")

    assert ended.code == 0
    assert ended.err == (
        "warning: the running daemon (stmota 0.0.9, pid 4711) is older than this client: it speaks API"
        f" {MAJOR}.{MINOR + 1}, this client {MAJOR}.{MINOR + 2};"
        " restart it with `stmota daemon stop`; the next command starts the new one\n"
    )


def test_a_daemon_of_an_older_major_version_is_refused(daemon: ScriptedDaemon, stmota: Stmota) -> None:
    daemon.on("GET", "/v1/greeting", answer(greeting((MAJOR - 1, 9), "0.0.1")))

    ended = stmota("discover")

    assert ended.code == 3
    assert "(stmota 0.0.1, pid 4711) is older than this client" in ended.err
    assert "`stmota daemon stop`" in ended.err


def test_a_daemon_of_a_newer_major_version_is_refused(daemon: ScriptedDaemon, stmota: Stmota) -> None:
    daemon.on("GET", "/v1/greeting", answer(greeting((MAJOR + 1, 0), "9.0")))

    ended = stmota("discover")

    assert ended.code == 3
    assert "is newer than this client" in ended.err
    assert "update this stmota" in ended.err


def test_a_newer_minor_version_is_nothing_to_speak_of(daemon: ScriptedDaemon, stmota: Stmota) -> None:
    daemon.on("GET", "/v1/greeting", answer(greeting((MAJOR, MINOR + 1))))

    ended = stmota("discover", "--timeout", "0")

    assert (ended.code, ended.err) == (0, "")
