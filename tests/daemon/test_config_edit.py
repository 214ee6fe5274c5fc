from pathlib import Path

import pytest

from stmota_daemon.config import BadConfig, BridgeConfig, read_config
from stmota_daemon.config_edit import add_to_config, remove_from_config
from stmota_protocol.api import AddBridge, NetworkPlace, SerialPlace

COMMENTED = """\
# The lab's daemon. Ask Kim before you change anything.
[daemon]
name = "lab-host"   # shown to others

[bridges.lab-esp32]  # on the shelf
host = "192.168.1.50"
"""
NEW = AddBridge(name="rack", place=NetworkPlace(host="10.0.0.7", port=7820))


def test_a_bridge_is_added_and_everything_else_stays_as_written(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(COMMENTED)
    add_to_config(path, NEW)
    assert path.read_text().startswith(COMMENTED)
    assert read_config(path).bridges[1] == BridgeConfig("rack", NEW.place)


def test_what_was_added_is_removed_without_a_trace(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(COMMENTED)
    add_to_config(path, NEW)
    remove_from_config(path, "rack")
    assert path.read_text().strip() == COMMENTED.strip()


def test_a_file_is_made_where_there_is_none(tmp_path: Path) -> None:
    path = tmp_path / "stmota" / "config.toml"
    place = SerialPlace(url="/dev/ttyUSB0", reset="rts", boot0="!dtr")
    add_to_config(path, AddBridge(name="desk", place=place))
    assert path.read_text() == '[bridges.desk]\nserial = "/dev/ttyUSB0"\nreset = "rts"\nboot0 = "!dtr"\n'
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_settings_without_a_place_get_one(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text('[bridges.rack]\nconsole = "9600 8N1"\n')
    add_to_config(path, NEW)
    [bridge] = read_config(path).bridges
    assert bridge.place == NEW.place
    assert bridge.console is not None


def test_bridges_written_as_dotted_keys_can_be_edited(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text('bridges.a.host = "h"\n')
    add_to_config(path, NEW)
    assert [bridge.name for bridge in read_config(path).bridges] == ["a", "rack"]
    remove_from_config(path, "a")
    assert [bridge.name for bridge in read_config(path).bridges] == ["rack"]


def test_a_bad_file_is_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text("[daemon\n")
    with pytest.raises(BadConfig):
        add_to_config(path, NEW)
    assert path.read_text() == "[daemon\n"


def test_removing_what_is_not_there_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    remove_from_config(path, "rack")
    assert not path.exists()


def test_a_link_to_the_file_stays_a_link_and_the_mode_stays(tmp_path: Path) -> None:
    real = tmp_path / "real.toml"
    real.write_text(COMMENTED)
    real.chmod(0o640)
    link = tmp_path / "config.toml"
    link.symlink_to(real)
    add_to_config(link, NEW)
    assert link.is_symlink()
    assert real.stat().st_mode & 0o777 == 0o640
    assert len(read_config(real).bridges) == 2
