"""A bridge is secured by its daemon, and a board flashed through it inside TLS, after a restart, too."""

from real_lab import RealLab
from sample_images import make_image

IMAGE = make_image(2048, text="in secret")


def test_a_board_is_flashed_through_a_bridge_that_was_secured(lab: RealLab) -> None:
    pty = lab.pty_board("board")
    daemon = lab.daemon()
    bridge = lab.served_bridge("desk", pty, "--no-mdns").ready()
    lab.add("desk", bridge.port)
    assert lab.stmota("bridge", "secure", "desk").code == 2
    key = lab.api.bridge_fingerprint("desk")
    bridge.wait_for_out(f"the fingerprint of its key: {key.fingerprint}\n")
    ended = lab.stmota("bridge", "secure", "desk", "--fingerprint", key.fingerprint)
    assert (ended.code, ended.out) == (0, "desk: in secure mode; only this daemon can speak to it\n")
    daemon.stop()
    lab.daemon()
    flashed = lab.stmota("flash", "-b", "desk", lab.file("fw.bin", IMAGE))
    assert flashed.code == 0, flashed.err
    assert "verified" in flashed.out
