"""One board from `flash` to `logs -f`, by the commands that a person types: what is shown where."""

import json
import re
import signal
from collections.abc import Iterator

import pytest

from real_lab import RealLab, real_lab
from sample_images import boot_output, make_image

KIB = 1024
F103_FLASH = 128 * KIB
IMAGE = make_image(3 * KIB, text="hello e2e", heartbeat_ms=200)
BOOT_LINES = boot_output(IMAGE, "hello e2e", F103_FLASH).decode().splitlines()
CLOSING_LINE = re.compile(
    r"\Alab: fw\.bin: 3072 bytes at 0x08000000 in [0-9.]+ s, [0-9]+ B/s, [0-9]+ % of line rate, "
    r'verified, started, seen: "hello e2e"\n\Z'
)


@pytest.fixture(scope="module")
def flashed() -> Iterator[RealLab]:
    """A board that has been flashed, the firmware in fw.bin."""
    with real_lab() as lab:
        lab.daemon()
        lab.with_board("lab")
        ended = lab.stmota("flash", "--bridge", "lab", lab.file("fw.bin", IMAGE))
        assert ended.code == 0, ended.err
        assert CLOSING_LINE.match(ended.out)
        yield lab


def test_a_flash_tells_its_phases_on_stderr_and_one_line_on_stdout(flashed: RealLab) -> None:
    ended = flashed.stmota("flash", "--full", str(flashed.directory / "fw.bin"))  # the only bridge known
    assert ended.code == 0
    assert CLOSING_LINE.match(ended.out)
    told = [
        "connecting to lab",
        "entering the bootloader",
        "identifying the chip",
        "checking the image against the chip",
        "erasing 3 units",
        "writing 3072 bytes",
        "verifying 3072 bytes",
        "starting the application by reset",
    ]
    assert [line for line in ended.err.splitlines() if line in told] == told
    assert "\x1b" not in ended.err


def test_the_boards_own_crc_says_that_it_holds_what_was_sent(flashed: RealLab) -> None:
    ended = flashed.stmota("logs", "-b", "lab", "-n", "10000")
    lines = ended.out.splitlines()
    first = lines.index(BOOT_LINES[0])
    assert lines[first : first + 2] == BOOT_LINES
    assert (ended.code, ended.err) == (0, "")


def test_logs_shows_as_many_lines_as_asked_for(flashed: RealLab) -> None:
    assert len(flashed.stmota("logs", "-n", "2").out.splitlines()) == 2
    stamped = flashed.stmota("logs", "-n", "1", "--timestamps").out
    assert re.match(r"\A[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}\.[0-9]{3}[+-][0-9:]{5} \S.*\n\Z", stamped)


def test_logs_follows_until_an_interrupt(flashed: RealLab) -> None:
    follower = flashed.start("logs", "-f", "-n", "0", "--json")
    follower.wait_until(lambda: follower.out.count("\n") >= 5, "five heartbeats")
    follower.signal(signal.SIGINT)
    ended = follower.wait()
    assert (ended.code, ended.err) == (130, "")
    records = [json.loads(line) for line in ended.out.splitlines()]
    assert {record["type"] for record in records} == {"log"}
    numbers = [record["number"] for record in records]
    assert numbers == list(range(numbers[0], numbers[0] + len(records)))


def test_reset_starts_the_firmware_again(flashed: RealLab) -> None:
    follower = flashed.start("logs", "-f", "-n", "0")
    follower.wait_for_out("up ")  # what the last start said is in the log by now
    before = flashed.log_lines("lab").count(BOOT_LINES[0])
    ended = flashed.stmota("reset", "-b", "lab")
    assert (ended.code, ended.out) == (0, "lab: reset\n")
    follower.wait_for_out("\n".join(BOOT_LINES))
    follower.signal(signal.SIGINT)
    assert follower.wait().code == 130
    assert flashed.log_lines("lab").count(BOOT_LINES[0]) == before + 1


def test_info_tells_what_the_chip_says_of_itself(flashed: RealLab) -> None:
    ended = flashed.stmota("info", "-b", "lab")
    facts = dict(re.split(r": +", line, maxsplit=1) for line in ended.out.splitlines())
    assert ended.code == 0
    assert facts["chip"] == "STM32F103 medium density (0x410)"
    assert facts["bootloader"] == "protocol 2.2"
    assert facts["flash"] == "128 KiB at 0x08000000 (read from the chip)"
    assert re.fullmatch(r"[0-9A-F]{24}", facts["unique id"])
    assert (facts["read protected"], facts["write protected"]) == ("no", "nothing")
    document = flashed.stmota("info", "-b", "lab", "--json").json
    assert document["unique_id"] == facts["unique id"]
    assert (document["product_id"], document["flash_size"]) == (0x410, F103_FLASH)


def test_discover_lists_the_board_for_people_and_for_programs(flashed: RealLab) -> None:
    table = flashed.stmota("discover", "--timeout", "0")
    header, row = table.out.splitlines()
    assert table.code == 0
    assert header.split() == ["NAME", "ADDRESS", "FIRMWARE", "PROTOCOL", "SECURE", "STATE", "CHIP", "ID"]
    assert row.split()[0] == "lab"
    assert " idle " in row
    (bridge,) = flashed.stmota("discover", "--timeout", "0", "--json", "--quiet").json
    assert (bridge["name"], bridge["origins"], bridge["state"]) == ("lab", ["static"], "idle")
    assert bridge["chip"] == "STM32F103 medium density (0x410)"
    assert row.split()[-1] == bridge["id"]
    ended = flashed.stmota("-q", "reset", "-b", bridge["id"])
    assert (ended.code, ended.out, ended.err) == (0, "", "")


def test_json_of_a_flash_is_the_whole_job(flashed: RealLab) -> None:
    ended = flashed.stmota("flash", "-b", "lab", "-", "--json", "--no-verify", "--full", stdin=IMAGE)
    job = ended.json
    assert ended.code == 0
    assert (job["kind"], job["state"], job["problem"]) == ("flash", "done", None)
    assert [file["filename"] for file in job["flash"]["files"]] == ["stdin"]
    report = job["report"]
    assert (report["length"], report["written"], report["verified"]) == (len(IMAGE), len(IMAGE), False)
    assert (report["started"], report["started_evidence"], report["recoveries"]) == (True, "hello e2e", 0)
    assert report["bytes_per_s"] > 0
    assert 0 < report["line_rate_share"] <= 1


def test_a_problem_is_one_json_document_too(flashed: RealLab) -> None:
    ended = flashed.stmota("flash", "-b", "lab", flashed.file("empty.bin", b""), "--json")
    assert ended.code == 8
    assert ended.json["problem"]["code"] == "not-firmware"
    assert "error: " in ended.err


def test_stmota_bridge_in_the_environment_names_the_board(flashed: RealLab) -> None:
    ended = flashed.stmota("logs", "-n", "0", STMOTA_BRIDGE="elsewhere")
    assert ended.code == 2
    assert "'elsewhere'" in ended.err


def test_no_start_leaves_the_chip_in_its_bootloader(flashed: RealLab) -> None:
    starts = flashed.log_lines("lab").count(BOOT_LINES[0])
    ended = flashed.stmota("flash", "-b", "lab", "--no-start", str(flashed.directory / "fw.bin"))
    assert ended.code == 0, ended.err
    assert "verified, not started" in ended.out
    assert flashed.stmota("reset").code == 0
    follower = flashed.start("logs", "-f", "-n", "10000")
    follower.wait_until(lambda: follower.out.count(BOOT_LINES[1]) > starts, "the start after the reset")
    follower.signal(signal.SIGINT)
    assert follower.wait().out.splitlines().count(BOOT_LINES[0]) == starts + 1


def test_simulated_bridges_end_in_order(lab: RealLab) -> None:
    bridge = lab.sim_bridge("lab", "--count", "2").ready(2)
    assert set(bridge.ports) == {"lab-1", "lab-2"}
    bridge.signal(signal.SIGTERM)
    ended = bridge.wait()
    assert (ended.code, ended.err) == (0, "")


def test_a_second_flash_of_the_same_file_erases_nothing_says_so_and_starts_it(flashed: RealLab) -> None:
    ended = flashed.stmota("flash", str(flashed.directory / "fw.bin"))
    assert ended.code == 0
    assert ", all of it was there already, nothing erased or written, verified, started, seen: " in ended.out
    assert "the flash holds the image already: nothing is erased or written" in ended.err
