"""`stmota bridge settings` and `stmota bridge update` through a real daemon to the C bridge."""

from collections.abc import Generator
from pathlib import Path

import pytest

from bridge_process import Running, running_bridge
from esp_images import image
from real_lab import RealLab, real_lab

SLOT_BYTES = 0x1E0000  # bridge_firmware/partitions.csv: ota_0


@pytest.fixture
def lab() -> Generator[RealLab, None, None]:
    with real_lab() as lab:
        lab.daemon()
        yield lab


def type_at(running: Running, *words: str) -> None:
    """Write at the bridge's console; each answer has to be ok."""
    assert running.process is not None
    assert running.process.stdin is not None
    assert running.process.stdout is not None
    running.process.stdin.write("".join(f"{word}\n" for word in words))
    running.process.stdin.flush()
    assert [running.process.stdout.readline() for _ in words] == ["ok\n"] * len(words)


def test_settings_and_firmware_of_a_bridge_are_changed_over_the_network(
    stmota_bridge: Path, lab: RealLab, tmp_path: Path
) -> None:
    with running_bridge([str(stmota_bridge), "--state-dir", str(tmp_path)]) as running:
        lab.add("lab", running.port)
        refused = lab.stmota("bridge", "settings", "lab")
        assert refused.code == 8
        way = "to allow it, write at the bridge's own console: set net_settings yes, save, reboot"
        assert way in refused.err  # as it is done now
        type_at(running, "set net_update yes", *way.partition("console: ")[2].split(", "))
        changed = lab.stmota("bridge", "settings", "lab", "console=57600 8E1")
        assert changed.code == 0, changed.err
        assert "console       57600 8E1   (after a restart)\n" in changed.out
        refused = lab.stmota("bridge", "settings", "lab", "nrst=25")
        assert refused.code == 8
        assert "its settings were not changed: nrst: this bridge is a program" in refused.err
        secret = lab.stmota("bridge", "settings", "lab", "password=correct horse")
        assert secret.code == 2
        assert "correct" not in secret.err
        again = lab.stmota("bridge", "settings", "lab", "--restart")
        assert again.code == 0, again.err
        assert "console       57600 8E1\n" in again.out

        other = lab.stmota("bridge", "update", "lab", lab.file("other.bin", image(project="blinky")))
        assert other.code == 8
        assert "is of the project 'blinky'; the bridge runs 'stmota_bridge'" in other.err
        no_image = lab.stmota("bridge", "update", "lab", lab.file("no.bin", bytes(4000)))
        assert (no_image.code, "it begins with 0x00" in no_image.err) == (8, True)
        updated = lab.stmota("bridge", "update", "lab", lab.file("fw.bin", image("1.2.3")))
        assert updated.code == 0, updated.err
        assert "lab: runs 1.2.3 and keeps it (before: host-0.1.0), " in updated.out
        same = lab.stmota("bridge", "update", "lab", lab.file("fw.bin", image("1.2.3")))
        assert same.code == 8
        assert "is version 1.2.3, and the bridge runs 1.2.3: it is no newer" in same.err
        assert "1.2.3 " in lab.stmota("discover", "--timeout", "0").out


def test_an_image_longer_than_the_bridges_slot_is_refused_and_leaves_the_bridge_as_it_was(
    stmota_bridge: Path, lab: RealLab, tmp_path: Path
) -> None:
    (tmp_path / "net_update").write_text("yes")
    with running_bridge([str(stmota_bridge), "--state-dir", str(tmp_path)]) as running:
        lab.add("lab", running.port)
        too_long = image("9.0", length=SLOT_BYTES + 16)
        ended = lab.stmota("bridge", "update", "lab", lab.file("long.bin", too_long))
        assert ended.code == 8
        sizes = f"the image has {SLOT_BYTES + 16} bytes, and this bridge's slot for firmware {SLOT_BYTES}"
        assert sizes in ended.err
        assert [path.name for path in tmp_path.iterdir()] == ["net_update"]
        updated = lab.stmota("bridge", "update", "lab", lab.file("fw.bin", image("1.2.3")))
        assert updated.code == 0, updated.err
        assert "lab: runs 1.2.3 and keeps it (before: host-0.1.0), " in updated.out


def test_what_provisioning_did_not_allow_is_said_with_the_way_to_allow_it(lab: RealLab) -> None:
    lab.with_board("lab")
    for command in (("settings", "lab"), ("settings", "lab", "name=x")):
        ended = lab.stmota("bridge", *command)
        assert ended.code == 8
        assert "start this bridge with --settings FILE" in ended.err
    ended = lab.stmota("bridge", "update", "lab", lab.file("fw.bin", image("9.0")))
    assert ended.code == 8
    assert "a soft bridge is updated with pip" in ended.err
