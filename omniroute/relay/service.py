"""One request through the gateway. `Relay.answer` reads as its story: find out who answers, try them in order, settle."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import gevent

from omniroute.clock import Clock
from omniroute.errors import (
    BadRequest,
    Problem,
    RequestError,
    TooBusy,
    UpstreamError,
    UpstreamErrorEvent,
    UpstreamFailed,
    UpstreamStatus,
)
from omniroute.formats import CLIENT_FORMATS
from omniroute.http import Answer, Transport
from omniroute.limits.upstream import learned
from omniroute.providers.catalog import Catalog
from omniroute.relay.ask import Ask, Reply
from omniroute.relay.attempt import open_attempt, opened, read_whole, run_stream, upstream_id
from omniroute.relay.client_line import ClientGone, ClientLine
from omniroute.relay.consequences import Consequences
from omniroute.relay.conversation import FORMAT as RESPONSES
from omniroute.relay.conversation import Conversation
from omniroute.relay.counting import NoCount, can_estimate, counting_lane, estimated
from omniroute.relay.exhausted import problem_of
from omniroute.relay.fitting import fitted
from omniroute.relay.gate import Gate
from omniroute.relay.headers import answer_headers
from omniroute.relay.lane import Lane, Stream
from omniroute.relay.lanes import lane_for
from omniroute.relay.ledger import CLIENT_GONE, Entry, Ledger
from omniroute.relay.outlook import view_for
from omniroute.relay.passthrough import BrokenOff, PassStream, run_through, served
from omniroute.relay.stream import Drained, Flow, Put
from omniroute.relay.walk import Walk
from omniroute.routing.candidates import Candidate
from omniroute.routing.configuration import Configuration
from omniroute.routing.plan import Plan, plan
from omniroute.routing.resolve import Resolution, resolve
from omniroute.state.health import HealthBoard
from omniroute.usage.meter import Meter


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
        self.whole: set[Any] = set()  # greenlets that wait for a whole answer
        self.draining = False
        self.tails = 0  # pages that are open and live: the log, Home


@dataclass(frozen=True, slots=True)
class Relay:
    """The collaborators of the relay. `credential` opens a connection's key at the moment of the call."""

    catalog: Catalog
    transport: Transport
    look: Callable[[], Configuration]
    credential: Callable[..., str]
    board: HealthBoard
    ledger: Ledger
    meter: Meter
    conversation: Conversation
    consequences: Consequences
    clock: Clock
    times: Times
    live: Live
    chance: random.Random = field(default_factory=random.Random)

    def answer(self, ask: Ask, line: ClientLine) -> Reply:
        """Answer `ask`, streamed or whole. Raises RequestError, settled, when there is no answer."""
        entry = self.ledger.open(ask)
        try:
            if self.live.draining:
                raise TooBusy("The gateway is stopping.")
            configuration = self.look()
            resolution = served(ask, configuration) if ask.service else resolve(ask.model, configuration)
            entry.routed(resolution, configuration)
            if resolution.long_context:
                ask = _with_long_context(ask)
            if ask.format == RESPONSES:
                ask = self.conversation.continued(ask, resolution, configuration)
            gate = Gate(self.meter, ask, entry, resolution, configuration)
            walk = self._walk(ask, resolution, configuration, entry, gate)
            gate.admit(walk.plan)
            if ask.counting:
                return self._counted(ask, walk, entry, line)
            return (self._streamed if ask.stream or ask.service else self._whole)(ask, walk, entry, line)
        except BaseException as exc:  # also what is no RequestError: what was reserved must not stay so
            entry.settle_raised(exc)
            raise

    @property
    def draining(self) -> bool:
        """The worker is stopping; nothing new is taken on."""
        return self.live.draining

    def stop_taking(self) -> None:
        self.live.draining = True

    @property
    def busy(self) -> bool:
        """Whether somebody waits for an answer here."""
        return bool(self.live.flows or self.live.whole)

    def end_all(self) -> None:
        """End every open stream with an error event, and who waits for a whole answer with a 503: there is no more time."""
        for flow in list(self.live.flows):
            flow.drain()
        for waiting in list(self.live.whole):
            gevent.kill(waiting, Drained())

    # Streamed ---------------------------------------------------------------------------------------

    def _streamed(self, ask: Ask, walk: Walk, entry: Entry, line: ClientLine) -> Reply:
        def broken(problem: Problem) -> bytes:
            """Everything failed, but a heartbeat had promised a stream."""
            entry.settle(200, problem.kind, problem.message, problem.remedy)
            if ask.service:
                raise BrokenOff(problem)
            failed: bytes = CLIENT_FORMATS[ask.format].StreamWriter(ask.model, False).fail(problem)
            return failed

        flow = Flow(lambda put: self._work(ask, walk, entry, put), broken, line, None if ask.service else self.times.heartbeat)
        self.live.flows.add(flow)
        reply = Reply(200, {}, b"", [flow.close, lambda: self.live.flows.discard(flow)])
        try:
            reply.body = flow.start()
        except RequestError:
            reply.close()
            raise
        # Whatever else went wrong after this, and was seen by nobody.
        reply.closers.append(partial(entry.settle, CLIENT_GONE, "client_gone", "The client left before the end."))
        if ask.service and EVENTS in entry.media.get("Content-Type", ""):
            flow.heartbeat = self.times.heartbeat
        reply.headers = {
            **(entry.media if ask.service else STREAM_HEADERS),
            **(answer_headers(entry) if entry.first_at is not None else entry.limit_headers),
        }
        return reply

    def _work(self, ask: Ask, walk: Walk, entry: Entry, put: Put) -> None:
        """What the reader greenlet does: the candidates in order, until one has streamed its answer."""
        stream: Stream | None = None

        def deliver(data: bytes) -> None:
            entry.content(data)
            if ask.format == RESPONSES and stream is not None:
                self.conversation.keep(ask, candidate, stream.facts)
            put(data)

        try:
            with closing(walk.candidates()) as candidates:
                for candidate in candidates:
                    try:
                        own, lane, dropped = self._lane(ask, candidate, entry.combo)
                    except BadRequest as exc:
                        walk.refused(candidate, exc)
                        continue
                    entry.trying(candidate, dropped)
                    stream = lane.stream()
                    try:
                        self._stream_one(own, candidate, lane, stream, entry, deliver)
                        entry.settle(200)
                        return
                    except UpstreamError as exc:
                        failure = walk.failed(candidate, exc)
                    if entry.first_at is not None:  # the client has part of an answer: an error event, never a clean end
                        problem = problem_of(failure, entry)
                        entry.settle(200, failure.kind, problem.message, problem.remedy)
                        put(stream.fail(problem))
                        return
            raise UpstreamFailed(walk.exhausted())
        except ClientGone:
            if stream is not None and stream.done and stream.facts.error is None:  # all of it was out, the line still open
                entry.answered(200)
                entry.settle(200)
            entry.settle(CLIENT_GONE, "client_gone", "The client left before the end.")
        except Drained:
            problem = replace(DRAINED, request_id=ask.request_id)
            if stream is None or entry.first_at is None:
                raise UpstreamFailed(problem) from None
            entry.settle(200, problem.kind, problem.message, problem.remedy)
            put(stream.fail(problem))

    def _stream_one(self, ask: Ask, candidate: Candidate, lane: Lane, stream: Stream, entry: Entry, deliver: Put) -> None:
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
            self.consequences.succeeded(candidate, entry.attempt_at, entry.combo)
        finally:
            entry.usage, entry.finish = stream.facts.usage, stream.facts.finish
            if answer is not None:
                answer.close()

    # Whole ------------------------------------------------------------------------------------------

    def _whole(self, ask: Ask, walk: Walk, entry: Entry, line: ClientLine) -> Reply:
        waiting = gevent.getcurrent()
        self.live.whole.add(waiting)
        try:
            with line.interrupting(), closing(walk.candidates()) as candidates:
                body = self._first_answer(ask, walk, entry, candidates)
        except ClientGone:
            entry.settle(CLIENT_GONE, "client_gone", "The client left before the answer.")
            return Reply(CLIENT_GONE, {}, b"")
        except Drained:
            raise UpstreamFailed(replace(DRAINED, request_id=ask.request_id)) from None
        finally:
            self.live.whole.discard(waiting)
        if body is None:
            raise UpstreamFailed(walk.exhausted())
        entry.settle(200)
        return Reply(200, {"Content-Type": "application/json", **answer_headers(entry)}, body)

    def _first_answer(self, ask: Ask, walk: Walk, entry: Entry, candidates: Iterable[Candidate]) -> bytes | None:
        for candidate in candidates:
            try:
                own, lane, dropped = self._lane(ask, candidate, entry.combo)
            except BadRequest as exc:
                walk.refused(candidate, exc)
                continue
            entry.trying(candidate, dropped)
            try:
                return self._whole_one(own, candidate, lane, entry)
            except UpstreamError as exc:
                walk.failed(candidate, exc)
        return None

    def _counted(self, ask: Ask, walk: Walk, entry: Entry, line: ClientLine) -> Reply:
        try:
            return self._whole(ask, walk, entry, line)
        except NoCount:
            reply = estimated(ask)
        except UpstreamFailed as exc:
            if not can_estimate(exc):
                raise
            reply = estimated(ask)
        entry.settle(200)
        reply.headers |= entry.limit_headers
        return reply

    def _whole_one(self, ask: Ask, candidate: Candidate, lane: Lane, entry: Entry) -> bytes:
        seconds = _asked_timeout(ask) or self.times.answer
        answer = None
        try:
            answer = self._open(ask, candidate, lane, entry, seconds)
            raw = read_whole(answer, seconds)
            came_at = self.clock.tick()
            body, facts = lane.whole(answer.status, answer.headers, raw)
            entry.came(came_at)
            entry.usage, entry.finish = facts.usage, facts.finish
            entry.whole(body)
            entry.answered(answer.status)
            if not ask.counting:
                self.consequences.succeeded(candidate, entry.attempt_at, entry.combo)
            if ask.format == RESPONSES:
                self.conversation.keep(ask, candidate, facts)
            return body
        finally:
            if answer is not None:
                answer.close()

    # Both -------------------------------------------------------------------------------------------

    def _walk(self, ask: Ask, resolution: Resolution, configuration: Configuration, entry: Entry, gate: Gate) -> Walk:
        def planned() -> Plan:
            view = view_for(ask, resolution.route, configuration, self.board, self.clock.now(), self.chance)
            made = plan(resolution, configuration, self.board.health, view, pinned=ask.pinned, tags=ask.tags)
            return gate.priced(made)

        return Walk(planned, entry, self.board, self.consequences, gate, self.clock, self.chance, self.credential)

    def _lane(self, ask: Ask, candidate: Candidate, combo: str) -> tuple[Ask, Lane, tuple[str, ...]]:
        """The request as this target takes it, its lane, and what could not be carried over. Raises BadRequest, NoCount."""
        own, changed = fitted(ask, candidate.target) if combo else (ask, ())
        lane = counting_lane(own, candidate.target) if ask.counting else lane_for(own, candidate.target)
        return own, lane, (*lane.dropped, *changed) if changed else lane.dropped

    def _open(self, ask: Ask, candidate: Candidate, lane: Lane, entry: Entry, seconds: float) -> Answer:
        credential = opened(self.credential, candidate)
        entry.sent()
        try:
            answer = open_attempt(self.transport, self.catalog, ask, candidate, lane, credential, seconds)
        except UpstreamStatus as exc:  # a refusal tells of limits too
            self.board.told(candidate.connection.id, learned(exc.headers, self.clock.now()))
            raise
        self.board.told(candidate.connection.id, learned(answer.headers, self.clock.now()))
        entry.upstream_request_id = upstream_id(answer)
        return answer


STREAM_HEADERS = {
    "Content-Type": "text/event-stream; charset=utf-8",
    "Cache-Control": "no-cache, no-transform",
    "X-Accel-Buffering": "no",
}
EVENTS = "text/event-stream"
LONG_CONTEXT_BETA = "context-1m-2025-08-07"  # measured with Claude Code 2.1.197, 2026-11-22
DRAINED = Problem(503, "draining", "The gateway is restarting and had to end this answer.", "Send the request again.")


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
