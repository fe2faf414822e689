"""One request through the gateway. `Relay.answer` reads as its story: find out who answers, try them in order, settle."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

from omniroute.clock import Clock
from omniroute.errors import Problem, RequestError, TooBusy, UpstreamError, UpstreamErrorEvent, UpstreamFailed
from omniroute.formats import CLIENT_FORMATS
from omniroute.http import Answer, Transport
from omniroute.providers.catalog import Catalog
from omniroute.relay.ask import Ask, Reply
from omniroute.relay.attempt import open_attempt, read_whole, run_stream, upstream_id
from omniroute.relay.client_line import ClientGone, ClientLine
from omniroute.relay.consequences import Consequences
from omniroute.relay.conversation import FORMAT as RESPONSES
from omniroute.relay.conversation import Conversation
from omniroute.relay.counting import NoCount, can_estimate, counting_lane, estimated
from omniroute.relay.lane import Lane, Stream
from omniroute.relay.lanes import lane_for
from omniroute.relay.ledger import CLIENT_GONE, Entry, Ledger
from omniroute.relay.passthrough import BrokenOff, PassStream, run_through, served
from omniroute.relay.stream import Drained, Flow, Put
from omniroute.routing.candidates import Candidate, LeftOut, View
from omniroute.routing.configuration import Configuration
from omniroute.routing.failures import Failure, classify
from omniroute.routing.plan import Plan, plan, worth_trying
from omniroute.routing.resolve import Resolution, resolve
from omniroute.security.redaction import redact
from omniroute.state.health import HealthBoard


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds; see docs/architecture.md, "Time"."""

    first_event: float = 60.0
    idle: float = 180.0
    answer: float = 600.0
    heartbeat: float = 15.0


class Live:
    """What is going on in this process now."""

    def __init__(self) -> None:
        self.flows: set[Flow] = set()
        self.draining = False


@dataclass(frozen=True, slots=True)
class Relay:
    """The collaborators of the relay. `credential` opens a connection's key at the moment of the call."""

    catalog: Catalog
    transport: Transport
    look: Callable[[], Configuration]
    credential: Callable[..., str]
    board: HealthBoard
    ledger: Ledger
    conversation: Conversation
    consequences: Consequences
    clock: Clock
    times: Times
    live: Live

    def answer(self, ask: Ask, line: ClientLine) -> Reply:
        """Answer `ask`, streamed or whole. Raises RequestError, settled, when there is no answer."""
        entry = self.ledger.open(ask)
        try:
            if self.live.draining:
                raise TooBusy("The gateway is stopping.")
            configuration = self.look()
            resolution = served(ask, configuration) if ask.service else resolve(ask.model, configuration)
            if resolution.long_context:
                ask = _with_long_context(ask)
            if ask.format == RESPONSES:
                ask = self.conversation.continued(ask, resolution, configuration)
            steps = self._plan(ask, resolution, configuration, entry)
            if ask.counting:
                return self._counted(ask, steps, entry, line)
            return (self._streamed if ask.stream or ask.service else self._whole)(ask, steps, entry, line)
        except RequestError as exc:
            entry.settle_problem(exc.problem())
            raise

    @property
    def draining(self) -> bool:
        """The worker is stopping; nothing new is taken on."""
        return self.live.draining

    def stop_taking(self) -> None:
        self.live.draining = True

    def end_streams(self) -> None:
        """End every open stream with an error event: there is no more time."""
        for flow in list(self.live.flows):
            flow.drain()

    # Streamed ---------------------------------------------------------------------------------------

    def _streamed(self, ask: Ask, steps: Plan, entry: Entry, line: ClientLine) -> Reply:
        def broken(problem: Problem) -> bytes:
            """Everything failed, but a heartbeat had promised a stream."""
            entry.settle(200, problem.kind, problem.message, problem.remedy)
            if ask.service:
                raise BrokenOff(problem)
            failed: bytes = CLIENT_FORMATS[ask.format].StreamWriter(ask.model, False).fail(problem)
            return failed

        flow = Flow(lambda put: self._work(ask, steps, entry, put), broken, line, None if ask.service else self.times.heartbeat)
        self.live.flows.add(flow)
        reply = Reply(200, {}, b"", [flow.close, lambda: self.live.flows.discard(flow)])
        try:
            reply.body = flow.start()
        except RequestError:
            reply.close()
            raise
        if ask.service and EVENTS in entry.media.get("Content-Type", ""):
            flow.heartbeat = self.times.heartbeat
        reply.headers = {
            **(entry.media if ask.service else STREAM_HEADERS),
            **(_headers(entry) if entry.first_at is not None else {}),
        }
        return reply

    def _work(self, ask: Ask, steps: Plan, entry: Entry, put: Put) -> None:
        """What the reader greenlet does: the targets in order, until one has streamed its answer."""
        stream: Stream | None = None

        def deliver(data: bytes) -> None:
            entry.content()
            if ask.format == RESPONSES and stream is not None:
                self.conversation.keep(ask, candidate, stream.facts)
            put(data)

        try:
            failures: list[Failure] = []
            remaining = steps.candidates
            while remaining:
                candidate, remaining = remaining[0], remaining[1:]
                lane = lane_for(ask, candidate.target)
                stream = lane.stream()
                try:
                    self._stream_one(ask, candidate, lane, stream, entry, deliver)
                    entry.settle(200)
                    return
                except UpstreamError as exc:
                    failure = self._failed(exc, candidate, entry)
                if entry.first_at is not None:  # the client has part of an answer: a well-formed error, never a clean end
                    problem = self._problem(failure, entry)
                    entry.settle(200, failure.kind, problem.message, problem.remedy)
                    put(stream.fail(problem))
                    return
                remaining = worth_trying(remaining, candidate, failure, failures)
                failures.append(failure)
            raise UpstreamFailed(self._exhausted(failures, steps, entry))
        except ClientGone:
            entry.settle(CLIENT_GONE, "client_gone", "The client left before the end.")
        except Drained:
            problem = replace(DRAINED, request_id=ask.request_id)
            if stream is None or entry.first_at is None:
                raise UpstreamFailed(problem) from None
            entry.settle(200, problem.kind, problem.message, problem.remedy)
            put(stream.fail(problem))

    def _stream_one(self, ask: Ask, candidate: Candidate, lane: Lane, stream: Stream, entry: Entry, deliver: Put) -> None:
        self.board.enter(candidate)
        answer = None
        try:
            at_once = lane.streams and not ask.service  # an upstream that does not stream says nothing until it is done
            patience = self.times.first_event if at_once else _asked_timeout(ask) or self.times.answer
            answer = self._open(ask, candidate, lane, entry, patience)
            if isinstance(stream, PassStream):
                run_through(answer, stream, entry, deliver, self.times.idle)
            else:
                run_stream(answer, stream, deliver, self.times.idle)
            if stream.facts.error is not None:
                raise UpstreamErrorEvent(stream.facts.error)
            entry.answered(answer.status)
            self.consequences.succeeded(candidate)
        finally:
            entry.usage, entry.finish = stream.facts.usage, stream.facts.finish
            self.board.leave(candidate)
            if answer is not None:
                answer.close()

    # Whole ------------------------------------------------------------------------------------------

    def _whole(self, ask: Ask, steps: Plan, entry: Entry, line: ClientLine) -> Reply:
        failures: list[Failure] = []
        remaining = steps.candidates
        while remaining:
            candidate, remaining = remaining[0], remaining[1:]
            lane = counting_lane(ask, candidate.target) if ask.counting else lane_for(ask, candidate.target)
            try:
                with line.interrupting():
                    body = self._whole_one(ask, candidate, lane, entry)
            except UpstreamError as exc:
                failure = self._failed(exc, candidate, entry)
                remaining = worth_trying(remaining, candidate, failure, failures)
                failures.append(failure)
            except ClientGone:
                entry.settle(CLIENT_GONE, "client_gone", "The client left before the answer.")
                return Reply(CLIENT_GONE, {}, b"")
            else:
                entry.settle(200)
                return Reply(200, {"Content-Type": "application/json", **_headers(entry)}, body)
        raise UpstreamFailed(self._exhausted(failures, steps, entry))

    def _counted(self, ask: Ask, steps: Plan, entry: Entry, line: ClientLine) -> Reply:
        try:
            return self._whole(ask, steps, entry, line)
        except NoCount:
            reply = estimated(ask)
        except UpstreamFailed as exc:
            if not can_estimate(exc):
                raise
            reply = estimated(ask)
        entry.settle(200)
        return reply

    def _whole_one(self, ask: Ask, candidate: Candidate, lane: Lane, entry: Entry) -> bytes:
        seconds = _asked_timeout(ask) or self.times.answer
        self.board.enter(candidate)
        answer = None
        try:
            answer = self._open(ask, candidate, lane, entry, seconds)
            raw = read_whole(answer, seconds)
            entry.content()
            body, facts = lane.whole(answer.status, answer.headers, raw)
            entry.usage, entry.finish = facts.usage, facts.finish
            entry.answered(answer.status)
            if not ask.counting:
                self.consequences.succeeded(candidate)
            if ask.format == RESPONSES:
                self.conversation.keep(ask, candidate, facts)
            return body
        finally:
            self.board.leave(candidate)
            if answer is not None:
                answer.close()

    # Both -------------------------------------------------------------------------------------------

    def _plan(self, ask: Ask, resolution: Resolution, configuration: Configuration, entry: Entry) -> Plan:
        steps = plan(
            resolution,
            configuration,
            self.board.health,
            View(self.clock.now(), figures=self.board.figures),
            pinned=ask.pinned,
        )
        entry.reason = steps.reason
        return steps

    def _open(self, ask: Ask, candidate: Candidate, lane: Lane, entry: Entry, seconds: float) -> Answer:
        entry.trying(candidate, lane.dropped)
        credential = self.credential(candidate.connection)
        entry.sent()
        answer = open_attempt(self.transport, self.catalog, ask, candidate, lane, credential, seconds)
        entry.upstream_request_id = upstream_id(answer)
        return answer

    def _failed(self, exc: UpstreamError, candidate: Candidate, entry: Entry) -> Failure:
        failure = classify(
            exc, candidate.target.provider.failures, succeeded=candidate.connection.succeeded, now=self.clock.now()
        )
        entry.failed(failure)
        if not entry.ask.counting:
            self.consequences.failed(candidate, failure)
        return failure

    def _problem(self, failure: Failure, entry: Entry) -> Problem:
        told, kept = failure.told, failure.status == failure.upstream_status
        return Problem(
            status=failure.status,
            kind=failure.kind,
            message=redact(failure.message),
            remedy=failure.remedy,
            type=told.type if kept else None,
            code=told.code if kept else None,
            param=told.param,
            details=told.details if kept else None,
            request_id=entry.ask.request_id,
            retry_after=failure.wait,
            attempts=entry.notes(),
            headers=failure.headers or {},
        )

    def _exhausted(self, failures: list[Failure], steps: Plan, entry: Entry) -> Problem:
        """The failure that the client can act on, else the last; without any attempt, why there was none."""
        if not failures:
            return _none_available(steps, entry, self.clock.now())
        chosen = next((failure for failure in failures if failure.about_the_request), failures[-1])
        return self._problem(chosen, entry)


STREAM_HEADERS = {
    "Content-Type": "text/event-stream; charset=utf-8",
    "Cache-Control": "no-cache, no-transform",
    "X-Accel-Buffering": "no",
}
EVENTS = "text/event-stream"
LONG_CONTEXT_BETA = "context-1m-2025-08-07"  # measured with Claude Code 2.1.197, 2026-11-22
DRAINED = Problem(503, "draining", "The gateway is restarting and had to end this stream.", "Send the request again.")


def _headers(entry: Entry) -> dict[str, str]:
    """What is known once the answer has begun; see docs/api.md."""
    candidate = entry.candidate
    assert candidate is not None
    headers = {
        "X-OmniRoute-Provider": candidate.target.provider.prefix,
        "X-OmniRoute-Model": candidate.target.model,
        "X-OmniRoute-Connection": candidate.connection.id,
        "X-OmniRoute-Decision": entry.decision,
        "X-OmniRoute-Overhead-Ms": f"{entry.overhead_ms:.1f}",
    }
    if entry.upstream_request_id:
        headers["X-OmniRoute-Upstream-Request-Id"] = entry.upstream_request_id
    if entry.dropped:
        headers["X-OmniRoute-Dropped"] = _listed(entry.dropped)
    if entry.usage is not None and entry.usage.input is not None:
        headers["X-OmniRoute-Tokens-In"] = str(entry.usage.input)
    if entry.usage is not None and entry.usage.output is not None and not entry.ask.stream:
        headers["X-OmniRoute-Tokens-Out"] = str(entry.usage.output)
    return headers


def _listed(names: tuple[str, ...], room: int = 2000) -> str:
    """The names for a header, as many as fit; all of them stand in the log row."""
    text = ", ".join(names)
    return text if len(text) <= room else text[: text.rindex(",", 0, room)] + ", ..."


def _with_long_context(ask: Ask) -> Ask:
    """Ask Anthropic-format upstreams for the long window, as Claude Code does for a name that ends in [1m]."""
    betas = ask.headers.get("anthropic-beta", "")
    if LONG_CONTEXT_BETA in betas:
        return ask
    joined = f"{betas},{LONG_CONTEXT_BETA}" if betas else LONG_CONTEXT_BETA
    return replace(ask, headers={**ask.headers, "anthropic-beta": joined})


def _asked_timeout(ask: Ask) -> float | None:
    """The caller's own patience: the SDKs send it in seconds, or a text that is no number."""
    try:
        seconds = float(ask.headers.get("x-stainless-timeout", ""))
    except ValueError:
        return None
    return seconds if 0 < seconds <= 3600 else None


def _none_available(steps: Plan, entry: Entry, now: float) -> Problem:
    """Nothing could be tried: every connection is disabled, refused, or cooling until a stated time."""
    left: tuple[LeftOut, ...] = steps.left_out
    if not left:
        return Problem(
            404,
            "no_connection",
            f"No connection named '{entry.ask.pinned}' serves this model.",
            "Leave X-OmniRoute-Connection out, or give the id of one of this provider's connections.",
            request_id=entry.ask.request_id,
        )
    waits = [each.until for each in left if each.until is not None]
    listed = "; ".join(f"{each.named}: {each.kind}" for each in left[:10])
    limited = bool(waits) and len(waits) == len(left)
    kinds = {each.kind for each in left}
    return Problem(
        429 if limited else 503,
        left[0].kind if limited and len(kinds) == 1 else "no_target_available",
        f"No connection can be asked now ({listed}).",
        "Wait and repeat." if limited else "Open the provider's page on the dashboard, press Test, and follow its remedy.",
        request_id=entry.ask.request_id,
        retry_after=max(1.0, math.ceil(min(waits) - now)) if waits else None,
    )
