"""Part `virtual`: flashes over round trips up to 200 ms on the virtual clock, exact."""

from bench.image import KIB
from bench.table import Table
from bench.virtual_flash import VirtualFlash, measure

RTTS_MS = (0, 5, 20, 50, 100, 200)
LINES = (("F103xB", 115_200), ("G071", 115_200), ("G071", 921_600), ("H743", 921_600))


def run(*, quick: bool) -> Table:
    """Measure."""
    table = Table(
        "virtual",
        "128 KiB on the virtual clock, RTT ± 20 %, credit 32 KiB",
        ("chip", "baud", "verify", "rtt_ms", "limit_s", "efficiency", "image_only", "job", "job_overhead_s"),
    )
    for chip, baud in LINES[2:3] if quick else LINES:
        for verify in (False, True):
            for rtt_ms in RTTS_MS[::3] if quick else RTTS_MS:
                found = measure(VirtualFlash(chip, baud, rtt_ms / 1000, 128 * KIB, verify))
                efficiencies = found.efficiency, found.image_only_efficiency, found.job_efficiency
                table.add(
                    chip, baud, verify, rtt_ms, found.limit.seconds, *efficiencies, found.overhead_s
                )  # fmt: skip
    table.notes.append(
        "efficiency: limit / time from first erase byte to last ACK (or verified byte), at the edge"
    )
    return table
