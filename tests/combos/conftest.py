from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from omniroute.combos.operations import ComboView
from tests.parts import ADMIN, Parts


@dataclass
class Home:
    """One node with the prefix `local`, one native provider, each with a connection."""

    parts: Parts
    node: str
    at_node: str
    at_native: str

    def make(self, name: str, *steps: Any, **given: Any) -> ComboView:
        return self.parts.combos.create({"name": name, "steps": list(steps), **given}, ADMIN)


NODE = {"name": "Local", "prefix": "local", "type": "openai-compatible", "base_url": "https://local.example.com/v1"}


def furnish(parts: Parts) -> Home:
    node = parts.nodes.create(NODE, ADMIN).id
    at_node = parts.connections.create({"provider": node, "api_key": "sk-test-local", "name": "Local one"}, ADMIN).id
    at_native = parts.connections.create({"provider": "agentrouter", "api_key": "sk-test-native"}, ADMIN).id
    return Home(parts, node, at_node, at_native)


@pytest.fixture
def home(parts: Parts) -> Home:
    return furnish(parts)
