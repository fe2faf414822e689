"""One entry per request, settled exactly once, whatever happens to it; settling writes the log row."""

from __future__ import annotations

from typing import Any

from omniroute.clock import Clock
from omniroute.errors import AttemptNote, Problem
from omniroute.formats.ir import Usage
from omniroute.relay.ask import Ask
from omniroute.routing.candidates import Candidate
from omniroute.routing.failures import Failure
from omniroute.routing.resolve import Resolution
from omniroute.security.redaction import redact
from omniroute.usage.log_queue import LogQueue

CLIENT_GONE = 499  # nginx's number for a client that left; never sent
SHOWN_ATTEMPTS = 30


class Ledger:
    """Opens entries. `queue` takes the rows of settled ones."""

    def __init__(self, queue: LogQueue, clock: Clock) -> None:
        self._queue = queue
        self._clock = clock

    def open(self, ask: Ask) -> Entry:
        return Entry(ask, self._queue, self._clock)

    def drain(self) -> None:
        """Write every settled row now."""
        self._queue.drain()

    def refused(self, row: dict[str, Any]) -> None:
        """A request that never became an `Ask`: no key, no JSON, too large. `row` holds what is known."""
        self._queue.put({"at": self._clock.now(), "usage_source": "absent", **row})


class Entry:
    """What is known of a request so far. `settle` counts once; later calls change nothing."""

    def __init__(self, ask: Ask, queue: LogQueue, clock: Clock) -> None:
        self.ask = ask
        self._queue = queue
        self._clock = clock
        self._at = clock.now()
        self._attempts: list[dict[str, Any]] = []
        self._began = 0.0
        self.candidate: Candidate | None = None
        self.reason, self.strategy, self.combo = "", "priority", ""
        self.attempt_at = 0.0  # when the running attempt began, epoch seconds
        self.first_at: float | None = None
        self._sent_at: float | None = None
        self.usage: Usage | None = None
        self.finish: str | None = None
        self.dropped: tuple[str, ...] = ()
        self.media: dict[str, str] = {}  # headers that belong to a body which is passed through
        self.upstream_request_id: str | None = None
        self.settled = False

    @property
    def attempts(self) -> int:
        return len(self._attempts)

    @property
    def decision(self) -> str:
        """For `X-OmniRoute-Decision`."""
        return f"strategy={self.strategy}; reason={self.reason}; attempts={self.attempts}"

    def routed(self, resolution: Resolution) -> None:
        """Who may answer, and why."""
        self.reason, self.strategy, self.combo = resolution.reason, resolution.route.strategy, resolution.route.combo

    def trying(self, candidate: Candidate, dropped: tuple[str, ...]) -> None:
        self.candidate, self.dropped = candidate, dropped
        self._began, self.attempt_at = self._clock.tick(), self._clock.now()
        self.usage = self.finish = None
        self._attempts.append(
            {
                "target": candidate.target.shown,
                "connection": candidate.connection.name,
                "status": None,
                "class": "running",
                "message": "",
                "detail": "",
                "ms": 0,
            }
        )

    def sent(self) -> None:
        """The first request goes out now."""
        if self._sent_at is None:
            self._sent_at = self._clock.tick()

    @property
    def overhead_ms(self) -> float:
        """The gateway's own part so far: up to the first request, and since the answer began."""
        now = self._clock.tick()
        return 1000 * ((self._sent_at or now) - self.ask.started + now - (self.first_at or now))

    @property
    def attempt_first_ms(self) -> float | None:
        """How long the first content of the attempt took; None while there is none."""
        return None if self.first_at is None else 1000 * (self.first_at - self._began)

    def answered(self, status: int) -> None:
        """The attempt that is running has given its answer."""
        self._close_attempt(status, "ok", "", "")

    def failed(self, failure: Failure) -> None:
        self._close_attempt(failure.upstream_status, failure.kind, failure.message, failure.detail)

    def content(self) -> None:
        """The first content has come."""
        if self.first_at is None:
            self.first_at = self._clock.tick()

    def notes(self) -> tuple[AttemptNote, ...]:
        """The attempts as the client may see them."""
        return tuple(
            AttemptNote(each["target"], each["status"], each["class"], redact(each["message"])[:300], each["ms"])
            for each in self._attempts[:SHOWN_ATTEMPTS]
        )

    def settle(self, status: int, kind: str = "ok", message: str = "", remedy: str = "") -> None:
        """Count the request: `status` is what the client got, `kind` "ok" or a failure class."""
        if self.settled:
            return
        self.settled = True
        if self._attempts and self._attempts[-1]["class"] == "running":
            self._close_attempt(None, kind if kind != "ok" else "interrupted", message, "")
        self._queue.put(self._row(status, kind, message, remedy))

    def settle_problem(self, problem: Problem) -> None:
        self.settle(problem.status, problem.kind, problem.message, problem.remedy)

    def _close_attempt(self, status: int | None, kind: str, message: str, detail: str) -> None:
        ms = round((self._clock.tick() - self._began) * 1000)
        self._attempts[-1].update({"status": status, "class": kind, "message": message, "detail": detail, "ms": ms})

    def _row(self, status: int, kind: str, message: str, remedy: str) -> dict[str, Any]:
        ask, usage, key = self.ask, self.usage, self.ask.key
        row: dict[str, Any] = {
            "id": ask.request_id,
            "at": self._at,
            "method": "POST",
            "path": ask.endpoint,
            "endpoint": ask.endpoint,
            "format": ask.format,
            "streamed": ask.stream,
            "requested_model": ask.model[:300],
            "key_id": key.id if key else None,
            "key_name": key.name if key else None,
            "status": status,
            "kind": kind,
            "message": message,
            "remedy": remedy,
            "usage_source": _usage_source(usage, kind),
            "first_ms": self._ms(self.first_at),
            "total_ms": self._ms(self._clock.tick()),
            "attempts": self._attempts,
            "decision": self.decision,
            "finish": self.finish,
            "upstream_request_id": self.upstream_request_id,
            "dropped": list(self.dropped),
            "client": "" if ask.no_log else ask.headers.get("user-agent", "")[:200],
        }
        if usage is not None:
            row |= {
                "input_tokens": usage.input,
                "output_tokens": usage.output,
                "cached_tokens": usage.cached,
                "cache_write_tokens": usage.cache_write,
                "reasoning_tokens": usage.reasoning,
            }
        if self.candidate is not None:
            target, connection = self.candidate.target, self.candidate.connection
            row |= {
                "provider_id": target.provider.id,
                "provider_prefix": target.provider.prefix,
                "upstream_model": target.model,
                "canonical_model": target.canonical,
                "connection_id": connection.id,
                "connection_name": connection.name,
            }
        return row

    def _ms(self, at: float | None) -> int | None:
        return None if at is None else round((at - self.ask.started) * 1000)


def _usage_source(usage: Usage | None, kind: str) -> str:
    if usage is None or (usage.input is None and usage.output is None):
        return "absent"
    return "reported" if kind == "ok" else "partial"
