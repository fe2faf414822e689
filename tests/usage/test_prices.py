"""The operator's prices: read exactly, kept, told with every mistake, and counted at once."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from omniroute.errors import Invalid, Missing
from omniroute.prices.price import Price, Rates
from omniroute.routing.cost import price_at
from omniroute.routing.resolve import resolve
from omniroute.usage.prices import MOST, PricedView, StepView
from tests.parts import ADMIN, START, Parts

NODE = {"name": "Local", "prefix": "local", "type": "openai-compatible", "base_url": "https://local.example.com/v1"}


def put(parts: Parts, model: str = "gpt-4.1", provider: str = "openai", **given: Any) -> None:
    parts.prices.put(provider, model, given, ADMIN)


def wrong(parts: Parts, model: str = "m", **given: Any) -> dict[str, str]:
    with pytest.raises(Invalid) as caught:
        put(parts, model, **given)
    return dict(caught.value.fields)


def priced(parts: Parts, name: str) -> Price | None:
    known = parts.store.current()
    return price_at(known, resolve(name, known).targets[0], parts.clock.now())


def test_one_is_set_changed_and_deleted(parts: Parts) -> None:
    parts.connections.create({"provider": "openai", "api_key": "sk-test-0123456789"}, ADMIN)
    listed = priced(parts, "openai/gpt-4.1")
    assert listed is not None and listed.source == "provider"
    put(parts, input="1.5", output=6, cache_read=0.375)
    assert priced(parts, "openai/gpt-4.1") == Price(Rates(1_500_000, 6_000_000, 375_000))
    parts.clock.move(5)
    put(parts, input=0, output="0.000001", request="0.01")
    (view,) = parts.prices.list()
    assert (view.provider_id, view.model, view.input, view.output) == ("openai", "gpt-4.1", Decimal(0), Decimal("0.000001"))
    assert (view.cache_read, view.request, view.tiers, view.updated_at) == (None, Decimal("0.01"), (), START + 5)
    assert priced(parts, "openai/gpt-4.1") == Price(Rates(0, 1), request=10_000)
    parts.clock.move(5)
    parts.prices.delete("openai", "gpt-4.1", ADMIN)
    assert priced(parts, "openai/gpt-4.1") == listed and parts.prices.list() == ()
    assert [action for action in parts.actions() if action.startswith("price")] == ["price.put", "price.put", "price.delete"]


def test_what_was_changed_is_in_the_audit_log_in_dollars(parts: Parts) -> None:
    put(parts, input="1.5", output=6)
    parts.clock.move(5)
    put(parts, input="1.5", output=7, tiers=[{"above": 1000, "input": 3}])
    change, _ = parts.audited("price.put")
    assert change.subject == "price:openai/gpt-4.1"
    assert change.before == {"output": "6"}
    assert change.after == {"output": "7", "tiers": [{"above": 1000, "input": "3", "output": "7"}]}


def test_the_same_again_changes_nothing(parts: Parts) -> None:
    put(parts, input=1)
    parts.clock.move(5)
    put(parts, input="1.000")
    assert parts.prices.list()[0].updated_at == START and parts.actions().count("price.put") == 1


def test_another_worker_sees_it(parts: Parts) -> None:
    other = parts.another()
    assert other.store.current().prices == {}
    put(parts, "b*", input=1)
    put(parts, "bee", input=2)
    put(parts, "b", input=3)
    names = [name for name, _ in other.store.current().prices["openai"]]
    assert names == ["bee", "b", "b*"]
    other.database.close()


def test_steps_inherit_what_they_leave_out(parts: Parts) -> None:
    put(parts, input=1, output=2, cache_read="0.1", tiers=[{"above": 9000, "output": 4}, {"above": 200, "input": 2}])
    first, second = parts.prices.list()[0].tiers
    assert first == StepView(200, Decimal(2), Decimal(2), Decimal("0.1"), None)
    assert second == StepView(9000, Decimal(1), Decimal(4), Decimal("0.1"), None)


def test_a_price_for_each_request_alone_makes_tokens_free(parts: Parts) -> None:
    put(parts, request="0.05")
    assert parts.store.current().prices["openai"] == (("gpt-4.1", Price(Rates(0, 0), request=50_000)),)


@pytest.mark.parametrize(
    ("given", "field", "why"),
    [
        ({}, "input", "price for each request is needed"),
        ({"input": "", "output": None, "request": " "}, "input", "is needed"),
        ({"cache_read": 1}, "input", "is needed"),
        ({"cache_read": 1, "request": 1}, "input", "where a cache has a price"),
        ({"input": -1}, "input", "from 0"),
        ({"input": "1e3"}, "input", "from 0"),
        ({"input": "1,5"}, "input", "such as 2.5"),
        ({"input": True}, "input", "from 0"),
        ({"input": float("nan")}, "input", "from 0"),
        ({"input": "NaN"}, "input", "from 0"),
        ({"input": [1]}, "input", "from 0"),
        ({"output": "0.0000001"}, "output", "six decimal places"),
        ({"output": 0.1 + 0.2}, "output", "six decimal places"),
        ({"output": 100_000.5}, "output", "to 100,000"),
        ({"request": 1001}, "request", "to 1,000"),
        ({"input": 1, "inptu": 2}, "inptu", "nearest is input"),
        ({"input": 1, "tiers": "many"}, "tiers", "must be a list"),
        ({"input": 1, "tiers": [{"above": n} for n in range(1, 12)]}, "tiers", "at most 10"),
        ({"input": 1, "tiers": [{"above": 0, "input": 1}]}, "tiers[0].above", "from 1"),
        ({"input": 1, "tiers": [{"input": 1}]}, "tiers[0].above", "from 1"),
        ({"input": 1, "tiers": [{"above": 5}]}, "tiers[0].input", "is needed"),
        ({"input": 1, "tiers": [{"above": 5, "input": 1}, {"above": 5, "input": 2}]}, "tiers[1].above", "twice"),
        ({"input": 1, "tiers": [{"above": 5, "input": "x"}]}, "tiers[0].input", "from 0"),
    ],
)
def test_what_is_refused(parts: Parts, given: dict[str, Any], field: str, why: str) -> None:
    told = wrong(parts, **given)
    assert list(told) == [field] and why in told[field]
    assert parts.prices.list() == ()


@pytest.mark.parametrize("model", ["", " ", "two words", "é", "x" * 257, "line\nbreak"])
def test_a_model_is_one_word(parts: Parts, model: str) -> None:
    assert list(wrong(parts, model, input=1)) == ["model"]


def test_every_mistake_is_told_at_once(parts: Parts) -> None:
    assert set(wrong(parts, "", input="x", output="y", request=-1)) == {"model", "input", "output", "request"}


def test_a_list_is_set_whole_or_not_at_all(parts: Parts) -> None:
    put(parts, "kept", input=9)
    rows = [
        {"provider": "openai", "model": "a", "input": 1},
        {"provider": "openai", "model": "b", "input": "x"},
        {"provider": "nobody", "model": "c", "input": 1},
    ]
    with pytest.raises(Invalid) as caught:
        parts.prices.put_all(rows, ADMIN)
    assert list(caught.value.fields) == ["prices[1].input", "prices[2].provider"]
    assert [view.model for view in parts.prices.list()] == ["kept"]
    assert [view.model for view in parts.prices.put_all(rows[:1], ADMIN)] == ["a"]
    assert [view.model for view in parts.prices.list()] == ["a", "kept"]


def test_an_alias_names_its_provider_and_a_node_goes_by_its_id(parts: Parts) -> None:
    node = parts.nodes.create(NODE, ADMIN).id
    put(parts, "*", "DS", input=1)
    put(parts, "llama", node, input=0, output=0)
    assert {view.provider_id for view in parts.prices.list()} == {"deepseek", node}


def test_who_is_not_there(parts: Parts) -> None:
    with pytest.raises(Missing) as caught:
        put(parts, provider="nobody", input=1)
    assert list(caught.value.fields) == ["provider"]
    with pytest.raises(Missing, match="no price of your own"):
        parts.prices.delete("openai", "gpt-4.1", ADMIN)


def test_prices_go_with_their_node(parts: Parts) -> None:
    node = parts.nodes.create(NODE, ADMIN).id
    put(parts, "llama", node, input=1)
    put(parts, input=1)
    parts.nodes.delete(node, ADMIN)
    assert [view.provider_id for view in parts.prices.list()] == ["openai"]


def test_there_is_an_end_to_them(parts: Parts) -> None:
    parts.prices.put_all([{"provider": "openai", "model": f"m{n}", "input": 1} for n in range(MOST)], ADMIN)
    assert "at most 5,000" in wrong(parts, "one-more", input=1)["model"]
    put(parts, "m1", input=2)  # what is there can be changed


def test_models_with_the_price_that_counts_and_by_whose_word(parts: Parts) -> None:
    node = parts.nodes.create(NODE, ADMIN).id
    for provider in ("openai", node):
        parts.connections.create({"provider": provider, "api_key": "sk-test-0123456789"}, ADMIN)
    parts.models.add(node, ["llama", "qwen"], "custom", ADMIN)
    parts.models.add("openai", ["gpt-4.1-nano"], "custom", ADMIN)
    put(parts, "ll*", node, input=1, output=2)
    found = {(view.provider_id, view.model): view for view in parts.prices.models()}
    assert found[node, "qwen"] == PricedView(node, "qwen", None, None)
    assert found[node, "llama"] == PricedView(node, "llama", "operator", "ll*", Decimal(1), Decimal(2))
    listed, collected = found["openai", "gpt-4.1"], found["openai", "gpt-4.1-nano"]
    assert (listed.source, listed.input) == ("provider", Decimal(2))
    assert (collected.source, collected.input) == ("genai-prices", Decimal("0.1"))
    assert found["openai", "gpt-6.1-sol"].tiers[0].above == 272_000
    assert not any(view.provider_id == "anthropic" for view in parts.prices.models())  # nobody is connected to it


def test_models_of_one_provider_by_name_whether_it_is_connected_or_not(parts: Parts) -> None:
    put(parts, "own", input=1)
    found = parts.prices.of("openai", ["own", "gpt-4.1", "nobody-knows"])
    assert [view.source for view in found.values()] == ["operator", "provider", None]
    assert parts.prices.of("gone", ["m"]) == {"m": PricedView("gone", "m", None, None)}
