"""The daemon's API as a plain synchronous Python client.

    with Client("unix:///run/user/1000/stmota/stmotad.sock") as client:
        sha256 = client.upload_firmware(Path("fw.bin").read_bytes())
        options = FlashOptions(files=(FlashFile(firmware=sha256, filename="fw.bin"),))
        job = client.start_job(JobRequest(kind=JobKind.FLASH, bridge="lab-esp32", flash=options))
        for event in client.job_events(job.id):
            ...

Every method raises `ClientError`; the object is thread-safe. A stream is left early by its `close()`.
Nothing is drawn or printed here.
"""

import hashlib
from collections.abc import Callable, Generator
from types import TracebackType
from typing import Self, TypeVar
from urllib.parse import quote

import msgspec

from stmota_client.errors import ClientError
from stmota_client.events import EventDecoder, misfit
from stmota_client.streams import Stream
from stmota_client.transport import ANSWER_TIMEOUT_S, Transport
from stmota_protocol.api import (
    ENDED,
    AddBridge,
    Bridge,
    BridgeEvent,
    BridgeGone,
    BridgeKey,
    CertificateAuthority,
    DaemonEvent,
    DaemonGreeting,
    ExportAuthorities,
    ImportAuthorities,
    Job,
    JobChanged,
    JobEvent,
    JobRequest,
    LogRecord,
    MissedEvent,
    NoteEvent,
    PhaseEvent,
    ProblemCode,
    ProgressEvent,
    SecureBridge,
    StateEvent,
)
from stmota_protocol.places import DaemonAddress, parse_daemon_url

T = TypeVar("T")

JOB_EVENTS: EventDecoder[JobEvent] = EventDecoder(StateEvent, PhaseEvent, ProgressEvent, NoteEvent)
LOG_EVENTS: EventDecoder[LogRecord | MissedEvent] = EventDecoder(LogRecord, MissedEvent)
DAEMON_EVENTS: EventDecoder[DaemonEvent] = EventDecoder(BridgeEvent, BridgeGone, JobChanged, MissedEvent)


class Client:
    """One daemon's API. `address` is an address or what `--daemon` takes; no request is made yet."""

    def __init__(self, address: DaemonAddress | str, *, answer_timeout_s: float = ANSWER_TIMEOUT_S) -> None:
        self.address = parse_daemon_url(address) if isinstance(address, str) else address
        self._transport = Transport(self.address, answer_timeout_s)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections; streams that are open in other threads break."""
        self._transport.close()

    def greeting(self) -> DaemonGreeting:
        """Return who answers."""
        return self._get("/v1/greeting", DaemonGreeting)

    def bridges(self) -> list[Bridge]:
        """Return the bridges known now."""
        return self._get("/v1/bridges", list[Bridge])

    def bridge(self, ref: str) -> Bridge:
        """Return one bridge by name or id."""
        return self._get(f"/v1/bridges/{_quoted(ref)}", Bridge)

    def add_bridge(self, bridge: AddBridge) -> Bridge:
        """Add a bridge to the daemon's configuration."""
        return self._ask("POST", "/v1/bridges", Bridge, msgspec.json.encode(bridge))

    def remove_bridge(self, ref: str) -> None:
        """Remove a bridge from the daemon's configuration."""
        self._transport.request("DELETE", f"/v1/bridges/{_quoted(ref)}")

    def bridge_fingerprint(self, ref: str) -> BridgeKey:
        """Ask a bridge for its key's fingerprint; its console shows it, too."""
        return self._get(f"/v1/bridges/{_quoted(ref)}/security", BridgeKey)

    def secure_bridge(self, ref: str, fingerprint: str | None = None) -> BridgeKey:
        """Secure a bridge, if its key has that fingerprint; None renews the certificate of a secured one."""
        body = msgspec.json.encode(SecureBridge(fingerprint=fingerprint))
        return self._ask("POST", f"/v1/bridges/{_quoted(ref)}/security", BridgeKey, body)

    def forget_bridge_security(self, ref: str) -> None:
        """Let the daemon speak to a bridge without TLS again."""
        self._transport.request("DELETE", f"/v1/bridges/{_quoted(ref)}/security")

    def authorities(self) -> list[CertificateAuthority]:
        """Return the daemon's CAs, the one that signs first."""
        return self._get("/v1/ca", list[CertificateAuthority])

    def rotate_authority(self) -> list[CertificateAuthority]:
        """Make a new CA; return all, as they are after the first renewals."""
        return self._ask("POST", "/v1/ca/rotate", list[CertificateAuthority])

    def export_authorities(self, passphrase: str | None) -> bytes:
        """Return a backup of the CAs, as PEM; None: its keys are not encrypted."""
        body = msgspec.json.encode(ExportAuthorities(passphrase=passphrase))
        return self._transport.request("POST", "/v1/ca/export", content=body).content

    def import_authorities(self, request: ImportAuthorities) -> list[CertificateAuthority]:
        """Bring back a backup; return all CAs."""
        body = msgspec.json.encode(request)
        return self._ask("POST", "/v1/ca/import", list[CertificateAuthority], body)

    def upload_firmware(self, data: bytes) -> str:
        """Put an image into the daemon's store unless it is there; return its SHA-256 in hex."""
        sha256 = hashlib.sha256(data).hexdigest()
        path = f"/v1/firmware/{sha256}"
        if self._transport.request("HEAD", path, missing_is_fine=True).status == 404:
            self._transport.request("PUT", path, content=data)
        return sha256

    def download_firmware(self, sha256: str) -> bytes:
        """Return a firmware of the daemon's store, checked against its hash."""
        data = self._transport.request("GET", f"/v1/firmware/{_quoted(sha256)}").content
        if hashlib.sha256(data).hexdigest() != sha256:
            raise ClientError.of(
                ProblemCode.FAILED, f"the firmware {sha256[:12]} came damaged or cut short", "try again"
            )
        return data

    def start_job(self, request: JobRequest) -> Job:
        """Give the daemon a job; it goes on whatever becomes of this client."""
        return self._ask("POST", "/v1/jobs", Job, msgspec.json.encode(request))

    def jobs(self) -> list[Job]:
        """Return the jobs, newest first."""
        return self._get("/v1/jobs", list[Job])

    def job(self, job_id: str) -> Job:
        """Return one job."""
        return self._get(f"/v1/jobs/{_quoted(job_id)}", Job)

    def cancel(self, job_id: str) -> Job:
        """Ask for a job's end; its events tell when it has ended."""
        return self._ask("POST", f"/v1/jobs/{_quoted(job_id)}/cancel", Job)

    def job_events(
        self, job_id: str, after: int | None = None, on_break: Callable[[], None] = lambda: None
    ) -> Generator[JobEvent]:
        """Yield a job's events to its end, from the first or after number `after`.

        A stream that breaks is opened again where it broke, for `streams.RESUME_FOR_S` without news;
        `on_break` hears of it first.
        """
        path = f"/v1/jobs/{_quoted(job_id)}/events"
        stream = Stream(self._transport, path, JOB_EVENTS, after=after, on_break=on_break)
        return stream.read_until(lambda event: isinstance(event, StateEvent) and event.job.state in ENDED)

    def job_trace(self, job_id: str) -> bytes:
        """Return a job's trace as far as it is, as lines of JSON (`stmota_protocol.trace` reads them)."""
        return self._transport.request("GET", f"/v1/jobs/{_quoted(job_id)}/trace").content

    def log(
        self, ref: str, *, lines: int | None = None, follow: bool = False
    ) -> Generator[LogRecord | MissedEvent]:
        """Yield the last `lines` records of a board's log, then, with `follow`, what comes.

        `lines` of None leaves the number to the daemon. A stream that breaks goes on where it broke;
        records that the daemon no longer has are told as a `MissedEvent`.
        """
        parameters: dict[str, str | int] = {"follow": int(follow)}
        if lines is not None:
            parameters["lines"] = lines
        stream = Stream(self._transport, f"/v1/bridges/{_quoted(ref)}/log", LOG_EVENTS, parameters)
        return stream.read_until(_never) if follow else stream.read_to_end()

    def events(self) -> Generator[DaemonEvent]:
        """Yield what happens: all bridges first, then changes. Ends with an error when the stream breaks."""
        return Stream(self._transport, "/v1/events", DAEMON_EVENTS).read_once()

    def shutdown(self) -> None:
        """Ask the daemon to end in order."""
        self._transport.request("POST", "/v1/shutdown")

    def _get(self, path: str, kind: type[T]) -> T:
        return self._ask("GET", path, kind)

    def _ask(self, method: str, path: str, kind: type[T], content: bytes | None = None) -> T:
        answer = self._transport.request(method, path, content=content).content
        try:
            return msgspec.json.decode(answer, type=kind)
        except msgspec.MsgspecError as error:
            raise misfit(error, f"answer to {method} {path}") from error


def _quoted(ref: str) -> str:
    return quote(ref, safe="")


def _never(_event: object) -> bool:
    return False
