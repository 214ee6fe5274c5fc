"""Bridges are secured by their daemon, and boards flashed through them inside TLS; real processes."""

import signal

import pytest

from real_lab import BridgeProcess, RealLab
from sample_images import make_image
from stmota_protocol.api import Bridge, ProblemCode, SecureState

IMAGE = make_image(2048, text="in secret")
RIGHT, WRONG = ({"STMOTA_CA_PASSPHRASE": text} for text in ("sesame", "another"))
DONE = "desk: in secure mode; only this daemon can speak to it\n"


def served(lab: RealLab, pty: str, *options: str) -> BridgeProcess:
    return lab.served_bridge("desk", pty, "--no-mdns", *options).ready()


def secured(lab: RealLab, pty: str) -> BridgeProcess:
    """A bridge that was secured, with the daemon that did it."""
    bridge = served(lab, pty)
    lab.add("desk", bridge.port)
    assert desk(lab, SecureState.PLAIN).problem is None
    fingerprint = lab.api.bridge_fingerprint("desk").fingerprint
    bridge.wait_for_out(f"the fingerprint of its key: {fingerprint}\n")
    ended = lab.stmota("bridge", "secure", "desk", "--fingerprint", fingerprint)
    assert (ended.code, ended.out) == (0, DONE)
    return bridge


def desk(lab: RealLab, secure: SecureState, problem: ProblemCode | None = None) -> Bridge:
    """Wait until the daemon knows the bridge so."""
    for _ in lab.api.events():
        bridge = lab.api.bridge("desk")
        if bridge.secure is secure and (bridge.problem and bridge.problem.code) is problem:
            return bridge
    message = "the daemon is gone"
    raise AssertionError(message)


def is_flashed(lab: RealLab) -> bool:
    ended = lab.stmota("flash", "-b", "desk", lab.file("fw.bin", IMAGE))
    return ended.code == 0 and "verified" in ended.out


@pytest.fixture
def pty(lab: RealLab) -> str:
    return lab.pty_board("board")


def test_a_board_is_flashed_through_a_bridge_that_was_secured(lab: RealLab, pty: str) -> None:
    daemon = lab.daemon()
    secured(lab, pty)
    daemon.stop()
    lab.daemon()
    assert is_flashed(lab)
    assert lab.stmota("discover", "--timeout", "0", "--json").json[0]["secure"] == "ours"


def test_the_log_is_followed_inside_tls(lab: RealLab, pty: str) -> None:
    lab.daemon()
    secured(lab, pty)
    follower = lab.start("logs", "-b", "desk", "-f")
    assert is_flashed(lab)
    follower.wait_for_out("in secret")
    follower.signal(signal.SIGINT)
    assert follower.wait().code == 130


def test_a_bridge_that_was_reset_is_told_and_secured_again_or_forgotten(lab: RealLab, pty: str) -> None:
    lab.daemon()
    bridge = secured(lab, pty)
    port = bridge.port
    bridge.stop()
    listen = ("--no-mdns", "--insecure", "--listen", f"127.0.0.1:{port}")
    serve = ("bridge", "serve", "--name", "desk", "--port", pty)
    reset = lab.start(*serve, *listen)
    reset.wait_for_out("desk: has forgotten its key and certificates: it is not in secure mode any more\n")
    reset.wait_for_out("listening")
    desk(lab, SecureState.OURS, ProblemCode.NOT_SECURE)
    ended = lab.stmota("flash", "-b", "desk", lab.file("fw.bin", IMAGE))
    assert ended.code == 4
    assert "speaks plain: it was reset at its console" in ended.err
    assert "remedy: if you reset it at its console: stmota bridge secure desk" in ended.err
    fingerprint = lab.api.bridge_fingerprint("desk").fingerprint
    assert lab.stmota("bridge", "secure", "desk", "--fingerprint", fingerprint).out == DONE
    desk(lab, SecureState.OURS)
    reset.stop()
    lab.start(*serve, *listen).wait_for_out("listening")
    assert lab.stmota("bridge", "forget-security", "desk", "--yes").code == 0
    desk(lab, SecureState.PLAIN)
    assert is_flashed(lab)


def test_a_rotation_goes_on_after_the_daemon_was_killed_and_the_bridge_was_away(
    lab: RealLab, pty: str
) -> None:
    daemon = lab.daemon()
    bridge = secured(lab, pty)
    (before,) = lab.api.authorities()
    bridge.stop()
    desk(lab, SecureState.OURS, ProblemCode.UNREACHABLE)
    ended = lab.stmota("bridge", "ca", "rotate", "--yes")
    assert ended.code == 0, ended.err
    assert "desk (" in ended.out
    assert "waits, it does not answer" in ended.out
    daemon.kill()
    lab.daemon()
    served(lab, pty, "--listen", f"127.0.0.1:{bridge.port}")
    desk(lab, SecureState.OURS)
    for _ in lab.api.events():
        authorities = lab.api.authorities()
        if len(authorities) == 1:
            break
    (after,) = authorities
    assert after.fingerprint != before.fingerprint
    assert [one.name for one in after.bridges] == ["desk"]
    assert lab.stmota("bridge", "secure", "desk").out == "desk: has a new certificate\n"
    desk(lab, SecureState.OURS)
    assert is_flashed(lab)


def test_another_machine_knows_the_bridge_once_it_has_the_backup(lab: RealLab, pty: str) -> None:
    daemon = lab.daemon()
    bridge = secured(lab, pty)
    backup = str(lab.directory / "ca.pem")
    assert lab.stmota("bridge", "ca", "export", backup, **RIGHT).code == 0
    daemon.stop()
    lab.environment["XDG_STATE_HOME"] = str(lab.directory / "data")
    lab.daemon()
    bridge_again = desk(lab, SecureState.OTHERS, ProblemCode.SECURED_ELSEWHERE)
    assert bridge_again.address.endswith(f":{bridge.port}")
    ended = lab.stmota("flash", "-b", "desk", lab.file("fw.bin", IMAGE))
    assert ended.code == 4
    assert "it is in secure mode, and was secured by another daemon than this" in ended.err
    ended = lab.stmota("bridge", "ca", "import", backup, **WRONG)
    assert ended.code == 2
    assert "nothing was imported: its keys cannot be read: the passphrase is another one" in ended.err
    ended = lab.stmota("bridge", "ca", "import", backup, **RIGHT)
    assert ended.code == 0, ended.err
    desk(lab, SecureState.OURS)
    assert is_flashed(lab)
