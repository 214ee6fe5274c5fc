"""Boards and bridges on which no flash can work: told by what was seen, in the right exit code."""

from dataclasses import dataclass

from real_lab import Process, RealLab, answers
from sample_images import make_image
from stmota_client.client import Client

IMAGE = make_image(2048)
SILENCE = "nothing came back"
IS_IT_WIRED = "remedy: is the board powered, ground joined, the bridge's TX on the chip's bootloader RX"


@dataclass(frozen=True)
class BadBoard:
    """A board, and what a flash says of it."""

    options: tuple[str, ...]
    code: int
    said: str
    remedy: str


def boards(firmware: str) -> dict[str, BadBoard]:
    """All of them; `firmware` is what a board runs whose application talks."""
    silent = (1, SILENCE, IS_IT_WIRED)
    runs = (1, "the application runs instead of the bootloader: it said ", "remedy: is BOOT0 wired, ")
    return {
        "unpowered": BadBoard(("--fault", "unpowered"), *silent),
        "swapped": BadBoard(("--fault", "rx-tx-swapped"), *silent),
        "mute": BadBoard(("--fault", "mute=1"), *silent),
        "empty-boot0": BadBoard(("--fault", "boot0-unwired"), *silent),
        "boot0": BadBoard(("--fault", "boot0-unwired", "--flash", firmware), *runs),
        "nrst": BadBoard(("--fault", "nrst-unwired", "--flash", firmware), *runs),
        "protected": BadBoard(
            ("--chip", "F407", "--rdp", "1"),
            8,
            "error: STM32F405/F407 (0x413) is read-protected (RDP level 1)",
            "remedy: `stmota unprotect readout` removes the protection, and erases the whole",
        ),
        "locks-out": BadBoard(
            ("--chip", "G071", "--bootloader-version", "11.2"),
            8,
            "error: once flash is not empty the chip would ignore BOOT0: nBOOT_SEL is 1",
            "remedy: `stmota option-bytes write nBOOT_SEL=0` first",
        ),
    }


def test_each_bad_board_is_named_after_what_was_seen(lab: RealLab) -> None:
    chatty = lab.file("chatty.bin", make_image(1024, heartbeat_ms=200))
    bad = boards(chatty)
    bridges = {name: lab.sim_bridge(name, *board.options) for name, board in bad.items()}
    lab.daemon()
    for name, bridge in bridges.items():
        lab.add(name, bridge.ready().port)
    firmware = lab.file("fw.bin", IMAGE)
    flashes = {name: lab.start("flash", "-b", name, firmware) for name in bad}
    for name, flash in flashes.items():
        check(name, bad[name], flash)
    assert {bridge.state.value for bridge in lab.api.bridges()} == {"idle"}


def check(name: str, board: BadBoard, flash: Process) -> None:
    ended = flash.wait()
    assert (ended.code, ended.out) == (board.code, ""), (name, ended.err)
    assert board.said in ended.err, name
    assert board.remedy in ended.err, name
    assert "erasing" not in ended.err, name


def test_a_chip_that_the_image_would_lock_out_is_flashed_with_force(lab: RealLab) -> None:
    lab.daemon()
    lab.with_board("lab", "--chip", "G071", "--bootloader-version", "11.2")
    ended = lab.stmota("flash", "--force", lab.file("fw.bin", IMAGE))
    assert ended.code == 0, ended.err
    assert "warning: once flash is not empty the chip would ignore BOOT0" in ended.err
    assert "verified, started, seen: " in ended.out


def test_a_bridge_held_by_another_controller_says_by_whom(lab: RealLab) -> None:
    bridge = lab.sim_bridge("lab").ready()
    lab.configure('[daemon]\nname = "bench 7"\n[discovery]\nmdns = false\n')
    lab.daemon()
    lab.add("lab", bridge.port)
    assert lab.stmota("info", "-q", "-b", "lab").code == 0
    others = str(lab.directory / "others.sock")
    lab.configure(
        f'[daemon]\nname = "others"\n[discovery]\nmdns = false\n'
        f'[bridges.lab]\nhost = "127.0.0.1"\nport = {bridge.port}\n'
    )
    daemon = lab.start("daemon", "run", "--socket", others, "--state-dir", str(lab.directory / "others"))
    with Client(others) as api:
        daemon.wait_until(lambda: answers(api), "answering")
    ended = lab.stmota("--daemon", others, "flash", "-b", "lab", lab.file("fw.bin", IMAGE))
    assert (ended.code, ended.out) == (5, "")
    assert f"error: the bridge lab (127.0.0.1:{bridge.port}) is held by bench 7" in ended.err
    assert "held by bench 7" in lab.stmota("--daemon", others, "discover", "--timeout", "0").out
    assert lab.stmota("info", "-q", "-b", "lab").code == 0
