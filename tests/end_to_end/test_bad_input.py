"""What a person can get wrong, with its exit code and what is said; the chip is not touched."""

import pytest

from real_lab import RealLab
from sample_images import make_image

KIB = 1024
IMAGE = make_image(2 * KIB)
BROKEN_HEX = b":020000040800F2\n:10000000000100207D00000879000008790000083A\n:00000001FF\n"


@pytest.fixture(scope="module")
def board(shared_lab: RealLab) -> RealLab:
    shared_lab.with_board("lab")
    return shared_lab


@pytest.mark.parametrize(
    ("name", "content", "said", "remedy"),
    [
        ("empty", b"", "empty.bin is an empty file", "build the firmware again"),
        (
            "elf",
            b"\x7fELF\x01\x01\x01" + bytes(100),
            "elf.bin is for an unknown machine",
            "the linker made for this chip",
        ),
        ("hex", BROKEN_HEX, "hex.bin: line 2 has checksum 3A, but its bytes give", "copy or build it again"),
        ("large", make_image(129 * KIB), "ends at 0x08020000 (128 KiB)", "check which chip is on the board"),
        ("data", b"data" * KIB, "no stack pointer into RAM", "--force flashes it all the same"),
    ],
    ids=lambda value: value if isinstance(value, str) and len(value) < 6 else "",
)
def test_a_file_that_is_no_firmware_is_refused(
    board: RealLab, name: str, content: bytes, said: str, remedy: str
) -> None:
    ended = board.stmota("flash", "-b", "lab", board.file(f"{name}.bin", content))
    assert (ended.code, ended.out) == (8, "")
    assert said in ended.err
    assert remedy in ended.err
    assert "erasing" not in ended.err


def test_force_flashes_data(board: RealLab) -> None:
    ended = board.stmota("flash", "-b", "lab", "--force", board.file("data.bin", b"data" * 256))
    assert ended.code == 0
    assert "warning: the image is no firmware" in ended.err
    assert "verified, reset, nothing seen that proves a start" in ended.out


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("0x20000000", "covers 0x20000000, where STM32F103 medium density (0x410) has no flash"),
        ("0x08000100", "inside erase unit 0 (0x08000000)"),
    ],
)
def test_an_address_that_cannot_be_is_refused_and_said_why(board: RealLab, address: str, said: str) -> None:
    ended = board.stmota("flash", "-b", "lab", "--address", address, board.file("fw.bin", IMAGE))
    assert (ended.code, ended.out) == (8, "")
    assert said in ended.err


def test_force_does_not_override_a_fact(board: RealLab) -> None:
    ended = board.stmota(
        "flash", "-b", "lab", "--force", "--address", "0x0801FF00", board.file("fw.bin", IMAGE)
    )
    assert ended.code == 8
    assert "--force" not in ended.err


def test_an_unknown_bridge_is_told_from_those_that_are_known(board: RealLab) -> None:
    ended = board.stmota("flash", "-b", "nobody", board.file("fw.bin", IMAGE))
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith("error: no bridge is called 'nobody'; known are: lab\n  remedy: ")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("flash", "missing.bin"), "error: cannot read missing.bin: No such file or directory"),
        (("flash", "--address", "0xzz", "fw.bin"), "'0xzz' is no number"),
        (("flas",), "No such command 'flas'. Did you mean 'flash'?"),
        (("bridge", "add", "desk"), "a bridge is either at HOST[:PORT] or at --serial URL"),
        (("bridge", "remove", "nobody"), "no bridge is called 'nobody'"),
        (("sim", "bridge", "--no-mdns", "--chip", "F999"), "unknown chip 'F999'; known: "),
        (("bridge", "serve", "--name", "x", "--port", "socket://nowhere"), "not a port that can be opened"),
    ],
)
def test_wrong_usage_is_exit_code_2(board: RealLab, arguments: tuple[str, ...], said: str) -> None:
    ended = board.stmota(*arguments)
    assert (ended.code, ended.out) == (2, "")
    assert said in ended.err.replace("\n", " ")


def test_without_a_daemon_a_client_that_may_not_start_one_says_so(lab: RealLab) -> None:
    ended = lab.stmota("flash", "--no-autostart", lab.file("fw.bin", IMAGE))
    assert (ended.code, ended.out) == (3, "")
    assert ended.err.startswith("error: no stmota daemon answers at ")
    assert "\n  remedy: " in ended.err
    assert lab.processes() == {}


def test_with_no_bridge_known_a_flash_says_what_to_do(lab: RealLab) -> None:
    lab.daemon()
    ended = lab.stmota("flash", lab.file("fw.bin", IMAGE))
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith("error: no bridge is known\n  remedy: is it on? ")


def test_a_configuration_with_mistakes_tells_all_of_them_with_their_lines(lab: RealLab) -> None:
    lab.configure('[daemon]\nlisten = "0.0.0.0:1"\n[bridges.x]\nport = 70000\n')
    ended = lab.start("daemon", "run").wait()
    file = lab.directory / "config" / "stmota" / "config.toml"
    assert (ended.code, ended.out) == (2, "")
    lines = [line.partition(str(file))[2][:2] for line in ended.err.splitlines()]
    assert lines == [":2", ":4", ":4"]
