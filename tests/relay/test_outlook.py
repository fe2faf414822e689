"""What an ordering may look at is found out only where one of the route needs it."""

from __future__ import annotations

import random
from typing import Any

import pytest

from omniroute.errors import BadRequest
from omniroute.limits.upstream import Learned
from omniroute.relay.ask import Ask
from omniroute.relay.outlook import USUAL_OUTPUT, size_of, view_for
from omniroute.routing.candidates import Quota, Size
from omniroute.routing.configuration import Configuration
from omniroute.routing.resolve import resolve
from omniroute.routing.strategies import STRATEGIES
from omniroute.state.health import HealthBoard
from tests.parts import START, HandClock
from tests.routing.conftest import combo, configuration, connection, provider, step, with_combos


def ask(document: dict[str, Any] | None = None, tags: frozenset[str] = frozenset()) -> Ask:
    given = {"messages": [{"role": "user", "content": "Hi"}]} if document is None else document
    return Ask("r", "/v1/chat/completions", "openai_chat", b"", given, "c", False, {}, 0.0, tags=tags)


@pytest.fixture
def known() -> Configuration:
    plain = configuration([provider("alpha", "big"), provider("beta", "big")], connection("a", "alpha"), connection("b", "beta"))
    made = [combo(name, "alpha/big", step("beta/big", tags=("eu",)), strategy=name) for name in STRATEGIES]
    return with_combos(plain, *made, combo("outer", "combo/round-robin", "combo/cache-optimized"))


@pytest.mark.parametrize("name", [*STRATEGIES, "outer", "big"])
def test_only_what_is_needed(known: Configuration, name: str) -> None:
    board = HealthBoard(HandClock())
    route = resolve(name, known).route
    needs = {need for each in route.routes() for need in STRATEGIES[each.strategy].needs}
    for turn in range(2):
        found = view_for(ask(), route, known, board, 0.0, random.Random(0))
        assert found.turns == ({"round-robin": turn} if "turn" in needs else {})
        assert (found.size != Size()) == ("size" in needs) and bool(found.prefix) == ("prefix" in needs)


@pytest.mark.parametrize("name", [*STRATEGIES, "big"])
def test_quotas_are_known_on_every_route(known: Configuration, name: str) -> None:
    board = HealthBoard(HandClock())
    board.told("b", (Learned("5h", None, None, 0.25, START + 60, START, 18_000),))
    found = view_for(ask(), resolve(name, known).route, known, board, START, random.Random(0))
    assert (found.quota("a"), found.quota("b")) == (None, Quota(0.25, START + 60))


def test_a_tag_that_no_step_has_is_refused_by_a_combo_alone(known: Configuration) -> None:
    board, luck = HealthBoard(HandClock()), random.Random(0)
    view_for(ask(tags=frozenset({"eu"})), resolve("random", known).route, known, board, 0.0, luck)
    view_for(ask(tags=frozenset({"moon"})), resolve("big", known).route, known, board, 0.0, luck)
    with pytest.raises(BadRequest, match="moon"):
        view_for(ask(tags=frozenset({"moon"})), resolve("random", known).route, known, board, 0.0, luck)


@pytest.mark.parametrize(
    ("limits", "output"),
    [({}, USUAL_OUTPUT), ({"max_tokens": 7}, 7), ({"max_completion_tokens": 9}, 9), ({"max_tokens": -1}, USUAL_OUTPUT)],
)
def test_the_limit_of_the_answer_counts(limits: dict[str, Any], output: int) -> None:
    found = size_of(ask({"messages": [{"role": "user", "content": "word " * 400}], **limits}))
    assert found.output == output and 400 < found.input < 600
