"""Faults as they are written on the command line: `drop-to-chip=1234`, `boot0-unwired`."""

from collections.abc import Callable, Iterable
from dataclasses import replace

from stmota_simulator.errors import BadFault
from stmota_simulator.faults import ByteFault, ByteFaultKind, Direction, Faults, RateFault

SWITCHES = {
    "unpowered": "the board has no supply",
    "boot0-unwired": "BOOT0 stays low, whatever the bridge drives",
    "boot0-high": "BOOT0 stays high, whatever the bridge drives",
    "nrst-unwired": "NRST stays released",
    "nrst-low": "NRST is held low, by a short or a debugger",
    "rx-tx-swapped": "nothing arrives on either side",
    "tx-unwired": "what the bridge sends reaches nobody",
    "rx-unwired": "the bridge hears nothing",
    "rx-low": "the bridge's RX is held low: a short, or inverted levels",
    "tx-rx-shorted": "the bridge hears itself, and nothing of the chip",
    "echoes": "a half-duplex line: the bridge hears itself as well as the chip",
    "parity-lost": "the bridge's UART knows no parity",
}
_SWITCHED: dict[str, Callable[[Faults], Faults]] = {
    "unpowered": lambda faults: replace(faults, is_unpowered=True),
    "boot0-unwired": lambda faults: replace(faults, boot0_unwired=True),
    "boot0-high": lambda faults: replace(faults, boot0_high=True),
    "nrst-unwired": lambda faults: replace(faults, nrst_unwired=True),
    "nrst-low": lambda faults: replace(faults, nrst_low=True),
    "rx-tx-swapped": lambda faults: replace(faults, rx_tx_swapped=True),
    "tx-unwired": lambda faults: replace(faults, tx_unwired=True),
    "rx-unwired": lambda faults: replace(faults, rx_unwired=True),
    "rx-low": lambda faults: replace(faults, rx_low=True),
    "tx-rx-shorted": lambda faults: replace(faults, tx_rx_shorted=True),
    "echoes": lambda faults: replace(faults, echoes=True),
    "parity-lost": lambda faults: replace(faults, parity_lost=True),
}
_KINDS = {
    ByteFaultKind.DROP: "is lost",
    ByteFaultKind.CORRUPT: "has a bit flipped",
    ByteFaultKind.EXTRA: "has a stray 0x00 before it",
}
BYTE_FAULTS = {
    f"{kind.value}-{direction.value}": (kind, direction) for kind in ByteFaultKind for direction in Direction
}
NUMBERS = {
    "mute": "the chip's bytes from the N-th on never arrive",
    "seed": "of the rates; the same one gives the same faults",
}


def faults_help() -> str:
    """One line for each fault that there is."""
    lines = [
        f"{name}=N: the N-th byte {'to the chip' if direction is Direction.TO_CHIP else 'from the chip'} "
        f"{_KINDS[kind]}"
        for name, (kind, direction) in BYTE_FAULTS.items()
    ]
    lines.append("the same with a rate below 1 (drop-to-chip=0.001): each byte with that probability")
    lines += [f"{name}=N: {meaning}" for name, meaning in NUMBERS.items()]
    lines += [f"{name}: {meaning}" for name, meaning in SWITCHES.items()]
    return "\n".join(lines)


def parse_faults(texts: Iterable[str]) -> Faults:
    """Read faults. Raises `BadFault`, whose text lists those that there are."""
    faults = Faults()
    for text in texts:
        faults = _with(faults, text)
    return faults


def _with(faults: Faults, text: str) -> Faults:
    name, equals, value = text.strip().lower().partition("=")
    if name in SWITCHES and not equals:
        return _SWITCHED[name](faults)
    if name == "mute":
        return replace(faults, mute_from=_count(value, text))
    if name == "seed":
        return replace(faults, seed=_count(value, text, least=0))
    if name in BYTE_FAULTS:
        return _with_byte_fault(faults, name, value, text)
    raise _bad(text)


def _with_byte_fault(faults: Faults, name: str, value: str, text: str) -> Faults:
    kind, direction = BYTE_FAULTS[name]
    if "." in value:
        return replace(faults, rates=(*faults.rates, RateFault(kind, direction, _rate(value, text))))
    fault = ByteFault(kind, direction, _count(value, text))
    return replace(faults, bytes=(*faults.bytes, fault))


def _count(value: str, text: str, least: int = 1) -> int:
    if not (value.isascii() and value.isdigit()) or int(value) < least:
        raise _bad(text)
    return int(value)


def _rate(value: str, text: str) -> float:
    try:
        rate = float(value)
    except ValueError:
        raise _bad(text) from None
    if not 0 < rate < 1:
        raise _bad(text)
    return rate


def _bad(text: str) -> BadFault:
    return BadFault(f"{text!r} is no fault; there are:\n{faults_help()}")
