"""The management API as a script would use it: by JSON, with a key."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from tests.edge.conftest import House, Open, house, opened

__all__ = ["NODE", "Api", "house", "opened"]


@dataclass
class Api:
    """`last` is the last answer whole; calls return its status and its JSON."""

    house: House
    key: str

    def __call__(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        given = {"Authorization": f"Bearer {self.key}", **headers}
        answer = self.house.client.open(path, method=method, json=body, headers=given)
        return answer.status_code, answer.get_json(silent=True)


@pytest.fixture
def api(house: House) -> Api:
    return Api(house, house.key("relay", "manage"))


NODE = {"name": "Relay", "prefix": "relay", "type": "anthropic-compatible", "baseUrl": "https://relay.example.com"}


@pytest.fixture
def cc_house(opened: Open) -> House:
    return opened(enable_cc_compatible_provider=True)
