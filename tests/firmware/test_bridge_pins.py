"""Which pins a bridge may use: the C table against what ESP-IDF's documents say of each chip."""

import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import pytest

HOST_TEST = Path(__file__).parents[2] / "bridge_firmware" / "host_test"
USES = ("tx", "rx", "nrst", "boot0", "direction", "led")


def pins(*ranges: int | tuple[int, int]) -> frozenset[int]:
    spans = [(one, one) if isinstance(one, int) else one for one in ranges]
    return frozenset(chain.from_iterable(range(first, last + 1) for first, last in spans))


@dataclass(frozen=True)
class Facts:
    """ESP-IDF v6.0.2: docs/en/api-reference/peripherals/gpio/CHIP.inc; soc/uart_pins.h for the console."""

    there: frozenset[int]
    strapping: frozenset[int]
    flash: frozenset[int]
    console: frozenset[int]
    usb: frozenset[int] = frozenset()
    input_only: frozenset[int] = frozenset()


FACTS = {
    "esp32": Facts(
        there=pins((0, 19), (21, 23), (25, 27), (32, 39)),
        strapping=pins(0, 2, 5, 12, 15),
        flash=pins((6, 11), 16, 17),
        console=pins(1, 3),
        input_only=pins((34, 39)),
    ),
    "esp32s2": Facts(
        there=pins((0, 21), (26, 46)),
        strapping=pins(0, 45, 46),
        flash=pins((26, 32)),
        console=pins(43, 44),
        usb=pins(19, 20),
    ),
    "esp32s3": Facts(
        there=pins((0, 21), (26, 48)),
        strapping=pins(0, 3, 45, 46),
        flash=pins((26, 37)),
        console=pins(43, 44),
        usb=pins(19, 20),
    ),
    "esp32c3": Facts(
        there=pins((0, 21)),
        strapping=pins(2, 8, 9),
        flash=pins((12, 17)),
        console=pins(20, 21),
        usb=pins(18, 19),
    ),
    "esp32c6": Facts(
        there=pins((0, 30)),
        strapping=pins(4, 5, 8, 9, 15),
        flash=pins((24, 30)),
        console=pins(16, 17),
        usb=pins(12, 13),
    ),
}
STRAPPING = (
    "a strapping pin: its level at the bridge's reset decides how the bridge starts, "
    "and the target would set that level"
)
FACTS["esp32-emac"] = FACTS["esp32"]
# RMII's fixed pins, and the usual MDC and MDIO (ESP32 TRM, IO_MUX: EMAC; ESP-IDF's default configuration).
RMII = pins(0, 18, 19, 21, 22, 23, 25, 26, 27)

TAKEN = "esp32s3, 9 and 48 taken"


@dataclass(frozen=True)
class Table:
    refusals: dict[tuple[str, str, int], str]
    defaults: dict[tuple[str, str], int]


@pytest.fixture(scope="module")
def table(build: Callable[..., Path]) -> Table:
    program = build("pins_tool", HOST_TEST / "pins_tool.c")
    refusals: dict[tuple[str, str, int], str] = {}
    defaults: dict[tuple[str, str], int] = {}
    for line in subprocess.check_output([program], text=True).splitlines():
        chip, use, pin, rest = line.split("\t")
        if use == "default":
            defaults[chip, pin] = int(rest)
        else:
            refusals[chip, use, int(pin)] = rest
    return Table(refusals, defaults)


def test_the_table_has_the_chips_that_the_firmware_is_for(table: Table) -> None:
    assert {chip for chip, _use in table.defaults} == {*FACTS, TAKEN}


@pytest.mark.parametrize("chip", FACTS)
@pytest.mark.parametrize("use", ["nrst", "boot0"])
def test_reset_and_boot0_are_refused_where_the_chip_has_a_use_of_its_own(
    table: Table, chip: str, use: str
) -> None:
    facts = FACTS[chip]
    for pin in facts.strapping | facts.flash | facts.console | facts.usb | facts.input_only:
        assert table.refusals[chip, use, pin] != "", f"GPIO{pin}"


@pytest.mark.parametrize("chip", FACTS)
@pytest.mark.parametrize("use", USES)
def test_a_pin_that_the_chip_has_not_is_refused_for_everything(table: Table, chip: str, use: str) -> None:
    for pin in set(range(60)) - FACTS[chip].there:
        assert table.refusals[chip, use, pin] != "", f"GPIO{pin}"


@pytest.mark.parametrize(
    ("chip", "use", "pin", "why"),
    [
        ("esp32c3", "nrst", 21, "the bridge's own console (UART0)"),
        ("esp32c3", "boot0", 18, "the bridge's USB port"),
        ("esp32", "nrst", 6, "wired to the bridge's own flash or PSRAM"),
        ("esp32", "nrst", 34, "an input only, without a pull-up"),
        ("esp32c3", "nrst", 22, "this chip does not have it"),
        ("esp32", "boot0", 14, "a JTAG pin: pulled up and not quiet while the bridge starts"),
        (
            "esp32",
            "nrst",
            5,
            STRAPPING,
        ),
        ("esp32-emac", "boot0", 23, "wired to the Ethernet PHY"),
    ],
)
def test_a_refusal_says_its_reason(table: Table, chip: str, use: str, pin: int, why: str) -> None:
    assert table.refusals[chip, use, pin] == why


@pytest.mark.parametrize("chip", FACTS)
def test_the_defaults_are_allowed_and_no_pin_is_used_twice(table: Table, chip: str) -> None:
    used = [pin for use in USES if (pin := table.defaults[chip, use]) >= 0]
    assert len(used) == len(set(used))
    for use in USES:
        pin = table.defaults[chip, use]
        assert pin == -1 or table.refusals[chip, use, pin] == ""
    assert all(table.defaults[chip, use] >= 0 for use in ("tx", "rx", "nrst", "boot0"))


@pytest.mark.parametrize("chip", FACTS)
def test_every_pin_without_a_use_of_its_own_can_be_had(table: Table, chip: str) -> None:
    facts = FACTS[chip]
    taken = facts.strapping | facts.flash | facts.console | facts.usb | facts.input_only
    more = {"esp32": pins(13, 14), "esp32-emac": pins(13, 14) | RMII, "esp32c3": pins(11)}
    for pin in facts.there - taken - more.get(chip, frozenset()):
        assert table.refusals[chip, "nrst", pin] == "", f"GPIO{pin}"


def test_an_input_only_pin_can_receive_and_a_strapping_pin_can_light_a_led(table: Table) -> None:
    assert table.refusals["esp32", "rx", 34] == ""
    assert table.refusals["esp32", "tx", 34] != ""
    assert table.refusals["esp32", "led", 2] == ""
    assert table.refusals["esp32", "rx", 2] != ""


def test_the_ethernet_mac_takes_its_pins_from_everything(table: Table) -> None:
    for pin in RMII:
        for use in ("tx", "rx", "nrst", "boot0", "direction"):
            assert table.refusals["esp32-emac", use, pin] != "", f"GPIO{pin} {use}"


def test_pins_that_a_bridge_has_given_to_its_ethernet_chip_are_refused(table: Table) -> None:
    refused = {
        pin
        for pin in FACTS["esp32s3"].there
        if table.refusals[TAKEN, "nrst", pin] != table.refusals["esp32s3", "nrst", pin]
    }
    assert refused == {9, 48}
    assert table.refusals[TAKEN, "led", 48] == "wired to the bridge's Ethernet chip"
