"""Whose price counts, for how long it is remembered, and that what is not known is never free."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from omniroute.prices.book import MOST_REMEMBERED
from omniroute.prices.price import Price, Rates
from omniroute.providers.catalog import Catalog
from omniroute.providers.values import Model
from omniroute.routing.candidates import Size
from omniroute.routing.configuration import Configuration
from omniroute.routing.cost import cost, exact_cost, overriding, price_at
from omniroute.routing.route import Target
from tests.routing.conftest import configuration, connection, provider

NOW = 1_795_800_000.0  # 2026-11-27
NOTHING = configuration([])


def target(model: str = "m", provider_id: str = "alpha", **said: Any) -> Target:
    """One that its provider lists with what is said; `None` for a price leaves it out."""
    owner = replace(provider(provider_id), models=(Model("m", "m", **said),))
    return Target(owner, model)


def priced(*overrides: tuple[str, Price], provider_id: str = "alpha") -> Configuration:
    return configuration([], prices={provider_id: overrides})


def flat(input: int, output: int, **more: Any) -> Price:
    return Price(Rates(input, output), **more)


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
        ("0.0000001", "0", Size(1_000_000, 0), 1),  # less than a micro-dollar for a million tokens is rounded up
    ],
)
def test_by_the_providers_file(input: str | None, output: str | None, size: Size, expected: int | None) -> None:
    given = {"input_price": input, "output_price": output}
    found = price_at(NOTHING, target(**{name: usd and Decimal(usd) for name, usd in given.items()}), NOW)
    assert cost(found, size) == expected
    assert found is None or found.source == "provider"


def test_a_model_that_nobody_knows_has_no_price() -> None:
    assert price_at(NOTHING, target("whatever"), NOW) is None
    assert cost(None, Size(1, 1)) is None and exact_cost(None, Size()) is None


def test_a_free_model_costs_nothing() -> None:
    found = price_at(NOTHING, target(free=True), NOW)
    assert found is not None and (cost(found, Size(10**9, 10**9)), found.source) == (0, "provider")


def test_the_operators_word_goes_first() -> None:
    own = flat(1, 2)
    assert price_at(priced(("m", own)), target(input_price=Decimal(3), output_price=Decimal(3)), NOW) is own
    assert price_at(priced(("m", own)), target(free=True), NOW) is own
    assert price_at(priced(("m", own), provider_id="openai"), target("m", "beta"), NOW) is None


def test_globs_come_in_the_order_in_which_they_are_stored() -> None:
    known = priced(("exact", flat(1, 1)), ("exa*", flat(2, 2)), ("*", flat(3, 3)))
    assert [overriding(known, "alpha", name) for name in ("exact", "exalted", "Exact")] == [
        ("exact", flat(1, 1)),
        ("exa*", flat(2, 2)),
        ("*", flat(3, 3)),
    ]
    assert overriding(known, "beta", "exact") is None


def test_a_name_with_signs_of_a_glob_is_also_itself() -> None:
    assert overriding(priced(("a[1]", flat(1, 1))), "alpha", "a[1]") == ("a[1]", flat(1, 1))


def test_the_table_knows_what_the_file_does_not_list(catalog: Catalog) -> None:
    found = price_at(NOTHING, Target(catalog.providers["openai"], "gpt-4.1-nano"), NOW)
    assert found == Price(Rates(100_000, 400_000, 25_000)) and found.source == "genai-prices"


def test_where_file_and_table_agree_the_tables_steps_count(catalog: Catalog) -> None:
    sol = Target(catalog.providers["openai"], "gpt-6.1-sol")
    found = price_at(NOTHING, sol, NOW)
    assert found is not None and found.source == "provider"
    assert cost(found, Size(272_000, 0)) == 544_000
    assert cost(found, Size(272_001, 0)) == 1_088_004
    sonar = Model("sonar", "Sonar", input_price=Decimal(1), output_price=Decimal(1))
    found = price_at(NOTHING, Target(replace(catalog.providers["perplexity"], models=(sonar,)), "sonar"), NOW)
    assert found is not None and (found.request, found.source) == (12_000, "provider")


def test_where_they_differ_the_files_word_stands(catalog: Catalog) -> None:
    """gemini-4-argon costs half until the end of November; its file has what it costs after that."""
    argon = Target(catalog.providers["gemini"], "gemini-4-argon")
    assert price_at(NOTHING, argon, NOW) == Price(Rates(4_000_000, 20_000_000, 200_000))


def test_a_price_that_begins_on_a_day_is_seen_from_its_midnight_on(catalog: Catalog) -> None:
    """Asked again and again, so that what is remembered has to be left behind at the right moment."""
    bare = replace(catalog.providers["gemini"], models=())
    midnight = 1_796_083_200.0  # 2026-12-01T00:00:00Z
    seen = [price_at(NOTHING, Target(bare, "gemini-4-argon"), at) for at in (NOW, midnight - 0.001, midnight, NOW, midnight)]
    assert [each and each.rates.input for each in seen] == [2_000_000, 2_000_000, 4_000_000, 2_000_000, 4_000_000]


def test_an_edit_is_seen_at_once_and_an_old_configuration_keeps_its_prices() -> None:
    before, after = priced(("m", flat(1, 1))), priced(("m", flat(2, 2)))
    for _ in range(2):
        assert price_at(before, target(), NOW) == flat(1, 1)
        assert price_at(after, target(), NOW) == flat(2, 2)
    assert price_at(replace(after, version=9), target(), NOW) == flat(2, 2)


def test_another_listing_of_the_same_provider_is_looked_at_anew() -> None:
    assert price_at(NOTHING, target(), NOW) is None
    assert price_at(NOTHING, target(free=True), NOW) is not None


def test_a_connections_own_address_changes_no_price(catalog: Catalog) -> None:
    sol = Target(catalog.providers["openai"], "gpt-6.1-sol")
    elsewhere = sol.through(connection("c", "openai", base_url="https://elsewhere.example"))
    assert price_at(NOTHING, elsewhere, NOW) is price_at(NOTHING, sol, NOW)


def test_what_is_remembered_does_not_grow_with_what_clients_ask_for() -> None:
    owner, own = target().provider, priced(("*", flat(1, 1)))
    for number in range(MOST_REMEMBERED + 10):
        assert price_at(own, Target(owner, f"made-up-{number}"), NOW) is not None
    assert price_at(own, target("made-up-1"), NOW) == flat(1, 1)


def test_it_is_found_once() -> None:
    """It is asked for every request, and making it anew each time would be slow."""
    known = target(input_price=Decimal(1), output_price=Decimal(2))
    assert price_at(NOTHING, known, NOW) is price_at(NOTHING, known, NOW + 3600)
