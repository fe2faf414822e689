from __future__ import annotations

from typing import Any

import pytest
from cryptography.fernet import Fernet

from omniroute.connections.custom_headers import read_headers, seal_headers, shown_headers
from omniroute.errors import Invalid
from omniroute.given import Given
from omniroute.security.vault import Vault

STORED = (("X-Api-Key", "hidden"), ("X-Team", "blue"))


def read(value: Any) -> Any:
    given = Given({"custom_headers": value}, {"custom_headers": "Custom headers"})
    headers = read_headers(given, STORED)
    given.check()
    return headers


@pytest.mark.parametrize(
    ("given", "headers"),
    [
        (None, ()),
        ({}, ()),
        ({"X-A": " b "}, (("X-A", "b"),)),
        ([["X-A", "b"], ["X-B", None]], (("X-A", "b"), ("X-B", None))),
        ({"x-api-key": "***"}, (("x-api-key", "hidden"),)),
        ({"X-Team": "***"}, (("X-Team", "***"),)),
    ],
)
def test_shapes(given: Any, headers: Any) -> None:
    assert read(given) == headers


@pytest.mark.parametrize(
    "given",
    ["X-A: b", 7, [["X-A"]], [["X-A", 1]], [[1, "b"]], {"X A": "b"}, {"X-A": "b", "x-a": "c"}, {f"X-{n}": "" for n in range(51)}],
)
def test_refused(given: Any) -> None:
    with pytest.raises(Invalid) as caught:
        read(given)
    assert set(caught.value.fields) == {"custom_headers"}


def test_not_given_is_kept() -> None:
    assert read_headers(Given({}, {}), STORED) == STORED


def test_stored_and_shown() -> None:
    vault = Vault([Fernet.generate_key().decode()])
    stored = seal_headers((*STORED, ("x-app", None), ("Cookie", None)), vault)
    assert "hidden" not in str(stored) and stored[1] == ["X-Team", "blue"] and stored[3] == ["Cookie", None]
    assert shown_headers(stored) == (("X-Api-Key", "***"), ("X-Team", "blue"), ("x-app", None), ("Cookie", None))
