"""STM32L4, L4+ and L5."""

from stmota_protocol.chips.model import KIB, Bank, BitIs, Chip, Family, RegisterRead, Units, Variant


def _one_bank(flash_size: int, page_size: int, when: BitIs) -> Variant:
    pages = (Units(flash_size // page_size, page_size),)
    return Variant(flash_size=flash_size, when=when, banks=(Bank(0x0800_0000, 0, pages),))


_L4R_2M = BitIs("DBANK", 0x1FF0_0000, 22, 0)
"""FLASH_OPTR bit 22: 0 makes one bank of 8 KiB pages of a 2 MiB part (RM0432 §3.3.1)."""
_L4R_1M = BitIs("DB1M", 0x1FF0_0000, 21, 0)
"""FLASH_OPTR bit 21: the same for a 1 MiB part (RM0432 §3.7.8)."""
_L4P_1M = BitIs("DBANK", 0x1FF0_0000, 22, 0)
"""FLASH_OPTR bit 22: the same for a 1 MiB L4P5/L4Q5 (RM0432 §3.3.1)."""
_L4P_512K = BitIs("DB512K", 0x1FF0_0000, 21, 0)
"""FLASH_OPTR bit 21: the same for a 512 KiB L4P5 (RM0432 §3.7.8)."""
_L5_512K = BitIs("DBANK", 0x4002_2040, 22, 0)
"""FLASH_OPTR bit 22: 0 makes one bank of 4 KiB pages of a 512 KiB part (RM0438 §6.3.1)."""
_L5_256K = BitIs("DB256K", 0x4002_2040, 21, 0)
"""FLASH_OPTR bit 21: the same for a 256 KiB part (RM0438 §6.9.8, OpenOCD; CubeProgDB looks at bit 22)."""

_L47X_DUAL = BitIs("DUALBANK", 0x1FFF_7800, 21, 1)
"""FLASH_OPTR bit 21: splits a 512 or 256 KiB part in two banks (RM0351 §3.3.1)."""


def _bank_2_from_page_256(flash_size: int) -> Variant:
    pages = (Units(flash_size // 2 // (2 * KIB), 2 * KIB),)
    return Variant(
        flash_size=flash_size,
        when=_L47X_DUAL,
        banks=(Bank(0x0800_0000, 0, pages), Bank(0x0800_0000 + flash_size // 2, 256, pages)),
        note="the pages of bank 2 are numbered from 256 whatever its size (CubeProgrammer's data base)",
    )


CHIPS = (
    Chip(
        product_id=0x464,
        family=Family.L4,
        label="STM32L41x/L42x",
        devices="STM32L412, L422",
        flash_size_max=128 * KIB,
        layout=(Units(64, 2 * KIB),),
        ram_size=40 * KIB,
        ram_reserved=8448,
        more_ram=((0x1000_0000, 8 * KIB),),
        option_bytes=((0x1FFF_7800, 0x1FFF_7823),),
        system_memory=((0x1FFF_0000, 0x1FFF_6FFF),),
        bootloader_id=0x1FFF_6FFE,
        flash_size_register=0x1FFF_75E0,
        unique_id=0x1FFF_7590,
        size_read=RegisterRead(0x1FFF_75E0, 2),
        uid_read=RegisterRead(0x1FFF_7590, 12),
        write_alignment=8,
        sources="AN2606, stm32flash0.7, probe-rs, CubeProgDB, CMSIS, OpenOCD, stm32loader",
        disagreement=(
            "reserved RAM AN2606 table 0x2100, AN2606 text 12 KB, stm32flash 0x3100; RAM 32K (table) "
            "/ 40K incl. SRAM2; DB size field 512K (default only); option-byte end 0x23 (DB) vs 0x0F "
            "(stm32flash)"
        ),
        notes="BL V13.1 sends a second ACK after sync",
    ),
    Chip(
        product_id=0x435,
        family=Family.L4,
        label="STM32L43x/L44x",
        devices="STM32L431, L432, L433, L442, L443",
        flash_size_max=256 * KIB,
        layout=(Units(128, 2 * KIB),),
        ram_size=48 * KIB,
        ram_reserved=12544,
        more_ram=((0x1000_0000, 16 * KIB), (0x2000_C000, 16 * KIB)),
        option_bytes=((0x1FFF_7800, 0x1FFF_7823),),
        system_memory=((0x1FFF_0000, 0x1FFF_6FFF),),
        bootloader_id=0x1FFF_6FFE,
        flash_size_register=0x1FFF_75E0,
        unique_id=0x1FFF_7590,
        size_read=RegisterRead(0x1FFF_75E0, 2),
        uid_read=RegisterRead(0x1FFF_7590, 12),
        write_alignment=8,
        sources="AN2606, stm32flash0.7, probe-rs, CubeProgDB, CMSIS, OpenOCD, stm32loader",
        disagreement="stm32flash option end 0x0F",
    ),
    Chip(
        product_id=0x462,
        family=Family.L4,
        label="STM32L45x/L46x",
        devices="STM32L451, L452, L462",
        flash_size_max=512 * KIB,
        layout=(Units(256, 2 * KIB),),
        ram_size=128 * KIB,
        ram_reserved=12544,
        more_ram=((0x1000_0000, 32 * KIB), (0x2002_0000, 32 * KIB)),
        option_bytes=((0x1FFF_7800, 0x1FFF_7823),),
        system_memory=((0x1FFF_0000, 0x1FFF_6FFF),),
        bootloader_id=0x1FFF_6FFE,
        flash_size_register=0x1FFF_75E0,
        unique_id=0x1FFF_7590,
        size_read=RegisterRead(0x1FFF_75E0, 2),
        uid_read=RegisterRead(0x1FFF_7590, 12),
        write_alignment=8,
        sources="AN2606, stm32flash0.7, probe-rs, CubeProgDB, CMSIS, OpenOCD, stm32loader",
        disagreement="stm32flash option end 0x0F",
    ),
    Chip(
        product_id=0x415,
        family=Family.L4,
        label="STM32L47x/L48x",
        devices="STM32L471, L475, L476, L485, L486",
        flash_size_max=1024 * KIB,
        layout=(Units(512, 2 * KIB),),
        layout_note="single on 512K/256K parts (DUALBANK=0)",
        bank2_start=0x0808_0000,
        bank2_first_unit=256,
        variants=(_bank_2_from_page_256(512 * KIB), _bank_2_from_page_256(256 * KIB)),
        ram_size=96 * KIB,
        ram_reserved=12544,
        more_ram=((0x1000_0000, 32 * KIB),),
        option_bytes=((0x1FFF_7800, 0x1FFF_7827), (0x1FFF_F800, 0x1FFF_F827)),
        system_memory=((0x1FFF_0000, 0x1FFF_6FFF),),
        bootloader_id=0x1FFF_6FFE,
        flash_size_register=0x1FFF_75E0,
        unique_id=0x1FFF_7590,
        size_read=RegisterRead(0x1FFF_75E0, 2),
        uid_read=RegisterRead(0x1FFF_7590, 12),
        write_alignment=8,
        sources="AN2606, stm32flash0.7, probe-rs, CubeProgDB, CMSIS, OpenOCD, stm32loader",
        disagreement=(
            "BL 10.x 0x3000 vs 0x3100; option bytes: two blocks (DB) vs one span "
            "0x1FFF7800-0x1FFFF80F (stm32flash)"
        ),
        notes=(
            "bank 2 at 0x08080000; 512K/256K parts: bank 2 at half size when DUALBANK=1; startup 2.56 "
            "s without LSE crystal"
        ),
    ),
    Chip(
        product_id=0x461,
        family=Family.L4,
        label="STM32L496/L4A6",
        devices="STM32L496, L4A6",
        flash_size_max=1024 * KIB,
        layout=(Units(512, 2 * KIB),),
        bank2_start=0x0808_0000,
        bank2_first_unit=256,
        variants=(_bank_2_from_page_256(512 * KIB), _bank_2_from_page_256(256 * KIB)),
        ram_size=256 * KIB,
        ram_reserved=12544,
        more_ram=((0x1000_0000, 64 * KIB), (0x2004_0000, 64 * KIB)),
        option_bytes=((0x1FFF_7800, 0x1FFF_7823), (0x1FFF_F808, 0x1FFF_F823)),
        system_memory=((0x1FFF_0000, 0x1FFF_6FFF),),
        bootloader_id=0x1FFF_6FFE,
        flash_size_register=0x1FFF_75E0,
        unique_id=0x1FFF_7590,
        size_read=RegisterRead(0x1FFF_75E0, 2),
        uid_read=RegisterRead(0x1FFF_7590, 12),
        write_alignment=8,
        sources="AN2606, stm32flash0.7, probe-rs, CubeProgDB, CMSIS, OpenOCD, stm32loader",
        disagreement="option bytes: two blocks (DB) vs one span 0x1FFF7800-0x1FFFF80F (stm32flash)",
    ),
    Chip(
        product_id=0x470,
        family=Family.L4,
        label="STM32L4Rx/L4Sx",
        devices="STM32L4R5/7/9, L4S5/7/9",
        flash_size_max=2048 * KIB,
        layout=(Units(512, 4 * KIB),),
        layout_note="single(DBANK=0):256x8K",
        bank2_start=0x0810_0000,
        bank2_first_unit=256,
        variants=(_one_bank(2048 * KIB, 8 * KIB, _L4R_2M), _one_bank(1024 * KIB, 8 * KIB, _L4R_1M)),
        ram_size=640 * KIB,
        ram_reserved=12800,
        more_ram=((0x1000_0000, 64 * KIB),),
        option_bytes=((0x1FF0_0000, 0x1FF0_0023), (0x1FF0_1008, 0x1FF0_1023)),
        system_memory=((0x1FFF_0000, 0x1FFF_6FFF),),
        bootloader_id=0x1FFF_6FFE,
        flash_size_register=0x1FFF_75E0,
        unique_id=0x1FFF_7590,
        size_read=RegisterRead(0x1FFF_75E0, 2),
        uid_read=RegisterRead(0x1FFF_7590, 12),
        write_alignment=8,
        sources="AN2606, stm32flash0.7, probe-rs, CubeProgDB, CMSIS, OpenOCD, stm32loader",
        disagreement="stm32flash: 1M and 2K pages, option bytes 0x1FFF7800 (both wrong)",
        notes="read DBANK (default 1)",
    ),
    Chip(
        product_id=0x471,
        family=Family.L4,
        label="STM32L4Px/L4Qx",
        devices="STM32L4P5, L4Q5",
        flash_size_max=1024 * KIB,
        layout=(Units(256, 4 * KIB),),
        layout_note="single(DBANK=0):128x8K",
        bank2_start=0x0808_0000,
        bank2_first_unit=128,
        variants=(_one_bank(1024 * KIB, 8 * KIB, _L4P_1M), _one_bank(512 * KIB, 8 * KIB, _L4P_512K)),
        ram_size=320 * KIB,
        ram_reserved=16 * KIB,
        more_ram=((0x1000_0000, 64 * KIB),),
        option_bytes=((0x1FF0_0000, 0x1FF0_0023), (0x1FF0_1000, 0x1FF0_1023)),
        system_memory=((0x1FFF_0000, 0x1FFF_6FFF),),
        bootloader_id=0x1FFF_6FFE,
        flash_size_register=0x1FFF_75E0,
        unique_id=0x1FFF_7590,
        size_read=RegisterRead(0x1FFF_75E0, 2),
        uid_read=RegisterRead(0x1FFF_7590, 12),
        write_alignment=8,
        sources="AN2606, probe-rs, CubeProgDB, CMSIS, OpenOCD, stm32loader",
        disagreement="absent from stm32flash (commented out)",
    ),
    Chip(
        product_id=0x472,
        family=Family.L5,
        label="STM32L552/L562",
        devices="STM32L552, L562",
        flash_size_max=512 * KIB,
        layout=(Units(256, 2 * KIB),),
        layout_note="single(DBANK=0):128x4K",
        bank2_start=0x0804_0000,
        bank2_first_unit=128,
        variants=(_one_bank(512 * KIB, 4 * KIB, _L5_512K), _one_bank(256 * KIB, 4 * KIB, _L5_256K)),
        ram_size=256 * KIB,
        ram_reserved=16 * KIB,
        option_bytes=((0x4002_2040, 0x4002_206F),),
        system_memory=((0x0BF9_0000, 0x0BF9_7FFF),),
        bootloader_id=0x0BF9_7FFE,
        flash_size_register=0x0BFA_05E0,
        unique_id=0x0BFA_0590,
        size_read=RegisterRead(0x0BFA_05E0, 2),
        uid_read=RegisterRead(0x0BFA_0590, 12),
        write_alignment=16,
        sources="AN2606, probe-rs, CubeProgDB, CMSIS, OpenOCD, stm32loader",
        disagreement="write alignment AN2606 16 vs DB/HW 8; absent from stm32flash",
        notes="TZEN: secure alias 0x0C000000; BL V9.0 has TZ limits",
    ),
)
