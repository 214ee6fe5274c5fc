"""The messages of the daemon's HTTP API, as typed JSON (msgspec), and what each failure means.

Times are seconds since the epoch unless a name says otherwise; sizes are bytes. A message may gain
fields; a client ignores those it does not know. The routes stand in docs/api.md and the daemon's
`/v1/openapi.json`.

Here are the names that every job and every client meets. What single kinds of job are asked for and bring
back stands in `chip_work` and `bridge_work`.
"""

from stmota_protocol.api.bridges import (
    AddBridge,
    Bridge,
    BridgeOrigin,
    BridgeState,
    NetworkPlace,
    SecureState,
    SerialPlace,
)
from stmota_protocol.api.doctor import DoctorCheck, DoctorReport
from stmota_protocol.api.events import (
    BridgeEvent,
    BridgeGone,
    DaemonEvent,
    JobChanged,
    JobEvent,
    LogRecord,
    MissedEvent,
    NoteEvent,
    PhaseEvent,
    ProgressEvent,
    StateEvent,
)
from stmota_protocol.api.flash import FlashFile, FlashOptions, FlashReport
from stmota_protocol.api.greeting import API_VERSION, DaemonGreeting
from stmota_protocol.api.jobs import ENDED, Job, JobKind, JobOptions, JobRequest, JobResult, JobState, Phase
from stmota_protocol.api.problems import EXIT_CODES, ExitCode, Problem, ProblemCode
from stmota_protocol.api.security import (
    BridgeKey,
    CertificateAuthority,
    ExportAuthorities,
    ImportAuthorities,
    SecureBridge,
    SecuredBridge,
)
from stmota_protocol.api.target import TargetInfo

__all__ = [
    "API_VERSION",
    "ENDED",
    "EXIT_CODES",
    "AddBridge",
    "Bridge",
    "BridgeEvent",
    "BridgeGone",
    "BridgeKey",
    "BridgeOrigin",
    "BridgeState",
    "CertificateAuthority",
    "DaemonEvent",
    "DaemonGreeting",
    "DoctorCheck",
    "DoctorReport",
    "ExitCode",
    "ExportAuthorities",
    "FlashFile",
    "FlashOptions",
    "FlashReport",
    "ImportAuthorities",
    "Job",
    "JobChanged",
    "JobEvent",
    "JobKind",
    "JobOptions",
    "JobRequest",
    "JobResult",
    "JobState",
    "LogRecord",
    "MissedEvent",
    "NetworkPlace",
    "NoteEvent",
    "Phase",
    "PhaseEvent",
    "Problem",
    "ProblemCode",
    "ProgressEvent",
    "SecureBridge",
    "SecureState",
    "SecuredBridge",
    "SerialPlace",
    "StateEvent",
    "TargetInfo",
]
