from __future__ import annotations

import pytest

from omniroute.connections.prefixes import prefix_problem
from omniroute.errors import Conflict
from tests.parts import ADMIN, Parts

NODE = {
    "name": "My AgentRouter",
    "prefix": "agentrouter",
    "type": "anthropic-compatible",
    "compat_mode": "cc",
    "base_url": "https://agentrouter.org",
}
NATIVE = {"provider": "agentrouter", "api_key": "sk-test-0001"}


def test_a_node_takes_a_native_name_while_nobody_uses_it(parts: Parts) -> None:
    assert parts.store.current().prefixes["agentrouter"] == "agentrouter"
    node = parts.nodes.create(NODE, ADMIN)
    assert parts.store.current().prefixes["agentrouter"] == node.id


def test_then_the_native_provider_can_not_be_connected(parts: Parts) -> None:
    node = parts.nodes.create(NODE, ADMIN)
    with pytest.raises(Conflict) as caught:
        parts.connections.create(NATIVE, ADMIN)
    told = caught.value.fields["provider"]
    assert "belongs to the node 'My AgentRouter'" in told and "give the node another prefix" in told
    parts.nodes.update(node.id, {"prefix": "mine"}, ADMIN)  # the way out
    parts.connections.create(NATIVE, ADMIN)
    assert parts.store.current().prefixes["agentrouter"] == "agentrouter"
    assert parts.store.current().prefixes["mine"] == node.id


@pytest.mark.parametrize("active", [True, False])
def test_and_the_other_way_round(parts: Parts, active: bool) -> None:
    made = parts.connections.create(NATIVE | {"is_active": active}, ADMIN)
    with pytest.raises(Conflict) as caught:
        parts.nodes.create(NODE | {"prefix": "AgentRouter"}, ADMIN)
    told = caught.value.fields["prefix"]
    assert "belongs to the built-in provider AgentRouter, which has 1 connection" in told and "delete it" in told
    other = parts.nodes.create(NODE | {"prefix": "mine"}, ADMIN)
    with pytest.raises(Conflict):
        parts.nodes.update(other.id, {"prefix": "agentrouter"}, ADMIN)
    parts.connections.delete(made.id, ADMIN)  # the way out
    assert parts.nodes.update(other.id, {"prefix": "agentrouter"}, ADMIN).prefix == "agentrouter"


def test_aliases_count(parts: Parts) -> None:
    provider = next(one for one in parts.catalog.all() if one.aliases and not one.fields)
    alias = provider.aliases[0]
    node = parts.nodes.create(NODE | {"prefix": alias}, ADMIN)
    assert parts.store.current().prefixes[alias] == node.id
    with pytest.raises(Conflict):
        parts.connections.create({"provider": provider.id, "api_key": "sk-test-0001"}, ADMIN)
    parts.nodes.delete(node.id, ADMIN)
    parts.connections.create({"provider": provider.id, "api_key": "sk-test-0001"}, ADMIN)
    with pytest.raises(Conflict):
        parts.nodes.create(NODE | {"prefix": alias}, ADMIN)


def test_the_node_keeps_the_name_after_a_restart(parts: Parts) -> None:
    node = parts.nodes.create(NODE, ADMIN)
    fresh = parts.another()
    assert fresh.store.current().prefixes["agentrouter"] == node.id
    assert fresh.store.current().prefixes[node.id] == node.id
    fresh.database.close()


@pytest.mark.parametrize("prefix", ["a", "my-relay", "x.y_z-1", "0" * 64])
def test_usable_prefixes(prefix: str) -> None:
    assert prefix_problem(prefix) is None
