"""What usage costs: whole micro-dollars, never less for more, and unknown where a rate that counts is not known."""

from __future__ import annotations

from dataclasses import asdict, replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniroute.prices.price import MILLION, Price, Rates, cost, exact_cost, price_of

rates = st.integers(0, 10**10)
tokens = st.integers(0, 10**8)
unknown = st.none()


@st.composite
def prices(draw: st.DrawFn, some_unknown: bool = False) -> Price:
    """Any price. Its steps ascend, and none costs less than the one before: so are those that upstreams have."""
    least = Rates(*(draw(rates) for _ in range(4)))
    steps = sorted(draw(st.lists(st.integers(1, 10**6), max_size=3, unique=True)))
    tiers = []
    for above in steps:
        least = Rates(*(value + draw(st.integers(0, 10**6)) for value in asdict(least).values()))
        tiers.append((above, least))
    first = tiers[0][1] if tiers else least
    base = Rates(*(draw(st.integers(0, value)) for value in asdict(first).values()))
    if some_unknown:
        base = replace(base, **dict.fromkeys(draw(st.sets(st.sampled_from(list(asdict(base)))))))
    return Price(base, tuple(tiers), draw(st.integers(0, 10**9)))


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        ((1000, 500), 10_500),
        ((0, 0), 0),
        ((1, 0), 3),
        ((1000, 0, 1000), 300),  # all of it from the cache
        ((1000, 0, 400, 200), 400 * 3 + 120 + 750),
        ((1000, 0, 5000), 1500),  # more from the cache than there is: the rest is not less than nothing
    ],
)
def test_parts_of_the_input_have_rates_of_their_own(usage: tuple[int, ...], expected: int) -> None:
    assert cost(Price(Rates(3_000_000, 15_000_000, 300_000, 3_750_000)), *usage) == expected


def test_a_cache_without_a_rate_costs_what_input_does() -> None:
    assert cost(Price(Rates(2_000_000, 0)), 100, 0, 50, 25) == 200


def test_half_a_micro_dollar_is_rounded_up() -> None:
    assert [cost(Price(Rates(1, 0)), tokens, 0) for tokens in (499_999, 500_000, 1_499_999, 1_500_000)] == [0, 1, 1, 2]


def test_a_step_is_for_the_whole_request_and_from_one_more_token_on() -> None:
    price = Price(
        Rates(1 * MILLION, 1 * MILLION), ((100, Rates(2 * MILLION, 3 * MILLION)), (1000, Rates(4 * MILLION, 4 * MILLION)))
    )
    assert [cost(price, input, 10) for input in (100, 101, 1000, 1001)] == [110, 232, 2030, 4044]


def test_a_request_has_a_price_of_its_own() -> None:
    assert cost(Price(Rates(0, 0), request=5000), 10, 10) == cost(Price(Rates(), request=5000), 0, 0) == 5000


@pytest.mark.parametrize(
    ("known", "usage", "expected"),
    [
        (Rates(), (0, 0), 0),
        (Rates(input=MILLION), (5, 0), 5),
        (Rates(input=MILLION), (5, 1), None),
        (Rates(output=MILLION), (0, 5), 5),
        (Rates(output=MILLION), (1, 5), None),
        (Rates(output=MILLION, cache_read=MILLION), (5, 0, 5), 5),
        (Rates(output=MILLION, cache_read=MILLION), (5, 0, 4), None),
    ],
)
def test_unknown_is_never_nothing(known: Rates, usage: tuple[int, ...], expected: int | None) -> None:
    assert cost(Price(known), *usage) == expected


@given(prices(some_unknown=True), tokens, tokens, tokens, tokens)
def test_it_is_a_whole_number_or_unknown(price: Price, input: int, output: int, cached: int, written: int) -> None:
    found, exact = cost(price, input, output, cached, written), exact_cost(price, input, output, cached, written)
    assert type(found) is type(exact)
    if found is None or exact is None:
        assert None in asdict(price.rates).values()
    else:
        assert type(found) is int and abs(Fraction(exact, MILLION) - found) <= Fraction(1, 2)


@given(prices(), tokens, tokens, tokens, tokens)
def test_more_never_costs_less(price: Price, input: int, output: int, more_input: int, more_output: int) -> None:
    before, after = cost(price, input, output), cost(price, input + more_input, output + more_output)
    assert before is not None and after is not None and price.request <= before <= after


@given(prices(), st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 10**6))
def test_the_parts_of_the_input_add_up(price: Price, fresh: int, cached: int, written: int) -> None:
    """Each token of the input is counted once, at the rate of its part."""
    total = fresh + cached + written
    in_force = price.rates
    for above, tier in price.tiers:
        in_force = tier if total > above else in_force
    parts = zip((fresh, cached, written), (in_force.input, in_force.cache_read, in_force.cache_write), strict=True)
    assert exact_cost(price, total, 0, cached, written) == price.request * MILLION + sum(
        count * (rate or 0) for count, rate in parts
    )


@given(prices(some_unknown=True))
def test_an_operators_price_is_read_as_it_is_stored(price: Price) -> None:
    stored = {
        "rates": asdict(price.rates),
        "tiers": [[above, asdict(each)] for above, each in price.tiers],
        "request": price.request,
    }
    assert price_of(stored) == price and price_of(stored).source == "operator"
    assert price_of({"rates": {"input": 1}}) == Price(Rates(1))
