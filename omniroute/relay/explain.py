"""What would happen to a request, without sending it: who is asked, in which order, and who is left out and why."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from omniroute.clock import Clock, moment
from omniroute.errors import BadRequest, RequestError
from omniroute.providers.values import ENDPOINTS
from omniroute.relay.ask import Ask
from omniroute.relay.outlook import tagged, turning
from omniroute.relay.passthrough import PASSED, served
from omniroute.routing.candidates import Candidate, LeftOut, Size, View
from omniroute.routing.configuration import ClientKey, Configuration
from omniroute.routing.cost import cost, price_at
from omniroute.routing.health import Standing, standing
from omniroute.routing.lint import lint
from omniroute.routing.plan import Plan, plan
from omniroute.routing.resolve import Resolution, require_allowed, resolve
from omniroute.state.configuration import ConfigurationStore
from omniroute.state.health import HealthBoard

# Paths of the endpoints that are passed through; all others ask for a conversation.
SERVICES = {f"/v1/{ENDPOINTS[name]}": name for name in PASSED}
USUAL_INPUT, USUAL_OUTPUT = 1000, 500  # tokens


@dataclass(frozen=True, slots=True)
class Terms:
    """What a request says beside its model, as far as it decides where it would go. `endpoint` is a path such as
    "/v1/embeddings". `connection` is the id or name of the one to ask through. Sizes are in tokens; None is the usual one.
    """

    endpoint: str = ""
    tags: frozenset[str] = frozenset()
    connection: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None

    @property
    def service(self) -> str:
        """The name of an endpoint that is passed through, "" for conversations."""
        return SERVICES.get(self.endpoint, "")

    @property
    def size(self) -> Size:
        """What is passed through mostly answers without tokens: vectors, scores, sound."""
        output = 0 if self.service else USUAL_OUTPUT
        return Size(
            USUAL_INPUT if self.input_tokens is None else self.input_tokens,
            output if self.output_tokens is None else self.output_tokens,
        )


USUAL = Terms()


@dataclass(frozen=True, slots=True)
class Explain:
    configuration: ConfigurationStore
    board: HealthBoard
    clock: Clock

    def explain(self, model: str, key: ClientKey | None = None, terms: Terms = USUAL) -> dict[str, Any]:
        """JSON of `GET /api/resolve`, as `key` would see it. A name that nobody answers to is an answer here, not an error.

        It takes no turn of a round-robin combo and no luck: it shows the turn that is next and always the same draw.
        """
        configuration = self.configuration.current()
        try:
            if key is not None:
                require_allowed(key, model)
            resolution = _resolved(model, key, terms, configuration)
        except RequestError as exc:
            return {"model": model, "error": _refusal(exc)}
        now, size = self.clock.now(), terms.size
        turns = {combo: self.board.peek(combo) for combo in turning(resolution.route)}
        view = View(
            now,
            random.Random(0),
            self.board.figures,
            self.board.quota,
            price=lambda target: price_at(configuration, target, now),
            size=size,
            turns=turns,
            last_good=self.board.last_good,
        )
        steps = plan(resolution, configuration, self.board.health, view, pinned=terms.connection, tags=terms.tags)
        return {
            "model": model,
            "combo": steps.combo or None,
            "strategy": steps.strategy,
            "reason": steps.reason,
            "longContext": resolution.long_context,
            "config": _config(steps),
            "inputTokens": size.input,
            "outputTokens": size.output,
            "attempts": [self._attempt(each, view) for each in steps.candidates],
            "leftOut": [_left(each) for each in steps.left_out],
            "lint": list(lint(resolution, configuration, now)),
        }

    def _attempt(self, candidate: Candidate, view: View) -> dict[str, Any]:
        target, expected = candidate.target, cost(view.price(candidate.target), view.size)
        hindered = standing(self.board.health, candidate, view.now)
        return {
            "target": target.shown,
            "canonical": target.canonical,
            "connectionId": candidate.connection.id,
            "connection": candidate.connection.name,
            "format": target.provider.format,
            "stepId": candidate.step_id or None,
            "expectedCostUsd": None if expected is None else expected / 1_000_000,
            "contextWindow": target.window,
            "standing": None if hindered is None else _standing(hindered),
        }


def _resolved(model: str, key: ClientKey | None, terms: Terms, configuration: Configuration) -> Resolution:
    """Raises RequestError, as the relay would."""
    if terms.service:
        ask = Ask("", terms.endpoint, "openai_chat", b"", {}, model, False, {}, 0.0, key, service=terms.service)
        resolution = served(ask, configuration)
    else:
        resolution = resolve(model, configuration)
    if terms.tags and resolution.route.combo and not tagged(resolution.route, terms.tags):
        raise BadRequest(f"No step of '{resolution.route.combo}' has the tags {', '.join(sorted(terms.tags))}.")
    return resolution


def _refusal(error: RequestError) -> Mapping[str, Any]:
    problem = error.problem()
    return {"status": problem.status, "class": problem.kind, "message": problem.message, "remedy": problem.remedy or None}


def _config(steps: Plan) -> dict[str, Any]:
    """What holds for this route; never more attempts than any request may make."""
    words = {
        "max_attempts": "maxAttempts",
        "deadline_ms": "deadlineMs",
        "retry_same": "retrySame",
        "retry_delay_ms": "retryDelayMs",
        "wait_for_cooldown_ms": "waitForCooldownMs",
    }
    given = asdict(steps.config) | {"max_attempts": steps.most_attempts}
    return {shown: given[name] for name, shown in words.items()}


def _left(each: LeftOut) -> dict[str, Any]:
    return {
        "named": each.named,
        "why": each.why,
        "class": each.kind,
        "until": _moment(each.until),
        "connectionId": each.connection.id if each.connection else None,
        "connection": each.connection.name if each.connection else None,
    }


def _standing(hindered: Standing) -> dict[str, Any]:
    """Why a candidate is tried after the others."""
    return {
        "why": hindered.why,
        "class": hindered.kind,
        "reason": hindered.reason,
        "since": _moment(hindered.since),
        "until": _moment(hindered.until),
    }


def _moment(seconds: float | None) -> str | None:
    return None if seconds is None else moment(seconds)
