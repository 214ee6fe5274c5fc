"""STM32WB0, WL3x and BlueNRG: a bootloader of their own."""

from stmota_protocol.chips.model import KIB, Chip, Dialect, Family, RegisterRead, Units

CHIPS = (
    Chip(
        product_id=0x03B,
        family=Family.WB0,
        label="STM32WB05",
        devices="STM32WB05",
        flash_start=0x1004_0000,
        flash_size_max=192 * KIB,
        layout=(Units(96, 2 * KIB),),
        system_memory=((0x1000_0000, 0x1000_17FF),),
        flash_size_register=0x4000_1014,
        unique_id=0x1000_1EF0,
        uid_read=RegisterRead(0x1000_1EF0, 8),
        uid_words=(0, 4),
        write_alignment=16,
        erase_command=0x43,
        dialect=Dialect.BLUENRG,
        sources="AN2606, CubeProgDB, CMSIS",
        disagreement="write alignment AN2606 4 vs DB 16",
        notes=(
            "not the AN3155 variant: 8N1 (no parity), short PID in third byte of the GET ID reply, no "
            "option bytes / 0x44 / WP commands; entry = PA10 high at hardware reset; FLASHSIZE reg "
            "0x40001014 (DB 0x40001012); ROM uses 3K at the end of the last RAM bank; the size "
            "register cannot be read over UART"
        ),
    ),
    Chip(
        product_id=0x03F,
        family=Family.WB0,
        label="STM32WB06/WB07",
        devices="STM32WB06, WB07",
        flash_start=0x1004_0000,
        flash_size_max=256 * KIB,
        layout=(Units(128, 2 * KIB),),
        system_memory=((0x1000_0000, 0x1000_17FF),),
        flash_size_register=0x4000_1014,
        unique_id=0x1000_1EF0,
        uid_read=RegisterRead(0x1000_1EF0, 8),
        uid_words=(0, 4),
        write_alignment=16,
        erase_command=0x43,
        dialect=Dialect.BLUENRG,
        sources="AN2606, CubeProgDB, CMSIS",
        disagreement="write alignment AN2606 4 vs DB 16",
        notes=(
            "not the AN3155 variant: 8N1 (no parity), short PID in third byte of the GET ID reply, no "
            "option bytes / 0x44 / WP commands; entry = PA10 high at hardware reset; ROM uses 3K at "
            "the end of the last RAM bank; the size register cannot be read over UART"
        ),
    ),
    Chip(
        product_id=0x006,
        family=Family.WB0,
        label="STM32WB09",
        devices="STM32WB09",
        flash_start=0x1004_0000,
        flash_size_max=512 * KIB,
        layout=(Units(256, 2 * KIB),),
        system_memory=((0x1000_0000, 0x1000_17FF),),
        flash_size_register=0x4000_1014,
        unique_id=0x1000_1EF0,
        uid_read=RegisterRead(0x1000_1EF0, 8),
        uid_words=(0, 4),
        write_alignment=16,
        erase_command=0x43,
        dialect=Dialect.BLUENRG,
        sources="AN2606, CubeProgDB, CMSIS",
        disagreement="write alignment AN2606 4 vs DB 16",
        notes=(
            "not the AN3155 variant: 8N1 (no parity), short PID in third byte of the GET ID reply, no "
            "option bytes / 0x44 / WP commands; entry = PA10 high at hardware reset; AN text lists "
            "WB05 BL 2.0/ WB06-07 4.0 / WB09 1.0; ROM uses 3K at the end of the last RAM bank; the "
            "size register cannot be read over UART"
        ),
    ),
    Chip(
        product_id=0x05F,
        family=Family.WB0,
        label="STM32WL3x",
        devices="STM32WL33/WL3x",
        flash_start=0x1004_0000,
        flash_size_max=256 * KIB,
        layout=(Units(128, 2 * KIB),),
        system_memory=((0x1000_0000, 0x1000_17FF),),
        flash_size_register=0x4000_1014,
        unique_id=0x1000_1EF0,
        uid_read=RegisterRead(0x1000_1EF0, 8),
        uid_words=(0, 4),
        write_alignment=16,
        erase_command=0x43,
        dialect=Dialect.BLUENRG,
        sources="AN2606, CubeProgDB, CMSIS",
        disagreement="write alignment AN2606 4 vs DB 16",
        notes=(
            "not the AN3155 variant: 8N1 (no parity), short PID in third byte of the GET ID reply, no "
            "option bytes / 0x44 / WP commands; entry = PA10 high at hardware reset; WL3R 128K; ROM "
            "uses 3K at the end of the last RAM bank; the size register cannot be read over UART"
        ),
    ),
    Chip(
        product_id=0x003,
        family=Family.WB0,
        label="BlueNRG-1",
        devices="BlueNRG-1 (predecessor)",
        flash_start=0x1004_0000,
        flash_size_max=160 * KIB,
        layout=(Units(80, 2 * KIB),),
        system_memory=((0x1000_0000, 0x1000_17FF),),
        flash_size_register=0x4000_1014,
        unique_id=0x1000_1EF0,
        uid_read=RegisterRead(0x1000_1EF0, 8),
        uid_words=(0, 4),
        write_alignment=16,
        erase_command=0x43,
        dialect=Dialect.BLUENRG,
        single_source=True,
        sources="AN2606",
        disagreement="write alignment AN2606 4 vs DB 16",
        notes=(
            "not the AN3155 variant: 8N1 (no parity), short PID in third byte of the GET ID reply, no "
            "option bytes / 0x44 / WP commands; entry = PA10 high at hardware reset; ROM uses 3K at "
            "the end of the last RAM bank; the size register cannot be read over UART"
        ),
    ),
    Chip(
        product_id=0x02F,
        family=Family.WB0,
        label="BlueNRG-2",
        devices="BlueNRG-2 (predecessor)",
        flash_start=0x1004_0000,
        flash_size_max=256 * KIB,
        layout=(Units(128, 2 * KIB),),
        system_memory=((0x1000_0000, 0x1000_17FF),),
        flash_size_register=0x4000_1014,
        unique_id=0x1000_1EF0,
        uid_read=RegisterRead(0x1000_1EF0, 8),
        uid_words=(0, 4),
        write_alignment=16,
        erase_command=0x43,
        dialect=Dialect.BLUENRG,
        single_source=True,
        sources="AN2606",
        disagreement="write alignment AN2606 4 vs DB 16",
        notes=(
            "not the AN3155 variant: 8N1 (no parity), short PID in third byte of the GET ID reply, no "
            "option bytes / 0x44 / WP commands; entry = PA10 high at hardware reset; ROM uses 3K at "
            "the end of the last RAM bank; the size register cannot be read over UART"
        ),
    ),
)
