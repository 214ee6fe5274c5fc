"""STM32F7."""

from stmota_protocol.chips.model import KIB, Bank, BitIs, Chip, Family, RegisterRead, Units, Variant

_DUAL = BitIs("nDBANK", 0x1FFF_0008, 13, 0)
"""Option word at 0x1FFF0008 bit 13 (OPTCR bit 29): 0 splits the flash in two banks (RM0410 §3.4.1)."""
_F76X_2M_DUAL = Variant(
    flash_size=2048 * KIB,
    when=_DUAL,
    banks=(
        Bank(0x0800_0000, 0, (Units(4, 16 * KIB), Units(1, 64 * KIB), Units(7, 128 * KIB))),
        Bank(0x0810_0000, 12, (Units(4, 16 * KIB), Units(1, 64 * KIB), Units(7, 128 * KIB))),
    ),
    note="the sectors of bank 2 are numbered from 12",
)
_F76X_1M_DUAL = Variant(
    flash_size=1024 * KIB,
    when=_DUAL,
    banks=(
        Bank(0x0800_0000, 0, (Units(4, 16 * KIB), Units(1, 64 * KIB), Units(3, 128 * KIB))),
        Bank(0x0808_0000, 12, (Units(4, 16 * KIB), Units(1, 64 * KIB), Units(3, 128 * KIB))),
    ),
    note="as the 1 MiB parts of F42x, RM0410 §3.3.2; the ROM's numbers are unverified",
)

CHIPS = (
    Chip(
        product_id=0x452,
        family=Family.F7,
        label="STM32F72x/F73x",
        devices="STM32F722, F723, F732, F733, F730",
        flash_size_max=512 * KIB,
        layout=(
            Units(4, 16 * KIB),
            Units(1, 64 * KIB),
            Units(3, 128 * KIB),
        ),
        ram_size=256 * KIB,
        ram_reserved=16 * KIB,
        more_ram=((0x0000_0000, 16 * KIB),),
        option_bytes=((0x1FFF_0000, 0x1FFF_002B),),
        system_memory=((0x1FF0_0000, 0x1FF0_EDBF),),
        bootloader_id=0x1FF0_EDBE,
        flash_size_register=0x1FF0_7A22,
        unique_id=0x1FF0_7A10,
        size_read=RegisterRead(0x1FF0_7A22, 2),
        uid_read=RegisterRead(0x1FF0_7A10, 12),
        write_alignment=8,
        sources="AN2606, stm32flash0.7, probe-rs, CubeProgDB, CMSIS, stm32loader",
        disagreement=(
            "stm32loader uses 0x1FF0F442 for all F7 (wrong for this PID); DB option bytes end 0x2B, "
            "stm32flash 0x1F"
        ),
        notes="F730x8 and F7x2/3 value parts: 64K (first 4x16K)",
    ),
    Chip(
        product_id=0x449,
        family=Family.F7,
        label="STM32F74x/F75x",
        devices="STM32F745, F746, F756, F750",
        flash_size_max=1024 * KIB,
        layout=(
            Units(4, 32 * KIB),
            Units(1, 128 * KIB),
            Units(3, 256 * KIB),
        ),
        ram_size=320 * KIB,
        ram_reserved=16 * KIB,
        more_ram=((0x0000_0000, 16 * KIB),),
        option_bytes=((0x1FFF_0000, 0x1FFF_002B),),
        system_memory=((0x1FF0_0000, 0x1FF0_EDBF),),
        bootloader_id=0x1FF0_EDBE,
        flash_size_register=0x1FF0_F442,
        unique_id=0x1FF0_F420,
        size_read=RegisterRead(0x1FF0_F442, 2),
        uid_read=RegisterRead(0x1FF0_F420, 12),
        write_alignment=8,
        sources="AN2606, stm32flash0.7, probe-rs, CubeProgDB, CMSIS, stm32loader",
        disagreement="option-bytes end 0x2B (DB) vs 0x1F (stm32flash)",
        notes="F750x8: 64K (2x32K); also mapped at ITCM 0x00200000",
    ),
    Chip(
        product_id=0x451,
        family=Family.F7,
        label="STM32F76x/F77x",
        devices="STM32F765, F767, F769, F777, F779",
        flash_size_max=2048 * KIB,
        layout=(
            Units(4, 32 * KIB),
            Units(1, 128 * KIB),
            Units(7, 256 * KIB),
        ),
        layout_note="dual(nDBANK=0):2x(4x16K,1x64K,7x128K)",
        variants=(_F76X_2M_DUAL, _F76X_1M_DUAL),
        ram_size=512 * KIB,
        ram_reserved=16 * KIB,
        more_ram=((0x0000_0000, 16 * KIB),),
        option_bytes=((0x1FFF_0000, 0x1FFF_002B),),
        system_memory=((0x1FF0_0000, 0x1FF0_EDBF),),
        bootloader_id=0x1FF0_EDBE,
        flash_size_register=0x1FF0_F442,
        unique_id=0x1FF0_F420,
        size_read=RegisterRead(0x1FF0_F442, 2),
        uid_read=RegisterRead(0x1FF0_F420, 12),
        write_alignment=8,
        sources="AN2606, stm32flash0.7, probe-rs, CubeProgDB, CMSIS, stm32loader",
        disagreement="stm32flash knows only the single-bank layout",
        notes="layout follows option bit nDBANK; must read option bytes",
    ),
)
