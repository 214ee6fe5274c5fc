"""`stmota-bridge` in secure mode: its daemon, a flash inside TLS, and what it keeps when that is spoilt."""

import subprocess
from collections.abc import Generator
from pathlib import Path

import pytest
import trio

from bridge_bench import Bench
from bridge_process import running_board, running_bridge
from esp_images import image
from real_lab import RealLab, real_lab
from sample_images import make_image
from securable_bridges import Lab, Securable
from stmota_protocol.messages import Greeting, Message, Unsupported
from stmota_protocol.secure_messages import SecureAnswer, SecureCsr, SecureRequest
from stmota_protocol.upkeep import Restart, SettingsAnswer, SettingsVerdict
from stmota_simulator.board_file import board_lines
from stmota_simulator.boards import make_board

IMAGE = make_image(20_000, text="in secret, through C")


@pytest.fixture
def lab() -> Generator[RealLab, None, None]:
    with real_lab() as lab:
        yield lab


@pytest.fixture
def securable(securable_stmota_bridge: Path, tmp_path: Path) -> Securable:
    (tmp_path / "kept").mkdir()
    return Securable([str(securable_stmota_bridge), "--state-dir", str(tmp_path / "kept")], tmp_path)


def test_the_daemon_secures_it_and_a_board_is_flashed_inside_tls(
    securable_stmota_bridge: Path, lab: RealLab
) -> None:
    state = lab.directory / "bridge"  # which is made
    board = lab.file("board.txt", "\n".join(board_lines(make_board("G431"))).encode())
    daemon = lab.daemon()
    command = [str(securable_stmota_bridge), "--board", board, "--state-dir", str(state)]
    with running_board(command) as running:
        assert running.process is not None
        assert running.process.stdout is not None
        lab.add("lab", running.port)
        key = lab.api.bridge_fingerprint("lab")
        asked = running.process.stdout.readline()
        assert asked.endswith(f" the fingerprint of its key: {key.fingerprint}\n")
        ended = lab.stmota("bridge", "secure", "lab", "--fingerprint", key.fingerprint)
        assert ended.code == 0, ended.err
        daemon.stop()
        lab.daemon()
        flashed = lab.stmota("flash", "-b", "lab", "--baud", "921600", lab.file("fw.bin", IMAGE))
        assert flashed.code == 0, flashed.err
        assert 'verified, started, seen: "in secret, through C"' in flashed.out
        updated = lab.stmota("bridge", "update", "lab", lab.file("new.bin", image("1.2.3")))
        assert updated.code == 0, updated.err  # with a signature: R74
        assert "lab: runs 1.2.3 and keeps it (before: host-" in updated.out
        changed = lab.stmota("bridge", "settings", "lab", "net_update=yes")
        assert changed.code == 0, changed.err


@pytest.mark.rule("R70")
async def test_what_it_keeps_is_one_file_and_a_spoilt_one_never_makes_it_plain(securable: Securable) -> None:
    async with securable.running() as lab:
        await lab.secure()
        (file,) = lab.kept
    whole = file.read_bytes()
    (file.parent / "being.written").write_bytes(whole[:300])  # power lost in the next install
    async with securable.running() as lab:
        assert (await (await lab.tls()).greeting()).identity.name == "lab"
    for spoilt in (b"", whole[:300], whole[:-1], whole + b"\0", bytes(len(whole))):
        file.write_bytes(spoilt)
        assert refused(securable.command) == f"error: {file} cannot be used; --insecure forgets it\n"
    async with securable.running("--insecure") as lab:
        assert lab.kept == []
        await lab.secure()


def test_an_update_is_signed_by_the_ca_that_secured_the_bridge_also_after_a_new_one(
    securable_stmota_bridge: Path, lab: RealLab
) -> None:
    state = lab.directory / "bridge"
    state.mkdir()
    lab.daemon()
    with running_bridge([str(securable_stmota_bridge), "--state-dir", str(state)]) as running:
        lab.add("lab", running.port)
        refused = lab.stmota("bridge", "update", "lab", lab.file("fw.bin", image("1.2.3")))
        assert refused.code == 8
        assert "the network may not update this bridge" in refused.err
        key = lab.api.bridge_fingerprint("lab")
        assert lab.stmota("bridge", "secure", "lab", "--fingerprint", key.fingerprint).code == 0
        for version, before in (("1.2.3", "host-0.1.0"), ("1.2.4", "1.2.3")):
            updated = lab.stmota("bridge", "update", "lab", lab.file("fw.bin", image(version)))
            assert updated.code == 0, updated.err
            assert f"lab: runs {version} and keeps it (before: {before}), " in updated.out
            rotated = lab.stmota("bridge", "ca", "rotate", "--yes")
            assert rotated.code == 0, rotated.err


def refused(command: list[str]) -> str:
    """What it says that does not start."""
    options = ["--name", "lab", "--board", board_file(Path(command[2])), "--listen", "127.0.0.1:0"]
    ended = subprocess.run([*command, *options], check=False, capture_output=True, text=True)
    assert (ended.returncode, ended.stdout) == (1, "")
    return ended.stderr


def board_file(folder: Path) -> str:
    path = folder.parent / "board.txt"
    path.write_text("\n".join(board_lines(make_board("G431"))))
    return str(path)


@pytest.mark.rule("R68")
async def test_the_networks_restart_opens_no_window_but_the_console_does(securable: Securable) -> None:
    (securable.folder / "kept" / "net_settings").write_text("yes")
    async with securable.running() as lab:
        assert isinstance(await asked(lab), SecureCsr)
        boot_id = (await lab.look()).identity.boot_id
        controller = await lab.controller()
        await controller.send(Restart())
        assert await controller.receive() == SettingsAnswer(SettingsVerdict.DONE, "", "")
        while await greeted(lab) in (boot_id, None):
            pass
        answer = await asked(lab)
        assert isinstance(answer, SecureAnswer)
        assert not answer.is_done
        assert answer.text.startswith("this bridge can be secured only just after its power-up, or while ")
        lab.say("secure")
        while "can be secured within 5 minutes" not in await lab.shown():
            pass
        await lab.secure()


async def asked(lab: Lab) -> Message | None:
    """What is said to a request for secure mode."""
    peer = await lab.peer()
    await peer.greeting()
    await peer.send(SecureRequest("desk"))
    return await peer.receive()


async def greeted(lab: Lab) -> bytes | None:
    """The boot that runs; None: it starts or stops."""
    try:
        peer = await lab.peer()
        await peer.stream.send_all(peer.connection.preamble())
        greeting = await peer.receive()
    except (OSError, trio.BrokenResourceError):
        await trio.lowlevel.checkpoint()
        return None
    return greeting.identity.boot_id if isinstance(greeting, Greeting) else None


def test_a_place_where_nothing_can_be_kept_is_refused_at_the_start(
    stmota_bridge: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    told = refused([str(stmota_bridge), "--state-dir", str(tmp_path / "file")])
    assert told == f"error: nothing can be kept in {tmp_path / 'file'}: File exists\n"


@pytest.mark.rule("R68")
async def test_without_a_place_for_keys_or_without_mbedtls_it_has_no_secure_mode(
    stmota_bridge: Path, plain_stmota_bridge: Path, tmp_path: Path
) -> None:
    plain = str(plain_stmota_bridge)
    for command in ([str(stmota_bridge)], [plain, "--state-dir", str(tmp_path)]):
        with running_bridge(command) as running:
            bench = Bench(running.far, running.host, running.port)
            peer = await bench.peer()
            await peer.greeting()
            await peer.send(SecureRequest("desk"))
            assert await peer.receive() == Unsupported(0x60)
            await trio.aclose_forcefully(peer.stream)
    (tmp_path / "secure").write_bytes(b"what another build kept")
    assert refused([plain, "--state-dir", str(tmp_path)]) == (
        f"error: {tmp_path} is a secured bridge's, and this program was built without secure mode; "
        "--insecure forgets it\n"
    )
