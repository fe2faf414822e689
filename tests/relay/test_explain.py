"""The dry run, on a real configuration: nothing is sent, no turn is taken, and every time is one that people can read."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest

from omniroute.combos.operations import Combos
from omniroute.errors import UpstreamStatus
from omniroute.relay.explain import SERVICES, Explain, Terms
from omniroute.routing.candidates import Candidate
from omniroute.routing.configuration import ClientKey
from omniroute.routing.failures import classify
from omniroute.routing.resolve import resolve
from omniroute.state.health import HealthBoard
from tests.parts import ADMIN, Parts

BIG, SMALL = "openai/gpt-6-astra", "groq/openai/gpt-oss-20b"


@dataclass
class Desk:
    parts: Parts
    board: HealthBoard
    explain: Explain

    def combo(self, name: str, *steps: Any, **more: Any) -> None:
        combos = Combos(self.parts.database, self.parts.store, self.parts.catalog, self.parts.clock)
        combos.create({"name": name, "steps": list(steps), **more}, ADMIN)

    def told(self, model: str, key: ClientKey | None = None, **terms: Any) -> dict[str, Any]:
        """What would be the API's JSON."""
        answer: dict[str, Any] = json.loads(json.dumps(self.explain.explain(model, key, Terms(**terms))))
        return answer

    def fails(self, model: str, connection: str, status: int, **headers: str) -> None:
        """One request for the model has failed there."""
        configuration = self.parts.store.current()
        target = resolve(model, configuration).targets[0]
        row = next(row for row in configuration.connections[target.provider.id] if row.name == connection)
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        self.board.failed(Candidate(target, row), classify(UpstreamStatus(status, given, b"{}"), now=self.parts.clock.now()))


@pytest.fixture
def desk(parts: Parts) -> Desk:
    """OpenAI with two keys, Groq with one."""
    for place, (provider, name) in enumerate((("openai", "first"), ("openai", "second"), ("groq", "third"))):
        given = {"provider": provider, "api_key": f"sk-test-{name}", "name": name, "priority": place}
        parts.connections.create(given, ADMIN)
    board = HealthBoard(parts.clock)
    return Desk(parts, board, Explain(parts.store, board, parts.clock))


def connections(told: dict[str, Any]) -> list[str]:
    return [attempt["connection"] for attempt in told["attempts"]]


def test_a_plain_model(desk: Desk) -> None:
    told = desk.told(BIG)
    assert (told["model"], told["combo"], told["strategy"], told["reason"]) == (BIG, None, "priority", "prefix openai")
    assert (told["longContext"], told["lint"], told["leftOut"]) == (False, [], [])
    assert told["config"] == {
        "maxAttempts": 8,
        "deadlineMs": 120_000,
        "retrySame": 0,
        "retryDelayMs": 500,
        "waitForCooldownMs": 0,
    }
    first = told["attempts"][0]
    assert first.pop("connectionId") and first == {
        "target": BIG,
        "canonical": BIG,
        "connection": "first",
        "format": "openai_chat",
        "stepId": None,
        "expectedCostUsd": 0.035,  # 1,000 at 10 and 500 at 50 USD per million
        "contextWindow": 1_050_000,
        "standing": None,
    }


def test_a_combo_with_what_is_odd_about_it(desk: Desk) -> None:
    desk.combo("mine", SMALL, BIG, config={"max_attempts": 2})
    told = desk.told("mine", input_tokens=1_000_000, output_tokens=0)
    assert (told["combo"], told["reason"], told["config"]["maxAttempts"]) == ("mine", "combo mine", 2)
    assert connections(told) == ["third", "first", "second"]
    assert [attempt["expectedCostUsd"] for attempt in told["attempts"]] == [0.075, 20.0, 20.0]  # long prompts cost more at BIG
    assert (told["inputTokens"], told["outputTokens"]) == (1_000_000, 0)
    assert all(attempt["stepId"] for attempt in told["attempts"])
    assert any("Only 2 of 3" in sentence for sentence in told["lint"])
    assert any("long prompt" in sentence for sentence in told["lint"])


def test_the_cheapest_goes_first(desk: Desk) -> None:
    desk.combo("cheap", BIG, SMALL, "groq/nobody-knows-its-price", strategy="cost-optimized")
    attempts = desk.told("cheap")["attempts"]
    assert [each["target"] for each in attempts] == [SMALL, BIG, BIG, "groq/nobody-knows-its-price"]
    assert attempts[-1]["expectedCostUsd"] is None and attempts[-1]["contextWindow"] is None


def test_a_guess_is_shown_and_a_stated_wait_leaves_out(desk: Desk) -> None:
    desk.fails(BIG, "first", 529)
    desk.fails(BIG, "second", 402, retry_after="60")
    told = desk.told(BIG)
    (hindered,) = told["attempts"]
    assert hindered["standing"] == {
        "why": "model locked",
        "class": "overloaded",
        "reason": "The upstream answered 529 without a readable message.",
        "since": "2027-01-15T08:00:00.000Z",
        "until": "2027-01-15T08:00:01.000Z",
    }
    (left,) = told["leftOut"]
    assert left.pop("connectionId") and left == {
        "named": BIG,
        "why": "cooling",
        "class": "quota_exhausted",
        "until": "2027-01-15T08:01:00.000Z",
        "connection": "second",
    }


def test_a_limit_locks_the_model_alone_where_limits_are_per_model(desk: Desk) -> None:
    desk.fails(BIG, "first", 429, retry_after="60")
    assert connections(desk.told(BIG)) == ["second"]
    assert connections(desk.told("openai/gpt-6-luna")) == ["first", "second"]


def test_what_time_does_not_heal_has_no_time(desk: Desk) -> None:
    row = desk.parts.store.current().connections["groq"][0]
    desk.parts.connections.update(row.id, {"is_active": False}, ADMIN)
    told = desk.told(SMALL)
    assert told["attempts"] == [] and told["leftOut"][0]["until"] is None and told["leftOut"][0]["why"] == "disabled"


def test_it_takes_no_turn_and_no_luck(desk: Desk) -> None:
    desk.combo("round", SMALL, BIG, strategy="round-robin")
    desk.combo("drawn", SMALL, BIG, strategy="random")
    assert {tuple(connections(desk.told("round"))) for _ in range(5)} == {("third", "first", "second")}
    assert len({tuple(connections(desk.told("drawn"))) for _ in range(20)}) == 1
    assert desk.board.turn("round") == 0
    assert connections(desk.told("round")) == ["first", "second", "third"], "the turn that is next"


def test_the_last_good_one_is_known(desk: Desk) -> None:
    desk.combo("last", SMALL, BIG, strategy="lkgp")
    configuration = desk.parts.store.current()
    target, row = resolve(BIG, configuration).targets[0], configuration.connections["openai"][1]
    desk.board.succeeded(Candidate(target, row), desk.parts.clock.now(), "last")
    assert connections(desk.told("last")) == ["second", "first", "third"]


def test_tags_and_pins(desk: Desk) -> None:
    desk.combo("tagged", {"model": SMALL, "tags": ["eu"]}, {"model": BIG, "tags": ["us"]})
    assert connections(desk.told("tagged", tags=frozenset({"us"}))) == ["first", "second"]
    assert connections(desk.told("tagged", connection="second")) == ["second"]
    refused = desk.told("tagged", tags=frozenset({"moon"}))
    assert refused["error"]["status"] == 400 and "moon" in refused["error"]["message"]
    assert connections(desk.told(BIG, tags=frozenset({"us"}))) == ["first", "second"]


def test_endpoints_that_are_passed_through_go_to_those_that_have_them(desk: Desk) -> None:
    embedding = desk.told("openai/text-embedding-9", endpoint="/v1/embeddings")
    assert connections(embedding) == ["first", "second"] and embedding["outputTokens"] == 0
    desk.combo("both", SMALL, BIG)
    assert connections(desk.told("both", endpoint="/v1/moderations")) == ["first", "second"]
    assert connections(desk.told("both", endpoint="/v1/messages")) == ["third", "first", "second"]
    refused = desk.told(SMALL, endpoint="/v1/rerank")
    assert refused["error"]["class"] == "endpoint_not_served" and refused["error"]["remedy"]
    assert "/v1/audio/speech" in SERVICES and "/v1/completions" not in SERVICES


def test_names_that_nobody_answers_to(desk: Desk) -> None:
    assert desk.told("nobody/nothing")["error"]["class"] == "model_not_found"
    missing = desk.told("anthropic/claude-opus-5-5")["error"]
    assert (missing["status"], missing["class"]) == (404, "no_connection") and "Providers" in missing["remedy"]


def test_a_key_sees_what_it_may_ask(desk: Desk) -> None:
    bound = ClientKey("k", "key", "digest", allowed_models=("groq/*",))
    assert connections(desk.told(SMALL, bound)) == ["third"]
    assert desk.told(BIG, bound)["error"]["status"] == 403
