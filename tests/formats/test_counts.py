from __future__ import annotations

from typing import Any

import pytest

from omniroute.formats.counts import count, whole_number


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (5, 5),
        (5.0, 5),
        (0, 0),
        (-3, 0),
        (10**12, 10**12),
        (10**12 + 1, None),
        (1.8446744073709552e19, None),
        (-1e300, None),
        (float("inf"), None),
        (float("nan"), None),
        (True, None),
        ("5", None),
        (None, None),
    ],
)
def test_what_counts_as_a_count(value: Any, number: int | None) -> None:
    assert whole_number(value) == number
    assert count({"x": value}, "x") == number
