"""Broken documents: each is refused, names the place, says what to do, and changes nothing."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from omniroute.errors import Invalid, OperationError
from tests.backup.conftest import Place
from tests.parts import ADMIN

Edit = Callable[[dict[str, Any]], Any]


def refused(place: Place, raw: bytes) -> OperationError:
    """What it was refused with. Neither a row nor the version number has moved."""
    before = place.dump()
    with pytest.raises(OperationError) as caught:
        place.backup.restore(place.backup.read(raw), "replace", ADMIN)
    assert place.dump() == before
    return caught.value


TEXTS = {
    "empty": (b" \n", "is empty"),
    "no JSON": (b"{", "no JSON"),
    "a web page": (b"<html>", "no JSON"),
    "a list": (b"[]", "no backup"),
    "combos": (b'{"version": 1, "combos": [], "aliases": []}', "no backup"),
    "deep": (b'{"a":' * 300 + b"1" + b"}" * 300, "levels deep"),
    "deeper than can be read": (b"[" * 5000 + b"]" * 5000, "no JSON"),
    "no UTF-8": (b'{"version": "\xff"}', "no JSON"),
}


@pytest.mark.parametrize("name", TEXTS)
def test_a_text_that_is_no_backup(there: Place, name: str) -> None:
    raw, told = TEXTS[name]
    assert told in refused(there, raw).message


FRAMES: dict[str, tuple[Edit, str]] = {
    "version of tomorrow": (lambda d: d.update(version=2), "Update this gateway first"),
    "version is a text": (lambda d: d.update(version="1"), "reads version 1"),
    "version is true": (lambda d: d.update(version=True), "reads version 1"),
    "newer program": (lambda d: d.update(program="99.0.0"), "Update this gateway first"),
    "newer tables": (lambda d: d.update(schema="9999"), "Update this gateway first"),
    "no program": (lambda d: d.pop("program"), "which program"),
    "no tables": (lambda d: d.update(schema=5), "which tables"),
    "no time": (lambda d: d.update(madeAt="yesterday"), "madeAt"),
    "something more": (lambda d: d.update(logs=[]), "logs is no member"),
    "something more within": (lambda d: d["configuration"].update(logs=[]), "configuration.logs"),
    "a kind is missing": (lambda d: d["configuration"].pop("keys"), "configuration.keys is missing"),
    "a kind is no list": (lambda d: d["configuration"].update(combos={}), "configuration.combos must be a list"),
    "settings are a list": (lambda d: d["configuration"].update(settings=[]), "configuration.settings must be an object"),
    "no configuration": (lambda d: d.update(configuration=None), "configuration must be an object"),
    "secrets are a text": (lambda d: d.update(secrets="sk-..."), "secrets must be an object"),
}


@pytest.mark.parametrize("name", FRAMES)
def test_a_frame_that_does_not_fit(there: Place, document: dict[str, Any], name: str) -> None:
    edit, told = FRAMES[name]
    edit(document)
    assert told in refused(there, orjson.dumps(document)).message


def at(kind: str, number: int = 0, **members: Any) -> Edit:
    return lambda configuration: configuration[kind][number].update(members)


def step(**members: Any) -> Edit:
    return lambda configuration: configuration["combos"][1]["steps"][0].update(members)


# What is done to the configuration, the place that is named, and words of what is told.
ROWS: dict[str, tuple[Edit, str, str]] = {
    "a row is a text": (lambda c: c["nodes"].append("x"), "nodes[2]", "must be an object"),
    "an unknown member": (at("nodes", base_url="https://x.example.com"), "nodes[0]", "nearest is baseUrl"),
    "a reserved prefix": (at("nodes", prefix="auto"), "nodes[0].prefix", "gateway's own"),
    "a prefix that can't be": (at("nodes", prefix="a/b"), "nodes[0].prefix", "letters a-z"),
    "one prefix twice": (at("nodes", prefix="team"), "nodes 'Team'", "same prefix, 'Local', in the file too"),
    "no address": (at("nodes", baseUrl="ftp://x"), "nodes[0].baseUrl", "https://"),
    "a password in the address": (at("nodes", baseUrl="https://a:b@x.example.com"), "nodes[0].baseUrl", "don't belong in it"),
    "a path elsewhere": (at("nodes", chatPath="//evil.example.com"), "nodes[0].chatPath", "one slash"),
    "a header that is the gateway's": (at("nodes", customHeaders=[["Host", "x"]]), "nodes[0].customHeaders", "gateway alone"),
    "a header with a line break": (at("nodes", customHeaders=[["X-A", "b\r\nc: d"]]), "nodes[0].customHeaders", "line break"),
    "headers that are none": (at("nodes", customHeaders={"a": [1]}), "nodes[0].customHeaders", "each with a text"),
    "an id of another type": (at("nodes", id="anthropic-compatible-cc-0f"), "nodes[0].id", "openai-compatible-chat-"),
    "a type that is none": (at("nodes", type="gemini"), "nodes[0].type", "must be one of"),
    "a mode that does not go with it": (at("nodes", compatMode="cc"), "nodes[0].compatMode", "Anthropic compatible"),
    "a name with a null": (at("nodes", name="a\0b"), "nodes[0].name", "control characters"),
    "a name that is too long": (at("connections", name="x" * 101), "connections[0].name", "at most 100"),
    "no name": (at("connections", name=None), "connections[0].name", "is needed"),
    "a node that is not there": (
        at("connections", provider="openai-compatible-chat-nobody"),
        "connections[0].provider",
        "no provider",
    ),
    "a key in the open": (at("connections", apiKey="sk-open"), "connections[0].apiKey", "sealed"),
    "a key's mark with more": (at("connections", apiKey={"secret": True, "key": "sk"}), "connections[0].apiKey", "sealed"),
    "a field with a slash": (at("connections", 1, fields={"resource": "a/b"}), "connections[1].fields.resource", "host name"),
    "fields that are none": (at("connections", fields=["x"]), "connections[0].fields", "texts by name"),
    "a priority below": (at("connections", priority=-1), "connections[0].priority", "whole number"),
    "a quota that is none": (at("connections", quota={"unit": "miles"}), "connections[0].quota.unit", "must be one of"),
    "a quota with more": (at("connections", quota={"unit": "usd", "most": 1}), "connections[0]", "no member"),
    "the same connection twice": (lambda c: c["connections"].append(c["connections"][0]), "connections[3]", "comes twice"),
    "an id that can't be": (at("connections", id="../x"), "connections[0].id", "letters, digits"),
    "a model with dots": (at("models", id="a..b"), "models[0].id", "model id"),
    "a model of nobody": (at("models", provider="Nobody!"), "models[0].provider", "no provider"),
    "a model from nowhere": (at("models", source="dreamed"), "models[0].source", "must be one of"),
    "a combo with a reserved name": (at("combos", name="combo"), "combos[0].name", "gateway's own"),
    "a combo with a slash": (at("combos", name="a/b"), "combos[0].name", "letters, digits"),
    "two combos of one name": (at("combos", name="INNER"), "combos", "same name"),
    "a strategy that is none": (at("combos", strategy="best"), "combos[0].strategy", "must be one of"),
    "a step that is a number": (lambda c: c["combos"][1]["steps"].append(5), "combos[1].steps[2]", "must be an object"),
    "a step of no combo": (lambda c: c["combos"][0]["steps"][0].update(combo="gone"), "combos[0].steps[0].combo", "not there"),
    "a step without a model": (step(model=""), "combos[1].steps[0].model", ""),
    "a step with spaces": (step(model="a b"), "combos[1].steps[0].model", "one word"),
    "a step's provider with a slash": (step(provider="a/b"), "combos[1].steps[0].provider", "id of a provider"),
    "a step's weight": (step(weight=101), "combos[1].steps[0].weight", "from 0 to 100"),
    "a step without an id": (step(id=""), "combos[1].steps[0].id", "id of another step"),
    "a circle": (lambda c: c["combos"][1]["steps"].append({"id": "x", "combo": "outer"}), "combos[0].steps[0].combo", "circle"),
    "too many attempts": (at("combos", config={"max_attempts": 99}), "combos[0].config.max_attempts", "whole number"),
    "an alias in a circle": (
        lambda c: c["aliases"].extend([{"pattern": "a", "model": "b"}, {"pattern": "b", "model": "a"}]),
        "aliases",
        "never ends",
    ),
    "an alias of the gateway's": (at("aliases", pattern="auto"), "aliases[0].pattern", "gateway's own"),
    "an alias twice": (at("aliases", pattern="gpt-*"), "aliases[1].pattern", "comes twice"),
    "a scope that is none": (at("keys", scopes=["relay", "root"]), "keys[0].scopes", "must be one or more of"),
    "no scope at all": (at("keys", scopes=[]), "keys[0].scopes", "must be one or more of"),
    "a key's hash": (at("keys", sha256="A" * 64), "keys[0].sha256", "64 hex digits"),
    "two keys of one hash": (lambda c: c["keys"][1].update(sha256=c["keys"][0]["sha256"]), "keys", "same key"),
    "an endpoint that is none": (at("keys", allowedEndpoints=["v1"]), "keys[0].allowedEndpoints", "paths"),
    "a limit of none": (at("keys", requestsPerMinute=0), "keys[0].requestsPerMinute", "whole number"),
    "bodies of a key without a log": (at("keys", noLog=True, logBodies=True), "keys[0].logBodies", "switch one"),
    "a flag that is a number": (at("keys", isActive=1), "keys[0].isActive", "true or false"),
    "an expiry that is no time": (at("keys", expiresAt="soon"), "keys[0].expiresAt", "must be a time"),
    "a budget of nobody": (at("budgets", apiKeyId="nobody"), "budgets[0].apiKeyId", "no key"),
    "a budget of both": (at("budgets", limitUsd="1", limitTokens=5), "budgets[0].limitTokens", "one of the two"),
    "a budget of none": (at("budgets", 1, limitUsd=None, limitTokens=None), "budgets[1].limitUsd", "is needed"),
    "a period that is none": (at("budgets", period="year"), "budgets[0].period", "must be one of"),
    "a time zone that is none": (at("budgets", timezone="Mars"), "budgets[0].timezone", "time zone"),
    "a price below": (at("prices", input="-1"), "prices[0].input", "amount in dollars"),
    "a price of nothing": (at("prices", input=None, output=None, request=None), "prices[0].input", "needed"),
    "a step of a price": (at("prices", 1, tiers=[{"above": 0, "input": "1"}]), "prices[1].tiers[0].above", "whole number"),
    "a setting that is none": (lambda c: c["settings"].update(colour="red"), "settings", "no member"),
    "a theme that is none": (lambda c: c["settings"].update(theme="pink"), "settings.theme", "must be one of"),
    "a host that is none": (lambda c: c["settings"].update(allowedHosts=["http://x"]), "settings.allowedHosts", "without http"),
    "breakers that are none": (
        lambda c: c["settings"]["resilience"].update(breakerFailures=0),
        "settings.resilience.breakerFailures",
        "whole number",
    ),
}


@pytest.mark.parametrize("name", ROWS)
def test_a_row_that_does_not_fit(there: Place, document: dict[str, Any], name: str) -> None:
    edit, place, told = ROWS[name]
    edit(document["configuration"])
    refusal = refused(there, orjson.dumps(document))
    assert isinstance(refusal, Invalid)
    fitting = [text for where, text in refusal.fields.items() if where.startswith(place)]
    assert fitting and told in fitting[0], refusal.fields
    assert "nothing was changed" in refusal.message and place in refusal.message


def test_a_prefix_that_is_a_connected_native_providers(there: Place, document: dict[str, Any]) -> None:
    document["configuration"]["nodes"][0]["prefix"] = "agentrouter"
    refusal = refused(there, orjson.dumps(document))
    assert "belongs to the built-in provider AgentRouter" in refusal.message
    assert "Choose another prefix" in refusal.message


def test_everything_that_is_wrong_is_told_at_once_as_far_as_anybody_reads(there: Place, document: dict[str, Any]) -> None:
    document["configuration"]["aliases"] = [{"pattern": f"a b {number}", "model": "x"} for number in range(30)]
    document["configuration"]["keys"][0]["scopes"] = ["root"]
    refusal = refused(there, orjson.dumps(document))
    assert len(refusal.fields) == 20 and "And 11 more." in refusal.message


def test_a_key_that_manages_keys_can_t_make_one_that_may_more(there: Place, document: dict[str, Any]) -> None:
    from omniroute.security.audit import Actor

    before = there.dump()
    by = Actor("key", "manager", "127.0.0.1", frozenset({"manage"}))
    with pytest.raises(OperationError, match="lacks the scope relay"):
        there.backup.restore(there.backup.read(orjson.dumps(document)), "replace", by)
    assert there.dump() == before


def leaves(value: Any, way: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The way to everything within, containers included."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [way, *(found for name, each in inner for found in leaves(each, (*way, name)))]


JUNK = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**64 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=20),
    st.just([]),
    st.just({}),
    st.just({"secret": True}),
    st.lists(st.text(max_size=3), max_size=3),
    st.dictionaries(st.text(max_size=5), st.integers(-(2**63), 2**64 - 1), max_size=2),
)


class Trial:
    """No dataclass: hypothesis would print all that is in one, and that is much."""

    def __init__(self, place: Place, fresh: Callable[[], dict[str, Any]]) -> None:
        self.place, self.fresh = place, fresh


@pytest.fixture
def trial(there: Place, fresh: Callable[[], dict[str, Any]]) -> Trial:
    return Trial(there, fresh)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(where=st.integers(0, 10_000), junk=JUNK)
def test_whatever_stands_anywhere_it_is_restored_or_refused(trial: Trial, where: int, junk: Any) -> None:
    """And what was restored can be read as a configuration, exported, and restored again."""
    there, broken = trial.place, trial.fresh()
    ways = leaves(broken["configuration"])[1:]
    way = ways[where % len(ways)]
    holder: Any = broken["configuration"]
    for name in way[:-1]:
        holder = holder[name]
    holder[way[-1]] = copy.deepcopy(junk)
    before = there.dump()
    try:
        there.restored(broken)
    except OperationError:
        assert there.dump() == before
        return
    assert there.changes(there.restored(there.exported())) == []


def test_the_furnished_gateway_has_something_of_every_kind(document: dict[str, Any]) -> None:
    assert all(document["configuration"].values())
