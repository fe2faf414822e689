"""Each strategy keeps what it is given, and puts it in the order that its help promises."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniroute.prices.price import Price, Rates
from omniroute.routing.candidates import Candidate, Choice, Figures, Quota, Size, View
from omniroute.routing.cost import exact_cost, price_at
from omniroute.routing.strategies import STRATEGIES
from tests.routing.conftest import candidate, configuration

NOW = 1_800_000_000.0
DRAWS = 10_000
NO_OVERRIDES = configuration([])


def view(**more: object) -> View:
    priced = View(NOW, random.Random(7), price=lambda target: price_at(NO_OVERRIDES, target, NOW))
    return replace(priced, **more)


def single(id: str, weight: int = 1, **more: object) -> Choice:
    return Choice((candidate(id, **more),), weight)


def order(strategy: str, choices: list[Choice], seen: View) -> list[str]:
    """The connections in the order in which they would be asked."""
    arranged = STRATEGIES[strategy].order(choices, seen, "combo")
    return [each.connection.id for choice in arranged for each in choice.candidates]


def figures(**told: Figures) -> Callable[[Candidate], Figures]:
    return lambda each: told.get(each.connection.id, Figures())


# What holds for all of them ---------------------------------------------------------------------------

shares = st.none() | st.floats(0, 1)
prices = st.none() | st.decimals(0, 100, places=4)
windows = st.none() | st.integers(1, 5000)


@st.composite
def situations(draw: st.DrawFn) -> tuple[list[Choice], View]:
    """Up to six steps with up to three connections each, and all that may be known of them."""
    choices = []
    for index in range(draw(st.integers(0, 6))):
        facts = {"context_window": draw(windows), "input_price": draw(prices), "output_price": draw(prices)}
        found = tuple(candidate(f"c{index}{at}", **facts) for at in range(draw(st.integers(1, 3))))
        choices.append(Choice(found, draw(st.integers(0, 100)), draw(st.booleans())))
    everybody = [each for choice in choices for each in choice.candidates]
    counts = st.integers(0, 5)
    known = {each.connection.id: Figures(draw(counts), draw(counts), draw(st.none() | st.floats(1, 9999))) for each in everybody}
    quotas = {each.connection.id: Quota(draw(shares), draw(st.none() | st.floats(NOW - 9, NOW + 9))) for each in everybody}
    seen = View(
        NOW,
        random.Random(draw(st.integers(0, 99))),
        lambda each: known[each.connection.id],
        quotas.get,
        Size(draw(st.integers(0, 4000)), draw(st.integers(0, 1000))),
        {"combo": draw(st.integers(0, 50))},
        draw(st.sampled_from(["", "a", "b"])),
        {"combo": draw(st.sampled_from(everybody)).key} if everybody else {},
    )
    return choices, seen


@pytest.mark.parametrize("name", STRATEGIES)
@given(situations())
def test_nothing_is_lost_doubled_or_changed(name: str, given: tuple[list[Choice], View]) -> None:
    choices, seen = given
    before = list(choices)
    found = Counter(order(name, choices, seen))
    everybody = [each for choice in choices for each in choice.candidates]
    assert choices == before
    if STRATEGIES[name].leaves_out:
        needed = seen.size.input + seen.size.output
        kept = [each for each in everybody if each.target.window is None or each.target.window >= needed]
        assert found == Counter(each.connection.id for each in kept)
    else:
        assert found == Counter(each.connection.id for each in everybody)


@pytest.mark.parametrize("name", STRATEGIES)
def test_the_help_is_one_sentence_for_users(name: str) -> None:
    shown = STRATEGIES[name].help
    assert 30 < len(shown) < 130 and shown.endswith(".") and shown[0].isupper() and "`" not in shown


def test_there_are_fourteen() -> None:
    assert list(STRATEGIES) == [
        "priority",
        "round-robin",
        "weighted",
        "random",
        "least-used",
        "p2c",
        "fill-first",
        "cost-optimized",
        "latency-optimized",
        "headroom",
        "reset-window",
        "context-optimized",
        "cache-optimized",
        "lkgp",
    ]


def test_what_has_to_be_found_out_is_named() -> None:
    needs = {name: set(each.needs) for name, each in STRATEGIES.items() if each.needs}
    assert needs == {
        "round-robin": {"turn"},
        "cost-optimized": {"size"},
        "context-optimized": {"size"},
        "cache-optimized": {"prefix"},
    }


# Turns and luck ---------------------------------------------------------------------------------------


def test_round_robin_is_exact() -> None:
    steps = [Choice((candidate(f"{name}1"), candidate(f"{name}2")), 1) for name in "abc"]
    firsts = [order("round-robin", steps, view(turns={"combo": turn}))[0] for turn in range(12)]
    assert firsts == ["a1", "b1", "c1", "a2", "b2", "c2"] * 2
    assert order("round-robin", steps, view(turns={"combo": 4})) == ["b2", "b1", "c2", "c1", "a2", "a1"]


def test_round_robin_turns_the_keys_of_one_step_but_not_the_order_of_a_combo_within() -> None:
    keys = tuple(candidate(f"k{number}") for number in range(3))
    assert [order("round-robin", [Choice(keys)], view(turns={"combo": turn}))[0] for turn in range(4)] == ["k0", "k1", "k2", "k0"]
    assert [order("round-robin", [Choice(keys, 1, True)], view(turns={"combo": turn}))[0] for turn in range(4)] == ["k0"] * 4


def test_weighted_draws_by_weight_within_two_per_cent() -> None:
    steps, seen = [single("a", 60), single("b", 30), single("c", 10), single("never", 0)], view()
    drawn = [order("weighted", steps, seen) for _ in range(DRAWS)]
    firsts, seconds = Counter(each[0] for each in drawn), Counter(each[1] for each in drawn if each[0] == "a")
    for name, share in (("a", 0.6), ("b", 0.3), ("c", 0.1)):
        assert abs(firsts[name] / DRAWS - share) < 0.02
    assert abs(seconds["b"] / firsts["a"] - 0.75) < 0.02
    assert {each[-1] for each in drawn} == {"never"}


def test_weights_of_nothing_leave_the_order_as_listed() -> None:
    assert order("weighted", [single("a", 0), single("b", 0)], view()) == ["a", "b"]


def test_random_gives_each_the_same_share() -> None:
    steps, seen = [single(name) for name in "abcd"], view()
    firsts = Counter(order("random", steps, seen)[0] for _ in range(DRAWS))
    assert all(abs(firsts[name] / DRAWS - 0.25) < 0.02 for name in "abcd")


def test_p2c_never_begins_with_the_busiest() -> None:
    told = figures(a=Figures(0), b=Figures(5), c=Figures(9))
    steps, seen = [single(name) for name in "cba"], view(figures=told)
    firsts = Counter(order("p2c", steps, seen)[0] for _ in range(DRAWS))
    assert set(firsts) == {"a", "b"} and abs(firsts["a"] / DRAWS - 2 / 3) < 0.02


def test_p2c_takes_the_quicker_of_two_that_are_equally_busy_and_gives_the_unknown_a_chance() -> None:
    known = view(figures=figures(a=Figures(1, 0, 900.0), b=Figures(1, 0, 200.0)))
    assert {order("p2c", [single("a"), single("b")], known)[0] for _ in range(50)} == {"b"}
    new = view(figures=figures(a=Figures(1, 0, 900.0), b=Figures(1)))
    assert {order("p2c", [single("a"), single("b")], new)[0] for _ in range(50)} == {"a", "b"}


# Figures ----------------------------------------------------------------------------------------------


def test_least_used_counts_what_runs_then_the_last_minute() -> None:
    told = figures(a=Figures(2, 0), b=Figures(1, 9), c=Figures(1, 3), d=Figures(1, 3))
    assert order("least-used", [single(name) for name in "abcd"], view(figures=told)) == ["c", "d", "b", "a"]


def test_latency_puts_the_quickest_first_and_tries_unknown_ones_a_little() -> None:
    told = figures(a=Figures(first_ms=900.0), b=Figures(first_ms=150.0), c=Figures(first_ms=400.0))
    assert order("latency-optimized", [single(name) for name in "abc"], view(figures=told)) == ["b", "c", "a"]
    steps, seen = [single(name) for name in "axbyc"], view(figures=told)
    drawn = [order("latency-optimized", steps, seen) for _ in range(DRAWS)]
    tried = [each for each in drawn if each[0] in "xy"]
    assert 0.08 < len(tried) / DRAWS < 0.12 and {each[0] for each in tried} == {"x", "y"}
    assert {tuple(each) for each in drawn if each[0] not in "xy"} == {("b", "c", "a", "x", "y")}
    assert {tuple(each) for each in tried} == {("x", "b", "c", "a", "y"), ("y", "b", "c", "a", "x")}


def test_with_nothing_known_latency_keeps_the_list() -> None:
    seen = view()
    assert {tuple(order("latency-optimized", [single(name) for name in "abc"], seen)) for _ in range(100)} == {("a", "b", "c")}


@given(st.lists(st.floats(1, 60_000), min_size=1, max_size=8))
def test_latency_is_ascending(times: list[float]) -> None:
    told = {f"c{index}": Figures(first_ms=each) for index, each in enumerate(times)}
    found = order("latency-optimized", [single(name) for name in told], view(figures=figures(**told)))
    assert [told[name].first_ms for name in found] == sorted(times)


# Prices and windows -----------------------------------------------------------------------------------


def test_the_cheapest_depends_on_the_request() -> None:
    talker = single("talker", input_price=Decimal(10), output_price=Decimal(1))
    reader = single("reader", input_price=Decimal(1), output_price=Decimal(10))
    steps = [single("unknown"), talker, reader, single("free", input_price=Decimal(0), output_price=Decimal(0))]
    assert order("cost-optimized", steps, view(size=Size(1000, 10))) == ["free", "reader", "talker", "unknown"]
    assert order("cost-optimized", steps, view(size=Size(10, 1000))) == ["free", "talker", "reader", "unknown"]


def test_an_override_counts() -> None:
    steps = [single("listed", input_price=Decimal(1), output_price=Decimal(1)), single("own"), single("dear")]
    own = {"of-own": Price(Rates(0, 1)), "of-dear": Price(Rates(0, 0), request=5_000)}
    seen = view(size=Size(1000, 1000), price=lambda target: own.get(target.provider.id, price_at(NO_OVERRIDES, target, NOW)))
    assert order("cost-optimized", steps, seen) == ["own", "listed", "dear"]


@given(st.lists(st.tuples(prices, prices), max_size=8), st.integers(1, 10_000), st.integers(1, 10_000))
def test_costs_ascend_and_the_unknown_are_last(
    listed: list[tuple[Decimal | None, Decimal | None]], input: int, output: int
) -> None:
    steps = [single(f"c{at}", input_price=one, output_price=other) for at, (one, other) in enumerate(listed)]
    arranged = STRATEGIES["cost-optimized"].order(steps, view(size=Size(input, output)), "combo")
    costs = [exact_cost(price_at(NO_OVERRIDES, each.first.target, NOW), Size(input, output)) for each in arranged]
    known = [each for each in costs if each is not None]
    assert known == sorted(known) and costs == known + [None] * (len(costs) - len(known))


def test_the_smallest_window_that_fits() -> None:
    steps = [
        single("unknown"),
        single("huge", context_window=1_000_000),
        single("small", context_window=8_000),
        single("middle", context_window=128_000),
    ]
    assert order("context-optimized", steps, view(size=Size(7_000, 1_000))) == ["small", "middle", "huge", "unknown"]
    assert order("context-optimized", steps, view(size=Size(7_001, 1_000))) == ["middle", "huge", "unknown"]
    assert order("context-optimized", steps, view(size=Size(2_000_000, 0))) == ["unknown"]


def test_a_combo_within_keeps_those_of_its_models_that_fit() -> None:
    inner = Choice((candidate("s", context_window=10), candidate("l", context_window=1000)), 1, True)
    assert order("context-optimized", [inner, single("m", context_window=500)], view(size=Size(100))) == ["m", "l"]


# Quotas -----------------------------------------------------------------------------------------------

QUOTAS = {
    "half": Quota(0.5, NOW + 300),
    "spent": Quota(0.0, NOW + 60),
    "full": Quota(0.9, NOW + 900),
    "renewed": Quota(0.0, NOW - 1),
    "soon": Quota(None, NOW + 30),
}


@pytest.mark.parametrize(
    ("strategy", "expected"),
    [
        ("fill-first", ["half", "unknown", "full", "renewed", "soon", "spent"]),
        ("headroom", ["full", "half", "unknown", "renewed", "soon", "spent"]),
        ("reset-window", ["soon", "half", "full", "unknown", "renewed", "spent"]),
    ],
)
def test_quotas(strategy: str, expected: list[str]) -> None:
    steps = [single(name) for name in ("half", "spent", "unknown", "full", "renewed", "soon")]
    assert order(strategy, steps, view(quota=QUOTAS.get)) == expected


def test_headroom_takes_what_it_does_not_know_for_half_full() -> None:
    quotas = {"more": Quota(0.51), "less": Quota(0.49), "spent": Quota(0.0)}
    steps = [single(name) for name in ("spent", "less", "unknown", "more", "another")]
    assert order("headroom", steps, view(quota=quotas.get)) == ["more", "unknown", "another", "less", "spent"]
    assert order("headroom", steps, view()) == [step.first.connection.id for step in steps]


def served(strategy: str, sizes: dict[str, int], *, known: bool = True, requests: int = DRAWS) -> Counter[str]:
    """How many requests each connection gets. Each may serve as many as `sizes` says, and tells with each answer what is left.

    Without `known` none is known before it was asked.
    """
    used: Counter[str] = Counter()
    seen = view(quota=lambda id: Quota(1 - used[id] / sizes[id], NOW + sizes[id]) if known or used[id] else None)
    steps = [single(name) for name in sizes]
    for _ in range(requests):
        used[order(strategy, steps, seen)[0]] += 1
    return used


@pytest.mark.parametrize("known", [True, False])
def test_headroom_uses_all_quotas_up_evenly(known: bool) -> None:
    sizes = {"small": 2_000, "large": 8_000, "middle": 6_000}
    used = served("headroom", sizes, known=known)
    assert all(abs(used[name] / size - DRAWS / 16_000) < 0.02 for name, size in sizes.items())


def test_fill_first_begins_with_the_next_one_when_one_is_used_up() -> None:
    assert served("fill-first", {"b": 4_000, "a": 9_000, "c": 9_000}) == {"b": 4_000, "a": 6_000}


def test_reset_window_uses_up_what_is_renewed_first() -> None:
    assert served("reset-window", {"late": 9_000, "soon": 3_000, "next": 5_000}) == {"soon": 3_000, "next": 5_000, "late": 2_000}


# Affinity ---------------------------------------------------------------------------------------------


def test_a_beginning_goes_to_the_same_connection_in_every_process() -> None:
    """The literal would change if the hash did: then all caches would be cold once."""
    steps = [single(name) for name in "abcd"]
    assert order("cache-optimized", steps, view(prefix="p1")) == ["b", "c", "d", "a"]
    assert order("cache-optimized", steps[::-1], view(prefix="p1")) == ["b", "c", "d", "a"]


@given(st.text(min_size=1), st.integers(0, 5))
def test_a_connection_that_goes_moves_only_its_own_beginnings(prefix: str, gone: int) -> None:
    steps = [single(f"c{number}") for number in range(6)]
    before = order("cache-optimized", steps, view(prefix=prefix))
    after = order("cache-optimized", steps[:gone] + steps[gone + 1 :], view(prefix=prefix))
    assert after == [name for name in before if name != f"c{gone}"]


def test_beginnings_are_spread_evenly() -> None:
    steps = [single(name) for name in "abcd"]
    firsts = Counter(order("cache-optimized", steps, view(prefix=str(number)))[0] for number in range(DRAWS))
    assert all(abs(firsts[name] / DRAWS - 0.25) < 0.02 for name in "abcd")


def test_without_a_beginning_the_list_stays() -> None:
    assert order("cache-optimized", [single("b"), single("a")], view()) == ["b", "a"]


def test_the_last_good_one_goes_first_within_its_step_too() -> None:
    steps = [single("a"), Choice((candidate("b1"), candidate("b2")))]
    assert order("lkgp", steps, view(last_good={"combo": ("b2", "m")})) == ["b2", "b1", "a"]
    assert order("lkgp", steps, view(last_good={"another": ("b2", "m")})) == ["a", "b1", "b2"]
    assert order("lkgp", steps, view(last_good={"combo": ("gone", "m")})) == ["a", "b1", "b2"]
