"""Prices are exact, and what is not known is never free."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniroute.routing.candidates import Size
from omniroute.routing.cost import cost, exact_cost
from omniroute.routing.route import Target
from tests.routing.conftest import candidate, provider


def target(input: str | None, output: str | None) -> Target:
    prices = {"input_price": input, "output_price": output}
    return candidate("c", **{name: None if price is None else Decimal(price) for name, price in prices.items()}).target


@pytest.mark.parametrize(
    ("input", "output", "size", "expected"),
    [
        ("3", "15", Size(1000, 500), 10_500),
        ("0.05", "0.4", Size(10, 0), 1),  # 0.5 is rounded up
        ("0.05", "0.4", Size(9, 0), 0),
        ("0", "0", Size(1000, 500), 0),
        (None, "15", Size(1000, 500), None),
        ("3", None, Size(1000, 500), None),
        (None, None, Size(0, 0), None),
        ("0.02", None, Size(1000, 0), 20),  # an embedding has no output
    ],
)
def test_micro_dollars(input: str | None, output: str | None, size: Size, expected: int | None) -> None:
    assert cost(target(input, output), size) == expected


def test_a_model_that_is_not_listed_has_no_price() -> None:
    assert cost(Target(provider("alpha"), "whatever"), Size(1, 1)) is None


@given(st.decimals(0, 1000, places=6), st.decimals(0, 1000, places=6), st.integers(0, 10**8), st.integers(0, 10**8))
def test_rounding_is_never_off_by_more_than_a_half(input: Decimal, output: Decimal, sent: int, got: int) -> None:
    found, exact = (
        cost(target(str(input), str(output)), Size(sent, got)),
        exact_cost(target(str(input), str(output)), Size(sent, got)),
    )
    assert found is not None and exact is not None and abs(found - exact) <= Decimal("0.5")
