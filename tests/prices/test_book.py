"""How a model is found in the table, and which of its prices holds."""

from __future__ import annotations

from datetime import UTC, datetime
from math import inf

import orjson
import pytest

from omniroute.prices import book
from omniroute.prices.book import BEFORE, HOSTS, PROVIDERS, SECTIONS, TABLE, at_moment, edition, listed, listed_price
from omniroute.prices.price import Price, Rates
from omniroute.providers.catalog import Catalog

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC).timestamp()
ONE, TWO = Price(Rates(1)), Price(Rates(2))


@pytest.mark.parametrize(
    ("provider", "model", "input"),
    [
        ("openai", "gpt-4.1", 2_000_000),
        ("openai", "GPT-4.1", 2_000_000),
        ("openai", "gpt-5.2-2025-12-11", 1_750_000),
        ("openai", "gpt-5.2-20251211", 1_750_000),  # a compact date is read as a date
        ("azure-openai", "gpt-4.1", 2_000_000),  # by OpenAI's list, where Azure's says nothing
        ("vertex", "google/gemini-2.5-pro", 1_250_000),
        ("gemini", "gemini-2.5-pro", 1_250_000),
        ("openrouter", "deepseek/deepseek-r1:free", 0),
        ("huggingface", "meta-llama/Llama-3.3-70B-Instruct:groq", 590_000),
        ("bedrock", "us.anthropic.claude-haiku-4-5-20251001-v1:0", 1_100_000),
    ],
)
def test_found(provider: str, model: str, input: int) -> None:
    price = listed_price(provider, model, NOW)
    assert price is not None and (price.rates.input, price.source) == (input, "genai-prices")


@pytest.mark.parametrize(
    ("provider", "model"),
    [
        ("openai", "nobody-knows"),
        ("openai", ""),
        ("openai", "whisper-1"),  # by the hour
        ("agentrouter", "claude-opus-4-6"),  # resold at prices of its own
        ("ollama", "gpt-4.1"),
        ("openai-compatible-chat-1", "gpt-4.1"),
        ("huggingface", "meta-llama/Llama-3.3-70B-Instruct"),  # whoever the router chooses
        ("huggingface", "meta-llama/Llama-3.3-70B-Instruct:cheapest"),
        ("huggingface", ":groq"),
    ],
)
def test_unknown(provider: str, model: str) -> None:
    assert listed_price(provider, model, NOW) is None


def test_a_price_by_the_hour_of_the_day_is_the_highest_one() -> None:
    """DeepSeek takes half of it in the night."""
    flash = listed_price("deepseek", "deepseek-flash", NOW)
    assert flash == Price(Rates(300_000, 1_200_000, 6_000))


def test_the_price_of_the_moment() -> None:
    dated = ((-inf, ONE), (100.0, None), (200.0, TWO))
    assert at_moment(dated, 99.9) == (ONE, -inf, 100.0)
    assert at_moment(dated, 100.0) == (None, 100.0, 200.0)
    assert at_moment(dated, 1e12) == (TWO, 200.0, inf)
    assert at_moment((), 5.0) == (None, -inf, inf)


def test_earlier_prices_are_kept_with_their_days() -> None:
    (first, before), (second, after) = listed("gemini", "gemini-4-argon")
    assert (first, second) == (-inf, datetime(2026, 12, 1, tzinfo=UTC).timestamp())
    assert before is not None and after is not None and before.rates.input == 2_000_000 and after.rates.input == 4_000_000


def test_every_price_can_be_read() -> None:
    made = [book._price(price) for name in SECTIONS for row in book._section(name).prices for _, price in row if price]
    assert len(made) > 1500
    for price in made:
        every = (price.rates, *(tier for _, tier in price.tiers))
        values = [
            value for each in every for value in (each.input, each.output, each.cache_read, each.cache_write, price.request)
        ]
        assert all(value is None or (type(value) is int and 0 <= value <= 10**9) for value in values)
        assert [above for above, _ in price.tiers] == sorted({above for above, _ in price.tiers})


def test_what_is_mapped_exists_on_both_sides(catalog: Catalog) -> None:
    assert PROVIDERS.keys() <= catalog.providers.keys() and BEFORE.keys() <= PROVIDERS.keys()
    assert "huggingface" in catalog.providers and "huggingface" not in PROVIDERS
    assert set(SECTIONS) == {*PROVIDERS.values(), *HOSTS.values()} <= orjson.loads(TABLE.read_bytes())["sections"].keys()


def test_the_table_says_where_it_comes_from() -> None:
    table = orjson.loads(TABLE.read_bytes())
    assert "github.com/pydantic/genai-prices" in table["note"] and table["version"] and datetime.fromisoformat(table["made"])
    assert edition() == (table["version"], table["made"])
    assert "MIT License" in table["licence"] and "Pydantic" in table["licence"]
