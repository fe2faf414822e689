"""The answer of a Check or a Test: does this address, type and key work, and if not, what to do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """`type` is a failure class, `source` who said so (upstream, gateway, network), `message` what a person reads."""

    type: str
    source: str
    message: str
    remedy: str = ""
    code: str | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """`valid` with a `warning` means: wire and key are right, but something else is in the way now."""

    valid: bool
    diagnosis: Diagnosis
    method: str
    latency_ms: int
    status_code: int | None = None
    error: str | None = None
    warning: str | None = None
    models: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """The JSON of `POST /api/provider-nodes/validate` and `POST /api/providers/{id}/test`."""
        told = self.diagnosis
        return {
            "valid": self.valid,
            "error": self.error,
            "warning": self.warning,
            "method": self.method,
            "diagnosis": {
                "type": told.type,
                "source": told.source,
                "message": told.message,
                "code": told.code,
                "remedy": told.remedy,
            },
            "latencyMs": self.latency_ms,
            "statusCode": self.status_code,
            "models": list(self.models),
        }
