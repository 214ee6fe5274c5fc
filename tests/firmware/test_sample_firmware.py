"""The sample firmware: its image is what its source gives, and a chip would boot it."""

import os
import shutil
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from sample_images import FLASH_START, MARKER, SAMPLE_FIRMWARE, make_image
from stmota_protocol.chips import chip_by_product_id
from stmota_protocol.image_checks import check_vector_table
from stmota_protocol.images import Image, Looks, Segment, recognise

SOURCE = SAMPLE_FIRMWARE.parent
FLASH_SIZE = 128 * 1024  # STM32F103xB
RAM_END = 0x20000000 + 20 * 1024


def vectors(image: bytes, count: int) -> tuple[int, ...]:
    return struct.unpack_from(f"<{count}I", image)


@pytest.mark.foreign("arm-none-eabi-gcc")
def test_the_committed_image_is_what_the_source_builds_in_any_folder(
    tmp_path: Path, foreign_tool: Callable[[str], Path]
) -> None:
    compiler = foreign_tool("arm-none-eabi-gcc")
    wanted = run("make", "-s", "-C", str(SOURCE), "compiler-version")
    found = run(str(compiler), "-dumpfullversion")
    if found != wanted and not os.environ.get("CI"):
        pytest.skip(f"the image was built with gcc {wanted}, this is {found}: other bytes are no fault")
    assert found == wanted, f"build the image anew with {found} and note that version in its Makefile"
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(SOURCE, elsewhere, ignore=shutil.ignore_patterns("build", "*.bin"))
    run("make", "-s", "-C", str(elsewhere))
    assert (elsewhere / SAMPLE_FIRMWARE.name).read_bytes() == SAMPLE_FIRMWARE.read_bytes()


def run(*command: str) -> str:
    finished = subprocess.run(command, check=False, capture_output=True, text=True)
    assert finished.returncode == 0, finished.stderr
    return finished.stdout.strip()


def test_the_sample_has_a_vector_table_that_an_f103_boots() -> None:
    image = SAMPLE_FIRMWARE.read_bytes()
    stack_top, reset, *others = vectors(image, 16 + 43)  # RM0008 table 63: 43 interrupts
    assert stack_top == RAM_END
    assert reset % 2 == 1
    assert FLASH_START + 4 * (16 + 43) <= reset < FLASH_START + len(image)
    reserved = {7, 8, 9, 10, 13}
    assert [n for n, vector in enumerate(others, start=2) if vector == 0] == sorted(reserved)
    assert all(
        vector % 2 == 1 and FLASH_START < vector < FLASH_START + len(image) for vector in others if vector
    )


def test_the_sample_has_one_boot_text_marker_with_baud_heartbeat_and_text() -> None:
    image = SAMPLE_FIRMWARE.read_bytes()
    assert image.count(MARKER) == 1
    at = image.index(MARKER) + len(MARKER)
    assert struct.unpack_from("<II", image, at) == (115200, 1000)
    text = image[at + 8 : image.index(b"\x00", at + 8)]
    assert text == b"stmota sample 1.0 on STM32F103xB, 8 MHz HSI"


def test_the_sample_is_of_a_size_that_is_worth_a_progress_bar_and_is_not_padding() -> None:
    image = SAMPLE_FIRMWARE.read_bytes()
    assert 30 * 1024 <= len(image) <= 36 * 1024
    blocks = [image[at : at + 256] for at in range(0, len(image), 256)]
    assert len(set(blocks)) == len(blocks)


def test_the_sample_raises_no_doubt_for_its_chip() -> None:
    chip = chip_by_product_id(0x410)
    assert chip is not None
    image = Image((Segment(FLASH_START, SAMPLE_FIRMWARE.read_bytes()),))
    assert check_vector_table(image, chip) is None


@pytest.mark.parametrize("product_id", [0x410, 0x413, 0x460, 0x447, 0x415, 0x450, 0x445])
def test_a_made_image_raises_no_doubt_for_any_simulated_chip(product_id: int) -> None:
    image = make_image()
    chip = chip_by_product_id(product_id)
    assert chip is not None
    assert recognise(image) is Looks.BINARY
    assert check_vector_table(Image((Segment(FLASH_START, image),)), chip) is None


def test_a_made_image_is_what_its_arguments_say() -> None:
    image = make_image(100, text="hi", baud=9600, heartbeat_ms=0)
    code = 64 + 16 + 8 + 4
    assert image[:64] == struct.pack("<16I", 0x20001000, *[0x08000000 + code + 1] * 15)
    assert image[64 : code + 2] == MARKER + struct.pack("<II", 9600, 0) + b"hi\x00\x00" + b"\xfe\xe7"
    assert len(image) == 100


def test_made_images_of_different_seeds_differ_in_every_block() -> None:
    one, other = make_image(2048, seed=1), make_image(2048, seed=2)
    assert make_image(2048, seed=1) == one
    assert all(one[at : at + 256] != other[at : at + 256] for at in range(0, 2048, 256))


def test_a_made_image_too_small_for_its_parts_is_refused() -> None:
    with pytest.raises(ValueError, match="90 bytes do not hold 94 of vectors"):
        make_image(90, text="hi")
