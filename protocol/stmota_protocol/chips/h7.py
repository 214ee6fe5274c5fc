"""STM32H7 and H7R/S."""

from stmota_protocol.chips.model import KIB, Bank, Chip, Family, RegisterRead, Units, Variant

_BANK_2_FIXED_1M = Variant(
    flash_size=1024 * KIB,
    banks=(
        Bank(0x0800_0000, 0, (Units(4, 128 * KIB),)),
        Bank(0x0810_0000, 8, (Units(4, 128 * KIB),)),
    ),
    note="bank 2 stays at 0x08100000: a hole from 0x08080000 to 0x080FFFFF",
)

CHIPS = (
    Chip(
        product_id=0x450,
        family=Family.H7,
        label="STM32H74x/H75x",
        devices="STM32H742, H743, H745, H747, H750, H753, H755, H757",
        flash_size_max=2048 * KIB,
        layout=(Units(16, 128 * KIB),),
        bank2_start=0x0810_0000,
        bank2_first_unit=8,
        variants=(_BANK_2_FIXED_1M,),
        ram_size=128 * KIB,
        ram_reserved=16640,
        more_ram=(
            (0x0000_0000, 64 * KIB),
            (0x2400_0000, 512 * KIB),
            (0x3000_0000, 288 * KIB),
            (0x3800_0000, 64 * KIB),
        ),
        option_bytes=((0x5200_201C, 0x5200_2047),),
        system_memory=((0x1FF0_0000, 0x1FF1_E7FF),),
        bootloader_id=0x1FF1_E7FE,
        flash_size_register=0x1FF1_E880,
        unique_id=0x1FF1_E800,
        size_read=RegisterRead(0x1FF1_E880, 2),
        uid_read=RegisterRead(0x1FF1_E800, 12),
        write_alignment=32,
        sources="AN2606, CubeProgDB, probe-rs, CMSIS, OpenOCD, stm32flash0.7, stm32loader",
        disagreement=(
            "write alignment AN2606 8 vs DB/HW 32; stm32flash lists 16x128K without bank split and no "
            "option bytes"
        ),
        notes=(
            "DTCM 0x20000000 128K and AXI SRAM 0x24000000 512K (ROM takes 0x5000 of it); bank 2 "
            "always at 0x08100000 (1M parts have a hole 0x08080000-0x080FFFFF); H750: 1x128K; option "
            "registers from 0x5200201C-0x520020xx (regs)"
        ),
    ),
    Chip(
        product_id=0x483,
        family=Family.H7,
        label="STM32H72x/H73x",
        devices="STM32H723, H725, H730, H733, H735",
        flash_size_max=1024 * KIB,
        layout=(Units(8, 128 * KIB),),
        ram_size=128 * KIB,
        ram_reserved=16640,
        more_ram=(
            (0x0000_0000, 256 * KIB),
            (0x2400_0000, 320 * KIB),
            (0x3000_0000, 32 * KIB),
            (0x3800_0000, 16 * KIB),
        ),
        option_bytes=((0x5200_201C, 0x5200_2047),),
        system_memory=((0x1FF0_0000, 0x1FF1_E7FF),),
        bootloader_id=0x1FF1_E7FE,
        flash_size_register=0x1FF1_E880,
        unique_id=0x1FF1_E800,
        size_read=RegisterRead(0x1FF1_E880, 2),
        uid_read=RegisterRead(0x1FF1_E800, 12),
        write_alignment=32,
        sources="AN2606, CubeProgDB, probe-rs, CMSIS, OpenOCD, stm32loader",
        disagreement="write alignment AN2606 8 vs DB/HW 32; absent from stm32flash",
        notes=(
            "single bank; H730: 1x128K; AXI SRAM 320K with 0x4000 reserved; option registers from "
            "0x5200201C-0x520020xx (regs)"
        ),
    ),
    Chip(
        product_id=0x480,
        family=Family.H7,
        label="STM32H7Ax/H7Bx",
        devices="STM32H7A3, H7B3, H7B0",
        flash_size_max=2048 * KIB,
        layout=(Units(256, 8 * KIB),),
        bank2_start=0x0810_0000,
        bank2_first_unit=128,
        ram_size=128 * KIB,
        ram_reserved=16640,
        more_ram=(
            (0x0000_0000, 64 * KIB),
            (0x2400_0000, 1024 * KIB),
            (0x3000_0000, 128 * KIB),
            (0x3800_0000, 32 * KIB),
        ),
        option_bytes=((0x5200_201C, 0x5200_2047),),
        system_memory=((0x1FF0_0000, 0x1FF1_3FFF),),
        bootloader_id=0x1FF1_3FFE,
        flash_size_register=0x08FF_F80C,
        unique_id=0x08FF_F800,
        size_read=RegisterRead(0x08FF_F80C, 2),
        uid_read=RegisterRead(0x08FF_F800, 12),
        write_alignment=16,
        sources="AN2606, CubeProgDB, probe-rs, CMSIS, OpenOCD, stm32loader",
        disagreement="write alignment AN2606 8 vs DB/HW 16; absent from stm32flash",
        notes=(
            "AXI SRAM 1M, ROM reserves up to 0x24034000; H7B0: 16x8K; startup 545 ms; option "
            "registers from 0x5200201C-0x520020xx (regs)"
        ),
    ),
    Chip(
        product_id=0x485,
        family=Family.H7RS,
        label="STM32H7Rx/H7Sx",
        devices="STM32H7R3, H7R7, H7S3, H7S7",
        flash_size_max=64 * KIB,
        layout=(Units(8, 8 * KIB),),
        ram_size=192 * KIB,
        ram_reserved=0 * KIB,
        more_ram=((0x0000_0000, 192 * KIB), (0x2400_0000, 456 * KIB), (0x3000_0000, 32 * KIB)),
        option_bytes=((0x5200_2200, 0x5200_227F),),
        system_memory=((0x1FF1_8000, 0x1FF1_FFFF),),
        bootloader_id=0x1FF1_FCFE,
        flash_size_register=0x08FF_F80C,
        unique_id=0x08FF_F800,
        size_read=RegisterRead(0x08FF_F80C, 2),
        uid_read=RegisterRead(0x08FF_F800, 12),
        write_alignment=16,
        sources="AN2606, CubeProgDB, probe-rs",
        notes="ROM hole in AXI SRAM 0x24020000-0x24023FFF; program normally lives in external XSPI",
    ),
    Chip(
        product_id=0x47B,
        family=Family.H7,
        label="STM32H7Px",
        devices="STM32H7Pxxx (unreleased)",
        flash_size_max=2048 * KIB,
        layout=(Units(256, 8 * KIB),),
        bank2_start=0x0810_0000,
        bank2_first_unit=128,
        bootloader_id=0x1FF1_9FFE,
        flash_size_register=0x08FF_F80C,
        unique_id=0x08FF_F800,
        size_read=RegisterRead(0x08FF_F80C, 2),
        uid_read=RegisterRead(0x08FF_F800, 12),
        write_alignment=16,
        single_source=True,
        sources="CubeProgDB",
        notes="option registers from 0x52002050-.. (regs)",
    ),
)
