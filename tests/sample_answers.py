"""What a daemon says in tests: a greeting, a bridge, a chip, a job and its report."""

import os
import time
from typing import Any

from stmota_protocol.api import (
    API_VERSION,
    Bridge,
    BridgeOrigin,
    BridgeState,
    DaemonGreeting,
    FlashFile,
    FlashOptions,
    FlashReport,
    Job,
    JobKind,
    JobState,
    SecureState,
    TargetInfo,
)


def greeting(
    api_version: tuple[int, int] = API_VERSION, version: str = "0.1.0", age_s: float = 60.0
) -> DaemonGreeting:
    return DaemonGreeting(
        product="stmotad",
        version=version,
        api_version=api_version,
        pid=4711,
        uid=os.geteuid(),
        started_at=time.time() - age_s,
    )


LAB = Bridge(
    id="0011223344556677",
    name="lab-esp32",
    origins=(BridgeOrigin.MDNS,),
    address="192.168.1.20:7820",
    state=BridgeState.IDLE,
    firmware="soft-0.1.0",
    protocol="1.0",
    chip="STM32F103 medium density (0x410)",
    secure=SecureState.PLAIN,
)
LOG = f"/v1/bridges/{LAB.id}/log"
TARGET = TargetInfo(
    product_id=0x410,
    chip="STM32F103 medium density (0x410)",
    family="F1",
    bootloader_version="2.2",
    commands=(0x00, 0x01, 0x02, 0x11, 0x21, 0x31, 0x43, 0x63, 0x73, 0x82, 0x92),
    flash_start=0x0800_0000,
    flash_size=128 * 1024,
    flash_size_source="chip",
    unique_id="066dff485550755187",
    read_protected=False,
    write_protected="",
    boot_options={"nBOOT_SEL": "1"},
    notes=("an x8 clone may have more flash than it says",),
)
REPORT = FlashReport(
    target=TARGET,
    address=0x0800_0000,
    length=65536,
    written=65536,
    erased_units=64,
    verified=True,
    started=True,
    started_evidence="hello from F103",
    seconds=14.25,
    phase_seconds={"erase": 1.0, "write": 7.0, "verify": 6.25},
    bytes_per_s=4599.0,
    line_rate_share=0.876,
    recoveries=0,
)


def job(state: JobState = JobState.RUNNING, kind: JobKind = JobKind.FLASH, **more: Any) -> Job:
    files = (FlashFile(firmware="00" * 32, filename="fw.bin"),)
    options = FlashOptions(files=files) if kind is JobKind.FLASH else None
    return Job(
        id="j1",
        kind=kind,
        bridge=LAB.name,
        bridge_id=LAB.id,
        state=state,
        created_at=1.0,
        flash=options,
        **more,
    )
