"""The known defects of ST's ROM bootloaders, as reviewable literals."""

from stmota_protocol.chips.defects import Defect, DefectKind

K = DefectKind
_ONE_PAGE_US = 40_000
"""G07x: one page's longest erase (AN2606)."""
_ONE_SECTOR_US = 6_000_000
"""H74x: one sector's longest erase, 4 s (DS12110 tables 43 and 53), and half of it again."""


def _d(
    product_ids: int | tuple[int, ...], versions: tuple[int, ...] | None, kind: DefectKind, text: str
) -> Defect:
    ids = (product_ids,) if isinstance(product_ids, int) else product_ids
    return Defect(ids, None if versions is None else frozenset(versions), kind, text)


_TWO_NACKS = "READ and WRITE are refused by two NACKs while read-protected"
_SILENT = "a bad address is not refused: the next bytes are taken for a command"
_CLOCKS = "GO leaves AHB1ENR 0: the application must turn on its clocks (GPIO, CCM where there is one)"
_HANGS = "empty flash and a reset hang the chip until a power cycle"
_JITTER = "115200 baud may fail by jitter of up to 6 %: 57600 is safer"

DEFECTS: tuple[Defect, ...] = (
    _d(0x440, (0x21,), K.SECOND_NACK, f"bootloader V2.1: {_TWO_NACKS}"),
    _d(0x411, (0x20, 0x32), K.SILENT_ADDRESS, f"bootloader V2.0/V3.2: {_SILENT}"),
    _d(0x411, (0x33,), K.SECOND_NACK, f"bootloader V3.3: {_TWO_NACKS}"),
    _d(0x413, (0x30,), K.SILENT_ADDRESS, f"bootloader V3.0: {_SILENT}"),
    _d(0x413, (0x31, 0x90), K.SECOND_NACK, f"bootloader V3.1/V9.0: {_TWO_NACKS}"),
    _d(0x413, (0x31, 0x90), K.GO_LEAVES, "bootloader V3.1/V9.0: GO leaves the CCM's clock off (AHB1ENR)"),
    _d((0x423, 0x433, 0x458, 0x431), None, K.GO_LEAVES, _CLOCKS),
    _d(0x441, (0x90, 0x91), K.GO_LEAVES, f"bootloader V9.0/V9.1: {_CLOCKS}"),
    _d(0x463, (0x90,), K.GO_LEAVES, f"bootloader V9.0: {_CLOCKS}"),
    _d(0x419, (0x70, 0x90, 0x91), K.GO_LEAVES, f"bootloader V7.0/V9.0/V9.1: {_CLOCKS}"),
    _d(0x423, None, K.PROTECTION, "write or readout unprotect does not reset SPRMOD (PCROP)"),
    _d(0x416, (0x20,), K.SILENT_ADDRESS, f"bootloader V2.0: {_SILENT}"),
    _d(0x436, (0x45, 0x42), K.SECOND_NACK, f"bootloader V4.5/V4.2: {_TWO_NACKS}"),
    _d(0x436, (0x45, 0x42), K.NO_ENTRY, "dual-bank boot misjudges a stack that begins at the end of RAM"),
    _d(0x437, (0x40,), K.SECOND_NACK, f"bootloader V4.0: {_TWO_NACKS}"),
    _d(0x425, None, K.RAM, "RAM can be neither read nor written by the host"),
    Defect(
        (0x417,),
        frozenset((0xC0,)),
        K.SHORT_READS,
        "bootloader V12.0 refuses to read the two bytes of the flash size alone",
        "stm32loader issue 61",
    ),
    Defect(
        (0x413, 0x419, 0x423, 0x433, 0x431, 0x458, 0x441, 0x421, 0x434, 0x463),
        None,
        K.SHORT_READS,
        "some ROMs refuse to read the two bytes of the flash size alone",
        "stm32loader issue 25",
    ),
    _d(0x464, (0xD1,), K.SECOND_ACK, "bootloader V13.1 acknowledges 0x7F twice"),
    _d(0x435, (0x91,), K.GO_LEAVES, "bootloader V9.1: GO clears RTCAPBEN, the RTC's clock enable"),
    _d(0x415, (0x90, 0xA1), K.RAM, "bootloader V9.0/V10.1 corrupts writes to RAM"),
    _d(0x415, None, K.SLOW_START, "without an LSE crystal the ROM takes 2.56 s to start"),
    _d(0x460, (0xB2,), K.PROTECTION, "bootloader V11.2 does not reload option bytes over USART"),
    Defect(
        (0x460,),
        frozenset((0xB3,)),
        K.ONE_UNIT_ERASES,
        "bootloader V11.3 erases several pages in one command wrongly: pages are erased one by one",
        pause_us=_ONE_PAGE_US,
    ),
    _d(0x460, (0xB3,), K.EMPTY_FLAG, "bootloader V11.3 clears the empty-check flag when it starts"),
    _d(
        0x467,
        (0xD0, 0x92),
        K.ONE_UNIT_ERASES,
        "bootloader V13.0/V9.2 fails to erase several pages of bank 2: pages are erased one by one",
    ),
    _d(0x467, (0xD0, 0x92), K.EMPTY_FLAG, "bootloader V13.0/V9.2 clears the empty-check flag at its start"),
    _d(0x467, (0x92,), K.GO_LEAVES, "bootloader V9.2: GO disables debug"),
    _d(0x44C, (0xB0,), K.EMPTY_HANGS, f"bootloader V11.0: {_HANGS}"),
    _d(0x493, (0xD1,), K.EMPTY_HANGS, f"bootloader V13.1: {_HANGS}"),
    _d(0x44D, None, K.EMPTY_HANGS, f"bootloader V18.1: {_HANGS}"),  # 18.1 does not fit a byte: for all
    _d(0x459, (0xB1,), K.EMPTY_HANGS, f"bootloader V11.1: {_HANGS}"),
    _d(0x474, (0xE1,), K.NO_ENTRY, "bootloader V14.1 crashes at HDPL 3 from product state Provisioned on"),
    _d(0x484, (0xE3, 0xE4), K.NO_ENTRY, "bootloader V14.3/V14.4 crashes at HDPL 3 with TrustZone"),
    _d(0x484, (0xE4,), K.ELSEWHERE, "bootloader V14.4 fails to erase data flash on parts with 1 MiB"),
    _d(0x478, (0xE0,), K.ELSEWHERE, "bootloader V14.0 mistakes the package: its I2C and I3C pins are wrong"),
    _d(0x466, (0x51, 0x52), K.NO_ENTRY, "bootloader V5.1/V5.2 hangs while PA3 is low"),
    _d(0x456, (0x50,), K.JITTER, "bootloader V5.0 measures the baud with jitter: 57600 is safer"),
    _d(0x469, (0xD3,), K.NO_ENTRY, "bootloader V13.3 does not boot bank 2 properly"),
    _d(0x450, (0x90, 0x91), K.GO_FIRST_ACK, "bootloader V9.0/V9.1 sends GO's first ACK never"),
    _d(0x450, (0x90,), K.MISCOUNTED_GET, "bootloader V9.0: GET announces two bytes more than it sends"),
    Defect(
        (0x450,),
        frozenset((0x90, 0x91)),
        K.EARLY_ERASE_ACK,
        "bootloader V9.0/V9.1 acknowledges erases in bank 2 too early",
        pause_us=_ONE_SECTOR_US,
        pause_from=0x0810_0000,
    ),
    _d(0x450, (0x90, 0x91), K.NO_ENTRY, "bootloader V9.0/V9.1 does not start while PB15 is low"),
    _d(0x450, (0x90, 0x91), K.GO_STACK, "bootloader V9.0/V9.1: GO wants a stack below the end of RAM - 16"),
    _d(0x450, (0xD2, 0xD3), K.GO_DEAD, "bootloader V13.2/V13.3: GO does not work"),
    _d(0x450, (0xD2, 0xD3), K.BANK_ERASE, "bootloader V13.2/V13.3: bank erase does not work"),
    Defect(
        (0x483,),
        frozenset((0x92,)),
        K.WRITE_AFTER_READ,
        "bootloader V9.2: a write that follows a read loses its first 32 bytes",
        "AN2606; community.st.com threads 622483 and 795174 (STM32H723)",
    ),
    _d(0x480, (0x91,), K.WRITE_AFTER_READ, "bootloader V9.1 may lose data of a write that follows a read"),
    _d(0x480, None, K.SLOW_START, "the ROM takes 0.55 s to start"),
    _d((0x449, 0x451, 0x452), None, K.JITTER, _JITTER),
    _d(0x418, None, K.NO_ENTRY, "parts with a date code before 937 have an unusable bootloader"),
    _d(0x418, None, K.SLOW_START, "PA9 high (VBUS) delays the ROM's start and its answer to 0x7F"),
    _d(0x472, (0x90,), K.PROTECTION, "bootloader V9.0 has limits with TrustZone"),
    _d(0x495, (0xD5,), K.PROTECTION, "bootloader V13.5: removing readout protection wants a power cycle"),
    _d(0x495, (0xD5,), K.NO_ENTRY, "bootloader V13.5: repeated resets give UART errors (FUS 1.0.1 mends it)"),
    _d(0x497, None, K.PROTECTION, "the option words FLASH_SFR and FLASH_SRRVR cannot be read or written"),
)
"""Protocol facts §6, in its order."""


def defects_of(product_id: int, version: int | None) -> tuple[Defect, ...]:
    """Return the defects of a product id's ROM with that version byte; None: all that it may have."""
    return tuple(defect for defect in DEFECTS if defect.holds_for(product_id, version))
