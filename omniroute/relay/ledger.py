"""One entry per request, settled exactly once, whatever happens to it; settling makes the log row and what it cost."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

import orjson

from omniroute.clock import Clock
from omniroute.errors import WENT_WRONG, AttemptNote, Problem, RequestError
from omniroute.formats.estimate import estimate_tokens
from omniroute.formats.ir import Usage
from omniroute.prices.price import Price, cost
from omniroute.relay.ask import Ask
from omniroute.relay.bodies import Tap
from omniroute.relay.sent import Sent
from omniroute.routing.candidates import Candidate
from omniroute.routing.configuration import Configuration
from omniroute.routing.cost import price_at
from omniroute.routing.failures import Failure
from omniroute.routing.resolve import Resolution
from omniroute.security.redaction import redact
from omniroute.usage.journal import INTERRUPTED, Record
from omniroute.usage.log_queue import LogQueue
from omniroute.usage.tickets import Ticket

CLIENT_GONE = 499  # nginx's number for a client that left; never sent
SHOWN_ATTEMPTS = 30
LONGEST_CLIENT = 600  # characters of a User-Agent, or of a name, that are looked at

Observer = Callable[[Mapping[str, Any]], None]  # is shown every row, and neither raises nor waits


@lru_cache(maxsize=512)
def client_shown(agent: str) -> str:
    """A `User-Agent` as a row keeps it: some put their key there. Clients are few, so each is looked through once."""
    return redact(agent)[:200]


@lru_cache(maxsize=2048)
def model_shown(model: str) -> str:
    """The name that was asked for as a row keeps it: whoever mixes up two settings sends a key for a name."""
    return redact(model)[:300]


class Ledger:
    """Opens entries. `queue` takes the records of settled ones; `observers` see their rows at once."""

    def __init__(self, queue: LogQueue, clock: Clock, observers: tuple[Observer, ...] = ()) -> None:
        self._queue = queue
        self._clock = clock
        self._observers = observers

    def open(self, ask: Ask) -> Entry:
        return Entry(ask, self._put, self._clock)

    @property
    def waiting(self) -> int:
        """How many of this worker's requests are over and not yet written."""
        return len(self._queue)

    @property
    def dropped(self) -> int:
        """How many of them this worker had no room for."""
        return self._queue.dropped

    def drain(self) -> None:
        """Write every settled row now."""
        self._queue.drain()

    def refused(self, row: dict[str, Any]) -> None:
        """A request that never became an `Ask`: no key, no JSON, too large. `row` holds what is known."""
        self._put(Record({"at": self._clock.now(), "usage_source": "absent", **row}))

    def _put(self, record: Record, parent: str | None = None) -> None:
        """`parent` is the caller's `traceparent`: for observers alone, it stands in no row."""
        self._queue.put(record)
        seen = record.row if parent is None else {**record.row, "traceparent": parent}
        for observe in self._observers:
            observe(seen)


class Entry:
    """What is known of a request so far. `settle` counts once; later calls change nothing."""

    def __init__(self, ask: Ask, put: Callable[[Record, str | None], None], clock: Clock) -> None:
        self.ask = ask
        self._put = put
        self._clock = clock
        self.at = clock.now() - (clock.tick() - ask.started)  # when it came in: its body has been read since
        self.ticket: Ticket | None = None
        self.tap: Tap | None = None  # where bodies are kept
        self.outflow = Sent()
        self.whole_tokens: int | None = None  # of an answer that came whole without usage, estimated
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
        self._configuration: Configuration | None = None
        self._priced: tuple[Candidate, Price | None] | None = None

    @property
    def attempts(self) -> int:
        return len(self._attempts)

    @property
    def decision(self) -> str:
        """For `X-OmniRoute-Decision`."""
        return f"strategy={self.strategy}; reason={self.reason}; attempts={self.attempts}"

    def routed(self, resolution: Resolution, configuration: Configuration) -> None:
        """Who may answer, and why."""
        self.reason, self.strategy, self.combo = resolution.reason, resolution.route.strategy, resolution.route.combo
        self._configuration = configuration
        self.tap = Tap.wanted(self.ask, configuration.settings)

    def trying(self, candidate: Candidate, dropped: tuple[str, ...]) -> None:
        self.candidate, self.dropped = candidate, dropped
        self._began, self.attempt_at = self._clock.tick(), self._clock.now()
        self.usage = self.finish = None
        self._attempts.append(
            {
                "target": candidate.target.shown,
                "connection": candidate.connection.name,
                "at_ms": self._ms(self._began),
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
    def upstream_ms(self) -> float:
        """From the first request to the beginning of the answer: the upstream's time, and that of targets that failed."""
        return 0.0 if self._sent_at is None or self.first_at is None else 1000 * (self.first_at - self._sent_at)

    @property
    def attempt_first_ms(self) -> float | None:
        """How long the first content of the attempt took; None while there is none."""
        return None if self.first_at is None else 1000 * (self.first_at - self._began)

    def answered(self, status: int) -> None:
        """The attempt that is running has given its answer."""
        self._close_attempt(status, "ok", "", "")

    def failed(self, failure: Failure) -> None:
        self._close_attempt(failure.upstream_status, failure.kind, failure.message, failure.detail)

    def came(self, at: float) -> None:
        """The first content came at this tick, and is an answer."""
        if self.first_at is None:
            self.first_at = at

    def content(self, data: bytes) -> None:
        """This goes out to the client, of a stream."""
        if self.first_at is None:
            self.first_at = self._clock.tick()
        self.outflow.add(data)
        if self.tap is not None:
            self.tap.take(data)

    def whole(self, body: bytes) -> None:
        """This is the whole answer. Where the upstream does not say what it took, its texts are counted."""
        usage = self.usage
        if usage is None or usage.output is None:
            self.whole_tokens = 0 if self.ask.counting else estimate_tokens(orjson.loads(body))
        if self.tap is not None:
            self.tap.take(body)

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
        row, ticket = self._row(status, kind, message, remedy), self.ticket
        if self.ask.witness is not None:
            self.ask.witness.settled(row)
        bodies = None if self.tap is None else self.tap.bodies(self.ask, self.at)
        record = Record(row, bodies=bodies)
        if ticket is not None:
            record.ticket, record.settle, record.pressing = ticket.id, ticket.settlement, ticket.pressing
        self._put(record, self.ask.headers.get("traceparent"))

    @property
    def cost(self) -> int | None:
        """What it comes to so far, in micro-dollars, by what the upstream has told; None where that is not known."""
        return self._cost(self.usage)

    def sketch(self, candidate: Candidate | None = None) -> dict[str, Any]:
        """The row as it would be if the worker died now, asking `candidate`; for the ticket."""
        return self._head() | _target(candidate) | {"kind": INTERRUPTED, "status": 0, "usage_source": "estimated"}

    @property
    def limit_headers(self) -> dict[str, str]:
        """How the key's limits stand, for the answer; nothing for a key without."""
        return {} if self.ticket is None else self.ticket.headers

    def settle_raised(self, error: BaseException) -> None:
        """Nothing came of it. A RequestError's answer tells how the limits stand; the edge logs all else."""
        if isinstance(error, RequestError):
            self.settle_problem(error.problem())
            error.headers = {**self.limit_headers, **error.headers}
        else:
            self.settle_problem(RequestError(WENT_WRONG).problem())

    def settle_problem(self, problem: Problem) -> None:
        self.settle(problem.status, problem.kind, problem.message, problem.remedy)

    def _close_attempt(self, status: int | None, kind: str, message: str, detail: str) -> None:
        ms = round((self._clock.tick() - self._began) * 1000)
        self._attempts[-1].update({"status": status, "class": kind, "message": message, "detail": detail, "ms": ms})

    def _head(self) -> dict[str, Any]:
        """What is known from the beginning."""
        ask, key = self.ask, self.ask.key
        return {
            "id": ask.request_id,
            "at": self.at,
            "method": ask.method,
            "path": ask.endpoint,
            "endpoint": ask.endpoint,
            "format": ask.format,
            "streamed": ask.stream,
            "requested_model": model_shown(ask.model[:LONGEST_CLIENT]),
            "key_id": key.id if key else None,
            "key_name": key.name if key else ask.caller or None,
            "combo": self.combo or None,
            "client": "" if ask.no_log and not ask.caller else client_shown(ask.headers.get("user-agent", "")[:LONGEST_CLIENT]),
        }

    def _row(self, status: int, kind: str, message: str, remedy: str) -> dict[str, Any]:
        usage, source = self._counted(kind)
        micro_dollars = self._cost(usage)
        price = self._price()
        return {
            **self._head(),
            **_target(self.candidate),
            "status": status,
            "kind": kind,
            "message": message,
            "remedy": remedy,
            "usage_source": source,
            "input_tokens": usage.input,
            "output_tokens": usage.output,
            "cached_tokens": usage.cached,
            "cache_write_tokens": usage.cache_write,
            "reasoning_tokens": usage.reasoning,
            "cost": micro_dollars,
            "price_source": price.source if price is not None and micro_dollars is not None else None,
            "first_ms": self._ms(self.first_at),
            "total_ms": self._ms(self._clock.tick()),
            "attempts": self._attempts,
            "decision": self.decision,
            "finish": self.finish,
            "upstream_request_id": self.upstream_request_id,
            "dropped": list(self.dropped),
        }

    def _counted(self, kind: str) -> tuple[Usage, str]:
        """What is counted, and where it is from. A 0 that was told is 0; nothing is made up where nothing went out."""
        told = self.usage or Usage()
        untold = told.input is None and told.output is None
        if not untold and kind == "ok":
            return told, "reported"
        if self.first_at is None or self.ask.counting:
            return told, "absent" if untold else "partial"
        if self.ask.service and untold:
            return told, "absent"  # sound, pictures: nobody knows
        input = told.input if told.input is not None else self._input_tokens()
        guessed = self.outflow.tokens() if self.whole_tokens is None else self.whole_tokens
        if self.finish is not None and told.output is not None:
            guessed = 0  # it was the last word
        output = max(told.output or 0, guessed)
        return replace(told, input=input, output=output), "estimated" if untold else "partial"

    def _input_tokens(self) -> int:
        if self.ticket is not None and self.ticket.input:
            return self.ticket.input
        return estimate_tokens(self.ask.document)

    def _cost(self, usage: Usage | None) -> int | None:
        if self.ask.counting:
            return 0
        price = self._price()
        if price is None or usage is None:
            return None
        if usage.input is None and usage.output is None:
            return price.request if price.flat and self.first_at is not None else None
        return cost(price, usage.input or 0, usage.output or 0, usage.cached or 0, usage.cache_write or 0)

    def _price(self) -> Price | None:
        if self.candidate is None or self._configuration is None:
            return None
        if self._priced is None or self._priced[0] is not self.candidate:
            self._priced = self.candidate, price_at(self._configuration, self.candidate.target, self.at)
        return self._priced[1]

    def _ms(self, at: float | None) -> int | None:
        return None if at is None else round((at - self.ask.started) * 1000)


def _target(candidate: Candidate | None) -> dict[str, Any]:
    """Who was asked, as far as the row names it."""
    if candidate is None:
        return {}
    target, connection = candidate.target, candidate.connection
    return {
        "provider_id": target.provider.id,
        "provider_prefix": target.provider.prefix,
        "upstream_model": target.model,
        "canonical_model": target.canonical,
        "connection_id": connection.id,
        "connection_name": connection.name,
        "step_id": candidate.step_id or None,
    }
