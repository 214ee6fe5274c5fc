"""UF2 family ids: Microsoft's list, utils/uf2families.json of the UF2 specification's repository.

STM32 families by the names that `Family` has; of the others those that people are likely to mix up. C0, U0,
U3, U5, H7RS, WBA and the newer ones have no id of their own there (as of 2026).
"""

from stmota_protocol.chips.model import Family

STM32: dict[int, Family] = {
    0x647824B6: Family.F0,
    0x5EE21072: Family.F1,
    0x5D1A0A2E: Family.F2,
    0x6B846188: Family.F3,
    0x57755A57: Family.F4,
    0x6D0922FA: Family.F4,  # listed as STM32F407
    0x8FB060FE: Family.F4,  # listed as STM32F407VG
    0x06D1097B: Family.F4,  # listed as STM32F411xC
    0x2DC309C5: Family.F4,  # listed as STM32F411xE
    0x53B80F00: Family.F7,
    0x300F5633: Family.G0,
    0x4C71240A: Family.G4,
    0x4E8F1C5D: Family.H5,
    0x6DB66082: Family.H7,
    0x202E3A91: Family.L0,
    0x1E1F432D: Family.L1,
    0x00FF6919: Family.L4,
    0x04240BDF: Family.L5,
    0x70D16653: Family.WB,
    0x21460FF0: Family.WL,
}
OTHERS: dict[int, str] = {
    0x16573617: "ATmega32",
    0x1851780A: "SAML21",
    0x68ED2B88: "SAMD21",
    0x55114460: "SAMD51",
    0x1B57745F: "nRF52",
    0x72721D4E: "nRF52832xxAA",
    0x6F752678: "nRF52832xxAB",
    0x621E937A: "nRF52833",
    0xADA52840: "nRF52840",
    0x1C5F21B0: "ESP32",
    0xBFDD4EEE: "ESP32-S2",
    0xC47E5767: "ESP32-S3",
    0xD42BA06C: "ESP32-C3",
    0x2B88D29C: "ESP32-C2",
    0x540DDF62: "ESP32-C6",
    0x332726F6: "ESP32-H2",
    0x3D308E94: "ESP32-P4",
    0x7EAB61ED: "ESP8266",
    0xE48BFF56: "RP2040",
    0x2ABC77EC: "LPC55xx",
    0x4FB2D5BD: "i.MX RT10xx",
    0x7F83E793: "KL32L2x",
    0x31D228C6: "GD32F350",
    0x9AF03E33: "GD32VF103",
    0xA0C97B8E: "AT32F415",
    0x699B62EC: "CH32V",
}
