"""STM32G4 and G5."""

from stmota_protocol.chips.model import KIB, Bank, BitIs, Chip, Family, RegisterRead, Units, Variant

_DBANK_OFF = BitIs("DBANK", 0x1FFF_7800, 22, 0)
"""FLASH_OPTR bit 22, 1 from the factory: with 0 the flash is one bank of 4 KiB pages (RM0440 §3.3.1)."""
_DBANK_ON = BitIs("DBANK", 0x1FFF_7800, 22, 1)


def _one_bank(flash_size: int) -> Variant:
    pages = (Units(flash_size // (4 * KIB), 4 * KIB),)
    return Variant(flash_size=flash_size, when=_DBANK_OFF, banks=(Bank(0x0800_0000, 0, pages),))


def _only_bank_1(flash_size: int) -> Variant:
    pages = (Units(flash_size // 2 // (2 * KIB), 2 * KIB),)
    return Variant(
        flash_size=flash_size,
        when=_DBANK_ON,
        banks=(Bank(0x0800_0000, 0, pages),),
        note="bank 2 at 0x08040000, behind a hole, is left out: the data base numbers it in two ways",
    )


CHIPS = (
    Chip(
        product_id=0x468,
        family=Family.G4,
        label="STM32G43x/G44x",
        devices="STM32G431, G441",
        flash_size_max=128 * KIB,
        layout=(Units(64, 2 * KIB),),
        ram_size=22 * KIB,
        ram_reserved=16 * KIB,
        more_ram=((0x1000_0000, 10 * KIB), (0x2000_5800, 10 * KIB)),
        option_bytes=((0x1FFF_7800, 0x1FFF_782F),),
        system_memory=((0x1FFF_0000, 0x1FFF_6FFF),),
        bootloader_id=0x1FFF_6FFE,
        flash_size_register=0x1FFF_75E0,
        unique_id=0x1FFF_7590,
        size_read=RegisterRead(0x1FFF_75E0, 2),
        uid_read=RegisterRead(0x1FFF_7590, 12),
        write_alignment=8,
        sources="AN2606, stm32flash0.7, probe-rs, CubeProgDB, CMSIS, OpenOCD, stm32loader",
        notes="SRAM 16K+6K contiguous, CCM 10K also at 0x20005800",
    ),
    Chip(
        product_id=0x469,
        family=Family.G4,
        label="STM32G47x/G48x",
        devices="STM32G471, G473, G474, G483, G484, G414",
        flash_size_max=512 * KIB,
        layout=(Units(256, 2 * KIB),),
        layout_note="single(DBANK=0):128x4K",
        bank2_start=0x0804_0000,
        bank2_first_unit=128,
        variants=(
            _one_bank(512 * KIB),
            _one_bank(256 * KIB),
            _one_bank(128 * KIB),
            _only_bank_1(256 * KIB),
            _only_bank_1(128 * KIB),
        ),
        ram_size=96 * KIB,
        ram_reserved=16 * KIB,
        more_ram=((0x1000_0000, 32 * KIB), (0x2001_8000, 32 * KIB)),
        option_bytes=((0x1FFF_7800, 0x1FFF_782F), (0x1FFF_F808, 0x1FFF_F82F)),
        system_memory=((0x1FFF_0000, 0x1FFF_6FFF),),
        bootloader_id=0x1FFF_6FFE,
        flash_size_register=0x1FFF_75E0,
        unique_id=0x1FFF_7590,
        size_read=RegisterRead(0x1FFF_75E0, 2),
        uid_read=RegisterRead(0x1FFF_7590, 12),
        write_alignment=8,
        sources="AN2606, stm32flash0.7, probe-rs, CubeProgDB, CMSIS, OpenOCD, stm32loader",
        disagreement="stm32flash treats it as 256x2K single",
        notes=(
            "bank 2 at 0x08040000 (512K parts); read DBANK option bit (default 1); 256K/128K dual "
            "parts: gap until 0x08040000; BL V13.3 cannot boot bank 2 properly"
        ),
    ),
    Chip(
        product_id=0x479,
        family=Family.G4,
        label="STM32G49x/G4Ax",
        devices="STM32G491, G4A1",
        flash_size_max=512 * KIB,
        layout=(Units(256, 2 * KIB),),
        ram_size=112 * KIB,
        ram_reserved=16 * KIB,
        more_ram=((0x1000_0000, 16 * KIB),),
        option_bytes=((0x1FFF_7800, 0x1FFF_782F),),
        system_memory=((0x1FFF_0000, 0x1FFF_6FFF),),
        bootloader_id=0x1FFF_6FFE,
        flash_size_register=0x1FFF_75E0,
        unique_id=0x1FFF_7590,
        size_read=RegisterRead(0x1FFF_75E0, 2),
        uid_read=RegisterRead(0x1FFF_7590, 12),
        write_alignment=8,
        sources="AN2606, stm32flash0.7, probe-rs, CubeProgDB, CMSIS, OpenOCD, stm32loader",
    ),
    Chip(
        product_id=0x44A,
        family=Family.G5,
        label="STM32G55x/G56x",
        devices="STM32G55x, G56x (unreleased)",
        flash_size_max=512 * KIB,
        layout=(Units(64, 8 * KIB),),
        bank2_start=0x0804_0000,
        bank2_first_unit=32,
        bootloader_id=0x0BFA_DAFE,
        flash_size_register=0x08FF_F80C,
        unique_id=0x08FF_F800,
        size_read=RegisterRead(0x08FF_F80C, 2),
        uid_read=RegisterRead(0x08FF_F800, 12),
        write_alignment=16,
        single_source=True,
        sources="CubeProgDB",
        notes="data flash at 0x09000000",
    ),
    Chip(
        product_id=0x44B,
        family=Family.G5,
        label="STM32G53x/G54x",
        devices="STM32G53x, G54x (unreleased)",
        flash_size_max=256 * KIB,
        layout=(Units(32, 8 * KIB),),
        bank2_start=0x0802_0000,
        bank2_first_unit=16,
        bootloader_id=0x0BFA_DAFE,
        flash_size_register=0x08FF_F80C,
        unique_id=0x08FF_F800,
        size_read=RegisterRead(0x08FF_F80C, 2),
        uid_read=RegisterRead(0x08FF_F800, 12),
        write_alignment=16,
        single_source=True,
        sources="CubeProgDB",
        notes="data flash at 0x09000000",
    ),
)
