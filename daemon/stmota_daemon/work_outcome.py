"""What a job brought back."""

from dataclasses import dataclass

from stmota_protocol.api import DoctorReport, FlashReport, JobResult, TargetInfo


@dataclass(frozen=True, slots=True)
class WorkOutcome:
    """What a job brought back."""

    report: FlashReport | None = None
    target: TargetInfo | None = None
    result: JobResult | None = None
    doctor: DoctorReport | None = None

    @property
    def found(self) -> TargetInfo | None:
        """The chip that was found, if the job looked."""
        return self.report.target if self.report else self.target
