"""The table of ROM defects against protocol.md §6, row by row."""

import pytest

from stmota_protocol.chips import CHIPS
from stmota_protocol.chips.defect_table import DEFECTS, defects_of
from stmota_protocol.chips.defects import DefectKind
from stmota_protocol.chips.defects import DefectKind as K

ROWS = [
    ("F05x", 0x440, 0x21, {K.SECOND_NACK}),
    ("F2", 0x411, 0x20, {K.SILENT_ADDRESS}),
    ("F2", 0x411, 0x32, {K.SILENT_ADDRESS}),
    ("F2", 0x411, 0x33, {K.SECOND_NACK}),
    ("F40x", 0x413, 0x30, {K.SILENT_ADDRESS, K.SHORT_READS}),
    ("F40x", 0x413, 0x31, {K.SECOND_NACK, K.GO_LEAVES, K.SHORT_READS}),
    ("F40x", 0x413, 0x90, {K.SECOND_NACK, K.GO_LEAVES, K.SHORT_READS}),
    ("F40x", 0x413, 0x91, {K.SHORT_READS}),
    ("F401xB", 0x423, 0xD1, {K.GO_LEAVES, K.PROTECTION, K.SHORT_READS}),
    ("F401xD", 0x433, 0xD1, {K.GO_LEAVES, K.SHORT_READS}),
    ("F410", 0x458, 0xB1, {K.GO_LEAVES, K.SHORT_READS}),
    ("F411", 0x431, 0xD0, {K.GO_LEAVES, K.SHORT_READS}),
    ("F412", 0x441, 0x90, {K.GO_LEAVES, K.SHORT_READS}),
    ("F413", 0x463, 0x90, {K.GO_LEAVES, K.SHORT_READS}),
    ("F42x", 0x419, 0x70, {K.GO_LEAVES, K.SHORT_READS}),
    ("L1 category 1", 0x416, 0x20, {K.SILENT_ADDRESS}),
    ("L1D", 0x436, 0x45, {K.SECOND_NACK, K.NO_ENTRY}),
    ("L1D", 0x436, 0x42, {K.SECOND_NACK, K.NO_ENTRY}),
    ("L1E", 0x437, 0x40, {K.SECOND_NACK}),
    ("L031", 0x425, 0xC0, {K.RAM}),
    ("L05x", 0x417, 0xC0, {K.SHORT_READS}),
    ("L412", 0x464, 0xD1, {K.SECOND_ACK}),
    ("L43x", 0x435, 0x91, {K.GO_LEAVES}),
    ("L47x", 0x415, 0x90, {K.RAM, K.SLOW_START}),
    ("L47x", 0x415, 0xA1, {K.RAM, K.SLOW_START}),
    ("L47x", 0x415, 0x92, {K.SLOW_START}),
    ("G07x", 0x460, 0xB2, {K.PROTECTION}),
    ("G07x", 0x460, 0xB3, {K.ONE_UNIT_ERASES, K.EMPTY_FLAG}),
    ("G0B0", 0x467, 0xD0, {K.ONE_UNIT_ERASES, K.EMPTY_FLAG}),
    ("G0B1", 0x467, 0x92, {K.ONE_UNIT_ERASES, K.EMPTY_FLAG, K.GO_LEAVES}),
    ("C051", 0x44C, 0xB0, {K.EMPTY_HANGS}),
    ("C071", 0x493, 0xD1, {K.EMPTY_HANGS}),
    ("C091", 0x44D, None, {K.EMPTY_HANGS}),
    ("U031", 0x459, 0xB1, {K.EMPTY_HANGS}),
    ("H503", 0x474, 0xE1, {K.NO_ENTRY}),
    ("H563", 0x484, 0xE3, {K.NO_ENTRY}),
    ("H563", 0x484, 0xE4, {K.NO_ENTRY, K.ELSEWHERE}),
    ("H563", 0x484, 0xE5, set[DefectKind]()),
    ("H523", 0x478, 0xE0, {K.ELSEWHERE}),
    ("G03x", 0x466, 0x51, {K.NO_ENTRY}),
    ("G05x", 0x456, 0x50, {K.JITTER}),
    ("G47x", 0x469, 0xD3, {K.NO_ENTRY}),
    (
        "H74x",
        0x450,
        0x90,
        {K.GO_FIRST_ACK, K.MISCOUNTED_GET, K.EARLY_ERASE_ACK, K.NO_ENTRY, K.GO_STACK},
    ),
    ("H74x", 0x450, 0x91, {K.GO_FIRST_ACK, K.EARLY_ERASE_ACK, K.NO_ENTRY, K.GO_STACK}),
    ("H74x", 0x450, 0xD2, {K.GO_DEAD, K.BANK_ERASE}),
    ("H74x", 0x450, 0xD3, {K.GO_DEAD, K.BANK_ERASE}),
    ("H72x", 0x483, 0x92, {K.WRITE_AFTER_READ}),
    ("H72x", 0x483, 0x93, set[DefectKind]()),
    ("H7A3", 0x480, 0x91, {K.WRITE_AFTER_READ, K.SLOW_START}),
    ("F72x", 0x452, 0x90, {K.JITTER}),
    ("F74x", 0x449, 0x70, {K.JITTER}),
    ("F76x", 0x451, 0x93, {K.JITTER}),
    ("F105", 0x418, None, {K.NO_ENTRY, K.SLOW_START}),
    ("L5", 0x472, 0x90, {K.PROTECTION}),
    ("WB5x", 0x495, 0xD5, {K.PROTECTION, K.NO_ENTRY}),
    ("WL", 0x497, 0xC3, {K.PROTECTION}),
]


@pytest.mark.parametrize(("name", "product_id", "version", "kinds"), ROWS)
def test_a_rom_version_has_the_defects_of_its_row_and_no_others(
    name: str, product_id: int, version: int | None, kinds: set[DefectKind]
) -> None:
    assert {defect.kind for defect in defects_of(product_id, version)} == kinds, name


def test_a_rom_of_unknown_version_is_taken_to_have_every_defect_of_its_product_id() -> None:
    kinds = {defect.kind for defect in defects_of(0x413, None)}
    assert kinds == {K.SECOND_NACK, K.SILENT_ADDRESS, K.GO_LEAVES, K.SHORT_READS}


def test_every_defect_is_of_a_chip_in_the_table_and_tells_its_text_and_its_source() -> None:
    for defect in DEFECTS:
        assert set(defect.product_ids) <= set(CHIPS)
        assert defect.text
        assert defect.source


def test_every_kind_of_defect_is_in_the_table() -> None:
    assert {defect.kind for defect in DEFECTS} == set(DefectKind)
