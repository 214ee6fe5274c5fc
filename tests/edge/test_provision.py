"""`stmota bridge provision` and `install`: the firmware's own console on a pty, a scripted esptool."""

import os
import pty
import subprocess
import sys
import tty
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest
import serial
import typer
from typer.testing import CliRunner

from esp_images import image as esp_image
from stmota_edge.bridge_console import BridgeConsole, ConsoleFailed, improv_packet, take_packets
from stmota_edge.install import install
from stmota_edge.provision import PASSWORD_VARIABLE, provision

FIRMWARE = Path(__file__).parents[2] / "bridge_firmware"
PASSWORD = "correct horse"  # noqa: S105


@pytest.fixture(scope="module")
def console_tool(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The firmware's console as a program."""
    program = tmp_path_factory.mktemp("console") / "console_tool"
    core = FIRMWARE / "components" / "bridge_core"
    names = ["console", "console_improv", "frame", "improv", "settings", "pins", "bytes"]
    sources = [str(core / f"bridge_{name}.c") for name in names]
    tool = str(FIRMWARE / "host_test" / "console_tool.c")
    subprocess.run(["cc", "-std=c11", f"-I{core}/include", tool, *sources, "-o", str(program)], check=True)
    return program


@contextmanager
def console_at_a_pty(program: Path) -> Generator[tuple[str, "subprocess.Popen[str]"], None, None]:
    master, slave = pty.openpty()
    tty.setraw(slave)
    command = ["stdbuf", "-o0", str(program), "esp32", PASSWORD]
    with subprocess.Popen(command, stdin=master, stdout=master, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield os.ttyname(slave), process
        finally:
            process.kill()
            os.close(slave)
            os.close(master)


def run(command: object, *arguments: str, **environment: str) -> tuple[int, str]:
    app = typer.Typer()
    app.command()(command)  # type: ignore[type-var]  # both are functions; typer wants to know which
    ended = CliRunner().invoke(app, list(arguments), env=environment)
    return ended.exit_code, ended.output


def asked(process: "subprocess.Popen[str]") -> list[str]:
    """What the console asked of its platform so far."""
    process.kill()
    assert process.stderr is not None
    return process.stderr.read().splitlines()


def test_a_bridge_is_set_up_over_its_console_and_the_password_is_nowhere(console_tool: Path) -> None:
    with console_at_a_pty(console_tool) as (port, process):
        given = ("--port", port, "--ssid", "lab", "--name", "lab-esp32", "--nrst", "!27", "--allow", "update")
        code, said = run(provision, *given, **{PASSWORD_VARIABLE: PASSWORD})
        assert code == 0, said
        assert said.splitlines() == [
            "bridge stmota-123456, esp32, firmware 0.1.0",
            "saved: name lab-esp32, nrst !27, net_update yes",
            "joining the network 'lab'",
            "on the network 'lab'",
            "restarting; `stmota discover` shows it when it is there",
        ]
        assert asked(process) == ["save", "join lab", "save", "reboot"]


def test_a_pin_that_cannot_be_is_refused_with_the_reason(console_tool: Path) -> None:
    with console_at_a_pty(console_tool) as (port, process):
        code, said = run(provision, "--port", port, "--nrst", "5")
        assert code == 1
        assert "error: set nrst: nrst: GPIO5 cannot be used: " in said
        assert asked(process) == []


def test_a_wrong_password_is_said_and_not_shown(console_tool: Path) -> None:
    with console_at_a_pty(console_tool) as (port, _):
        code, said = run(provision, "--port", port, "--ssid", "lab", **{PASSWORD_VARIABLE: "wrong horse"})
        assert code == 1
        assert "error: the bridge is not on the network 'lab': it could not join the network" in said
        assert "wrong horse" not in said


def test_a_missing_port_is_said() -> None:
    code, said = run(provision, "--port", "/dev/no-such-port", "--name", "x")
    assert (code, said) == (1, "error: /dev/no-such-port: no such port; is the adapter plugged in?\n")


def test_a_port_that_another_program_has_is_said() -> None:
    master, slave = pty.openpty()
    try:
        port = os.ttyname(slave)
        with serial.Serial(port, exclusive=True):
            code, said = run(provision, "--port", port, "--name", "x")
        assert (code, said) == (1, f"error: {port}: in use by another program\n")
    finally:
        os.close(slave)
        os.close(master)


class Rom:
    """An ESP32 in its download mode, just reset."""

    wrote = b""

    def read(self, size: int = 1) -> bytes:
        return b"ESP-ROM:esp32c3-api1-20210207\r\nwaiting for download\r\n"

    def write(self, b: bytes, /) -> int:
        self.wrote += b
        return len(b)


def test_an_esp32_in_its_download_mode_is_told_from_a_bridge_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter((0.0, 0.1, 6.0))
    monkeypatch.setattr("time.monotonic", lambda: next(times))
    with pytest.raises(ConsoleFailed, match=r"show: the ESP32 waits for a firmware \(download mode\)"):
        BridgeConsole(Rom()).command("show")


def test_a_value_is_no_second_command() -> None:
    port = Rom()
    with pytest.raises(ConsoleFailed, match="cannot be written in a line"):
        BridgeConsole(port).command("set name x\nset net_update yes")
    assert port.wrote == b""


def test_a_port_that_is_no_bridge_s_console_is_said_with_the_time_it_was_given(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Mute:
        """Something that says other things, on a clock of its own: each read is a second of silence."""

        now_s = 0.0
        wrote = b""

        def read(self, size: int = 1) -> bytes:
            self.now_s += 1
            return b"ready> \n"

        def write(self, b: bytes, /) -> int:
            self.wrote += b
            return len(b)

    port = Mute()
    monkeypatch.setattr("time.monotonic", lambda: port.now_s)
    console = BridgeConsole(port)
    for wanted, shown in (("show", "show"), ("set name lab", "set name")):
        with pytest.raises(ConsoleFailed) as failed:
            console.command(wanted)
        assert str(failed.value) == (f"{shown}: no answer within 5 s; is this a stmota bridge's own console?")
    with pytest.raises(ConsoleFailed) as failed:
        console.join("lab", PASSWORD)
    assert str(failed.value) == "the bridge said nothing of the network 'lab' within 45 s"
    assert PASSWORD.encode() in port.wrote


@pytest.mark.parametrize("password", ["short", "x" * 65, "correct horse" * 30, "é" * 40])
def test_a_password_that_no_wifi_has_is_refused_before_the_port_is_opened_and_not_shown(
    password: str,
) -> None:
    given = ("--port", "/dev/no-such-port", "--ssid", "lab")
    code, said = run(provision, *given, **{PASSWORD_VARIABLE: password})
    assert code == 2
    assert "a Wi-Fi password has 8 to 64 characters" in said
    assert password[:5] not in said


@pytest.mark.parametrize("ssid", ["", "x" * 33])
def test_a_network_s_name_that_cannot_be_is_refused_before_the_port_is_opened(ssid: str) -> None:
    given = ("--port", "/dev/no-such-port", "--ssid", ssid)
    code, said = run(provision, *given, **{PASSWORD_VARIABLE: PASSWORD})
    assert (code, "a network's name has 1 to 32 bytes" in said) == (2, True)


def test_improv_packets_are_found_among_text_and_damaged_ones_are_passed_over() -> None:
    good, other = improv_packet(1, b"\4"), improv_packet(4, b"\1\0")
    damaged = good[:-2] + b"\0\n"
    heard = b"boot: hello\r\n" + damaged + good + b"noise" + other + good[:6]
    packets, rest = take_packets(heard)
    assert packets == [(1, b"\4"), (4, b"\1\0")]
    assert take_packets(rest + good[6:])[0] == [(1, b"\4")]


@pytest.fixture
def esptool(tmp_path: Path) -> Path:
    """A program of that name that writes down its arguments and where it ran."""
    program = tmp_path / "esptool"
    script = "import os, sys; print(os.getcwd(), *sys.argv[1:], file=open(sys.argv[0] + '.asked', 'w'))"
    program.write_text(f"#!{sys.executable}\n{script}\n")
    program.chmod(0o755)
    return program


def test_a_build_and_a_merged_image_are_written_with_esptool(esptool: Path, tmp_path: Path) -> None:
    build = tmp_path / "build"
    build.mkdir()
    (build / "flash_args").write_text("")
    image = tmp_path / "flash.bin"
    image.write_bytes(b"\xe9")
    for given, expected in (
        (build, f"{build} --port /dev/ttyUSB0 write_flash @flash_args\n"),
        (image, f"{Path.cwd()} --port /dev/ttyUSB0 write_flash 0x0 {image}\n"),
    ):
        code, said = run(install, "--port", "/dev/ttyUSB0", str(given), PATH=str(tmp_path))
        assert code == 0, said
        assert esptool.with_suffix(".asked").read_text() == expected


def test_an_application_alone_is_not_written_where_the_flash_begins(esptool: Path, tmp_path: Path) -> None:
    alone = tmp_path / "stmota_bridge.bin"
    alone.write_bytes(esp_image())
    code, said = run(install, "--port", "p", str(alone), PATH=str(tmp_path))
    assert code == 1
    assert f"{alone}: this is the application alone" in said
    assert f"give the build directory, {tmp_path}, or the image of idf.py merge-bin" in said
    assert not esptool.with_suffix(".asked").exists()


def test_esptool_s_failure_is_the_command_s_and_its_children_are_not_told_the_password(
    esptool: Path, tmp_path: Path
) -> None:
    script = (
        "import os, sys; print(os.environ, sys.argv, file=open(sys.argv[0] + '.asked', 'w')); sys.exit(2)"
    )
    esptool.write_text(f"#!{sys.executable}\n{script}\n")
    image = tmp_path / "flash.bin"
    image.write_bytes(b"\xff" * 4096)
    code, said = run(install, "--port", "p", str(image), PATH=str(tmp_path), **{PASSWORD_VARIABLE: PASSWORD})
    assert (code, said) == (1, "error: esptool ended with 2; what it said stands above\n")
    assert PASSWORD not in esptool.with_suffix(".asked").read_text()


def test_what_is_missing_for_an_install_is_said(esptool: Path, tmp_path: Path) -> None:
    code, said = run(install, "--port", "p", str(tmp_path / "none.bin"), PATH=str(tmp_path))
    assert (code, "no such image; build one" in said) == (1, True)
    code, said = run(install, "--port", "p", str(tmp_path), PATH=str(tmp_path))
    assert (code, "no built firmware there" in said) == (1, True)
    code, said = run(install, "--port", "p", PATH="/nowhere")
    assert code == 1
    assert said.startswith("error: esptool is not installed; install it: pip install esptool")
