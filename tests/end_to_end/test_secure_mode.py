"""A bridge is secured by its daemon; its board is flashed and its log followed inside TLS: real processes."""

import signal

from real_lab import RealLab
from sample_images import make_image
from stmota_protocol.api import JobState

IMAGE = make_image(2048, text="in secret")


def test_a_board_is_flashed_and_its_log_followed_through_a_bridge_that_was_secured(lab: RealLab) -> None:
    pty = lab.pty_board("board")
    daemon = lab.daemon()
    bridge = lab.served_bridge("desk", pty, "--no-mdns").ready()
    lab.add("desk", bridge.port)
    fingerprint = lab.api.bridge_fingerprint("desk").fingerprint
    bridge.wait_for_out(f"the fingerprint of its key: {fingerprint}\n")
    ended = lab.stmota("bridge", "secure", "desk", "--fingerprint", fingerprint)
    assert (ended.code, ended.out) == (0, "desk: in secure mode; only this daemon can speak to it\n")
    daemon.kill()
    lab.daemon()
    follower = lab.start("logs", "-b", "desk", "-f")
    flashed = lab.ended(lab.begin_flash("desk", IMAGE))
    assert flashed.state is JobState.DONE, flashed.problem
    follower.wait_for_out("in secret")
    follower.signal(signal.SIGINT)
    assert follower.wait().code == 130
    assert lab.stmota("bridge", "secure", "desk").out == "desk: has a new certificate\n"
