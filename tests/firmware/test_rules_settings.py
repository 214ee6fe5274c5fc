"""BRIDGE_PROTOCOL.md, section 6, over the wire: every setting that a bridge of this machine has.

Those of an ESP32 alone (pins, Wi-Fi) are taken and told by the same code: host_test/test_settings.c,
test_bridge_console.py.
"""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from bridge_bench import bench_of
from bridge_peer import Peer
from bridge_process import running_bridge
from stmota_edge.soft_settings import SoftSettings
from stmota_protocol.steps import UartSettings
from stmota_protocol.upkeep import (
    GetSettings,
    SetSettings,
    SettingChange,
    SettingFlags,
    Settings,
    SettingsAnswer,
    SettingsVerdict,
)

SETTINGS_C = (
    Path(__file__).parents[2] / "bridge_firmware" / "components" / "bridge_core" / "bridge_settings.c"
)
IN_C = re.findall(r"^    \{\"(\w+)\", KIND_", SETTINGS_C.read_text(encoding="utf-8"), re.MULTILINE)
IN_PYTHON = SoftSettings("lab", UartSettings()).texts()
VALUES = {
    "name": ("bench 9", "\n"),
    "ssid": ("lab", "s" * 33),
    "password": ("correct horse", "short"),
    "tx": ("4", "99"),
    "rx": ("27", "GPIO"),
    "nrst": ("19", "5"),
    "boot0": ("23", "34"),
    "direction": ("18", "6"),
    "led": ("21", "-7"),
    "console": ("57600 8E1", "fast"),
    "port": ("7821", "0"),
    "net_settings": ("no", "maybe"),
    "net_update": ("no", "maybe"),
}
"""A value that each takes, and one that it does not; as on an ESP32."""
OF_A_PROGRAM = ["name", "console", "net_settings", "net_update"]
"""Those of `stmota-bridge`, whose lines and address are options, and which has neither pins nor Wi-Fi."""


def test_every_setting_has_values_here() -> None:
    assert list(VALUES) == IN_C
    assert set(IN_PYTHON) < set(OF_A_PROGRAM) < set(VALUES)


async def change(peer: Peer, key: str, value: str) -> SettingsAnswer:
    await peer.send(SetSettings((SettingChange(key, value),)))
    answer = await peer.receive()
    assert isinstance(answer, SettingsAnswer)
    return answer


@pytest.mark.rule("R59", "R60")
@pytest.mark.parametrize("kind", ["c", "python"])
async def test_each_is_told_once_takes_what_is_right_and_refuses_what_is_not(
    kind: str,
    bridge_command: Callable[[str], list[str]],
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    if request.config.getoption("--bridge"):
        pytest.skip("settings of a real bridge are not played with")
    (tmp_path / "net_settings").write_text("yes")
    kept = ["--state-dir", str(tmp_path)] if kind == "c" else ["--settings", str(tmp_path / "kept")]
    keys = OF_A_PROGRAM if kind == "c" else list(IN_PYTHON)
    with running_bridge([*bridge_command(kind), *kept]) as running:
        async with bench_of(running) as bench:
            peer = await bench.controller()
            for key in VALUES.keys() - set(keys):
                absent = await change(peer, key, VALUES[key][0])
                assert (absent.verdict, absent.key) == (SettingsVerdict.REFUSED, key)
                assert WHY_ABSENT[kind] in absent.text
            for key in keys:
                good, wrong = VALUES[key]
                refused = await change(peer, key, wrong)
                assert (refused.verdict, refused.key) == (SettingsVerdict.REFUSED, key)
                assert refused.text
                assert await change(peer, key, good) in (DONE, AFTER_RESTART)
            await peer.send(GetSettings())
            told = await peer.receive()
            assert isinstance(told, Settings)
            assert [setting.key for setting in told.settings] == keys
            for setting in told.settings:
                assert SettingFlags.SECRET not in setting.flags
                assert setting.value == VALUES[setting.key][0]


WHY_ABSENT = {"c": "it has no pins and no Wi-Fi", "python": "it has name and console"}
DONE = SettingsAnswer(SettingsVerdict.DONE, "", "")
AFTER_RESTART = SettingsAnswer(SettingsVerdict.AFTER_RESTART, "", "")
