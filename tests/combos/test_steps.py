from __future__ import annotations

from typing import Any

import pytest

from omniroute.errors import Invalid
from tests.combos.conftest import NODE, Home
from tests.parts import ADMIN


def read(home: Home, *steps: Any) -> list[tuple[str, str, str]]:
    """(provider id, model, combo) of each step."""
    drawn = home.parts.combos.draft({"name": "own", "steps": list(steps)})
    return [(step.provider_id, step.model, step.combo) for step in drawn.steps]


def test_the_ways_to_write_a_step(home: Home) -> None:
    home.make("Inner", "local/m")
    ways = {
        "local/m": (home.node, "m", ""),
        "LOCAL/m": (home.node, "m", ""),
        f"{home.node}/m": (home.node, "m", ""),
        "agentrouter/claude-opus-4-6": ("agentrouter", "claude-opus-4-6", ""),
        "openrouter/anthropic/claude-opus-4.6": ("openrouter", "anthropic/claude-opus-4.6", ""),
        "Inner": ("", "", "Inner"),
        "inner": ("", "", "Inner"),
        "combo/inner": ("", "", "Inner"),
    }
    assert read(home, *ways) == list(ways.values())
    assert read(home, *({"model": each} for each in ways)) == list(ways.values())
    assert read(home, {"combo": "INNER"}) == [("", "", "Inner")]
    assert (
        read(home, {"provider": "local", "model": "m"}, {"provider": home.node, "model": "local/m"}) == [(home.node, "m", "")] * 2
    )
    assert read(home, {"provider": "openrouter", "model": "openai/gpt-5.5"}) == [("openrouter", "openai/gpt-5.5", "")]
    assert read(home, {"kind": "model", "model": "local/m", "trouble": "x", "canonical": "y"}) == [(home.node, "m", "")]


def test_a_native_alias_is_stored_by_id(home: Home) -> None:
    for provider in home.parts.catalog.all():
        for name in (provider.id, provider.prefix, *provider.aliases):
            assert read(home, f"{name}/m") == [(provider.id, "m", "")], name


def test_a_prefix_goes_before_an_id(home: Home) -> None:
    node = home.parts.nodes.create(NODE | {"prefix": "openai"}, ADMIN).id
    assert read(home, "openai/m") == [(node, "m", "")]


@pytest.mark.parametrize(
    ("step", "field"),
    [
        (5, ""),
        (None, ""),
        ({}, "model"),
        ("", "model"),
        ("m", "model"),
        ("local/", "model"),
        ("/m", "model"),
        ("nobody/m", "model"),
        ("local/a b", "model"),
        ("local/a..b", "model"),
        ("local/ä", "model"),
        ("local/m[1m]", "model"),
        ("local/" + "m" * 257, "model"),
        ({"model": 5}, "model"),
        ({"provider": "nobody", "model": "m"}, "provider"),
        ({"provider": "local"}, "model"),
        ({"combo": "nothing"}, "combo"),
        ("combo/nothing", "combo"),
        ({"combo": "inner", "model": "local/m"}, "combo"),
        ({"model": "local/m", "weight": -1}, "weight"),
        ({"model": "local/m", "weight": 101}, "weight"),
        ({"model": "local/m", "weight": "5"}, "weight"),
        ({"model": "local/m", "label": "l" * 101}, "label"),
        ({"model": "local/m", "tags": ["t"] * 1 + [str(n) for n in range(10)]}, "tags"),
        ({"model": "local/m", "tags": ["t" * 51]}, "tags"),
        ({"model": "local/m", "tags": "t"}, "tags"),
        ({"model": "local/m", "enabled": "yes"}, "enabled"),
        ({"model": "local/m", "id": "a b"}, "id"),
        ({"model": "local/m", "connection_id": "none"}, "connection_id"),
        ({"model": "local/m", "connection": "none"}, "connection"),
        ({"combo": "inner", "connection_id": "none"}, "connection_id"),
        ({"model": "local/m", "base_url": "http://x"}, "base_url"),
    ],
    ids=str,
)
def test_what_is_refused(home: Home, step: Any, field: str) -> None:
    home.make("inner", "local/m")
    with pytest.raises(Invalid) as refusal:
        read(home, "local/m", step)
    assert list(refusal.value.fields) == ["steps[1]" + (f".{field}" if field else "")]
    assert refusal.value.message.startswith("Step 2: ")


def test_the_nearest_name_is_told(home: Home) -> None:
    home.make("inner", "local/m")
    for step, near in (("lokal/m", "local"), ("agentroute/m", "agentrouter"), ({"combo": "iner"}, "inner")):
        with pytest.raises(Invalid, match=f"the nearest is {near}"):
            read(home, step)


def test_a_connection_has_to_be_the_providers_own(home: Home) -> None:
    def bound(**given: Any) -> str | None:
        return home.parts.combos.draft({"steps": [{"model": "local/m", **given}]}).steps[0].connection_id

    assert bound(connection_id=home.at_node) == bound(connection="Local one") == bound(connection=home.at_node) == home.at_node
    assert bound(connection_id=None) is bound(connection_id="") is None
    for wrong in ({"connection_id": home.at_native}, {"connection": "AgentRouter"}, {"connection_id": "Local one"}):
        with pytest.raises(Invalid, match="no connection of Local"):
            bound(**wrong)


def test_at_most_a_hundred(home: Home) -> None:
    assert len(read(home, *["local/m"] * 100)) == 100
    with pytest.raises(Invalid) as refusal:
        read(home, *["local/m"] * 101)
    assert list(refusal.value.fields) == ["steps"]
    with pytest.raises(Invalid):
        home.parts.combos.draft({"steps": "local/m"})
