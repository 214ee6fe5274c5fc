"""A serial port as a bridge on the network, and as a port of the daemon's own machine.

The port is a pty: it has no modem lines, so the board is in its bootloader from the start and GO starts it.
"""

from real_lab import RealLab
from sample_images import boot_output, make_image

F103_FLASH = 128 * 1024
IMAGE = make_image(2048, text="by wire")
BOOT_LINES = boot_output(IMAGE, "by wire", F103_FLASH).decode().splitlines()
NOTE = "note: this bridge has no BOOT0 line: set BOOT0 low before the next reset\n"


def check_flash(lab: RealLab, bridge: str) -> None:
    ended = lab.stmota("flash", "-b", bridge, lab.file("fw.bin", IMAGE))
    assert ended.code == 0, ended.err
    assert f"{bridge}: fw.bin: 2048 bytes at 0x08000000 in " in ended.out
    assert "verified, started, seen: " in ended.out
    assert "starting the application by GO\n" in ended.err
    assert ended.err.endswith(NOTE)
    follower = lab.start("logs", "-b", bridge, "-f")
    follower.wait_for_out(f"{BOOT_LINES[1]}\n")


def test_a_soft_bridge_on_a_serial_port_is_flashed_through_like_any_other(lab: RealLab) -> None:
    pty = lab.pty_board("board")
    lab.daemon()
    bridge = lab.served_bridge("desk", pty, "--no-mdns").ready()
    lab.add("desk", bridge.port)
    check_flash(lab, "desk")


def test_a_serial_port_of_the_daemons_machine_needs_no_bridge(lab: RealLab) -> None:
    pty = lab.pty_board("board")
    lab.daemon()
    added = lab.stmota("bridge", "add", "desk", "--serial", pty)
    assert (added.code, added.out) == (0, f"desk: added at {pty}, connecting\n")
    check_flash(lab, "desk")
    (bridge,) = lab.stmota("discover", "--timeout", "0", "--json").json
    assert (bridge["address"], bridge["origins"]) == (pty, ["serial"])
    removed = lab.stmota("bridge", "remove", "desk")
    assert (removed.code, removed.out) == (0, "desk: removed\n")
    assert lab.stmota("discover", "--timeout", "0", "--json").json == []


def test_a_serial_port_that_is_not_there_is_unreachable(lab: RealLab) -> None:
    lab.daemon()
    missing = str(lab.directory / "ttyUSB0")
    assert lab.stmota("bridge", "add", "desk", "--serial", missing, "--reset", "rts").code == 0
    ended = lab.stmota("reset", "-b", "desk")
    assert (ended.code, ended.out) == (6, "")
    assert f"({missing}) cannot be reached: no such port; is the adapter plugged in?\n" in ended.err
