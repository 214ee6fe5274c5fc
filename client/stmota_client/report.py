"""What a finished job did, in words; only what its report claims."""

from stmota_client.escape import escape
from stmota_client.quantity import address, percent, size
from stmota_protocol.api import FlashReport, Job, TargetInfo


def closing_line(job: Job, report: FlashReport) -> str:
    """Return a flash's last line, escaped: bytes, seconds, bytes per second, share of line rate."""
    name = ", ".join(file.filename for file in job.flash.files if not file.kept) if job.flash else "image"
    parts = [
        f"{job.bridge}: {name}: {report.length} bytes at {address(report.address)} in {report.seconds:.1f} s",
        f"{report.bytes_per_s:.0f} B/s",
        f"{percent(report.line_rate_share)} of line rate",
    ]
    if report.unchanged_units:
        parts.append(_unchanged_text(report))
    if report.kept_bytes:
        parts.append(f"{report.kept_bytes} bytes kept")
    parts.append("verified" if report.verified else "not verified")
    parts.append(_start_text(report))
    if report.recoveries:
        parts.append(f"{report.recoveries} recover{'y' if report.recoveries == 1 else 'ies'}")
    return escape(", ".join(parts))


def target_lines(target: TargetInfo) -> list[str]:
    """Return what a chip said of itself, one fact a line, escaped."""
    flash_size = "unknown" if target.flash_size is None else size(target.flash_size)
    source = {"chip": "read from the chip", "table": "the largest of its kind"}
    rows = {
        "chip": target.chip,
        "family": target.family,
        "product id": f"0x{target.product_id:03x}",
        "bootloader": target.bootloader_version,
        "commands": " ".join(f"0x{command:02x}" for command in target.commands),
        "flash": f"{flash_size} at {address(target.flash_start)}"
        f" ({source.get(target.flash_size_source, target.flash_size_source)})",
        "unique id": target.unique_id or "unknown",
        "read protected": _yes_no(target.read_protected),
        "write protected": "unknown"
        if target.write_protected is None
        else target.write_protected or "nothing",
    }
    lines = [f"{name + ':':<17}{value}" for name, value in rows.items()]
    lines += [f"{'boot option:':<17}{name} = {value}" for name, value in sorted(target.boot_options.items())]
    lines += [f"{'note:':<17}{note}" for note in target.notes]
    return [escape(line) for line in lines]


def _unchanged_text(report: FlashReport) -> str:
    if not report.erased_units:
        return "all of it was there already, nothing erased or written"
    units = f"{report.unchanged_units} of {report.unchanged_units + report.erased_units} erase units"
    return f"{report.unchanged_bytes} bytes ({units}) were there already, {report.written} written"


def _start_text(report: FlashReport) -> str:
    if report.started is False:
        return "not started, as asked"
    if report.started is None:
        return "reset, nothing seen that proves a start"
    return f'started, seen: "{report.started_evidence}"' if report.started_evidence else "started"


def _yes_no(value: bool | None) -> str:
    return "unknown" if value is None else "yes" if value else "no"
