"""The table against the package that it is made of: the same cost for every name, or a stated reason why not."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from importlib import metadata
from pathlib import Path
from typing import Any

import orjson
import pytest
from genai_prices import Usage, calc_price
from genai_prices.data import providers
from genai_prices.types import ModelInfo, ModelPrice, TimeOfDateConstraint

from omniroute.prices.book import BEFORE, HOSTS, PROVIDERS, TABLE, listed_price
from omniroute.prices.price import cost

ROOT = Path(__file__).parent.parent.parent
SOLD = {provider.id: provider for provider in providers}
TOKENS = ("input_mtok", "output_mtok", "cache_read_mtok", "cache_write_mtok")

# (input, output, cached, cache write): short, long, with caches, beyond every step.
USAGES = ((1, 1, 0, 0), (12_345, 678, 0, 0), (150_000, 4_000, 100_000, 10_000), (1_900_001, 33_333, 700_007, 90_009))
MOMENTS = tuple(datetime(*day, tzinfo=UTC) for day in ((2024, 6, 1), (2026, 2, 3, 3), (2026, 11, 27, 2), (2027, 2, 1, 17)))


def names_of(section: str) -> Iterator[str]:
    """Every text of every clause, as a name by itself and as the beginning of one."""

    def texts(clause: Any) -> Iterator[str]:
        for part in getattr(clause, "or_", None) or getattr(clause, "and_", None) or ():
            yield from texts(part)
        for kind in ("equals", "starts_with", "ends_with", "contains"):
            if text := getattr(clause, kind, None):
                yield text

    for model in SOLD[section].models:
        for text in (model.id, *texts(model.match)):
            yield from (text, f"{text}-20251211", f"us.{text}-v1:0")


def why_not(model: ModelInfo, held: ModelPrice, usage: tuple[int, ...], ours: int | None, theirs: int) -> str:
    """The reason why the two differ; "" if there is none."""
    stated = {name: value for name, value in vars(held).items() if value is not None}
    if ours is None:
        if not stated:
            return "nothing is stated: theirs is 0, ours unknown"
        if not {"input_mtok", "output_mtok"} & stated.keys():
            return "other units alone: theirs is 0 for tokens, ours unknown"
        if "output_mtok" not in stated and usage[1]:
            return "no rate for output: theirs is 0 for it, ours unknown"
        return ""
    fractions = [rate for name in TOKENS for rate in rates_of(stated.get(name)) if rate * 10**6 % 1]
    if fractions and theirs <= ours <= theirs + 2 + (usage[0] + usage[1]) // 10**6:
        return "a rate that is no whole number of micro-dollars: rounded up"
    by_the_hour = isinstance(model.prices, list) and any(
        isinstance(each.constraint, TimeOfDateConstraint) for each in model.prices
    )
    return "by the time of the day: ours is the highest" if by_the_hour and ours > theirs else ""


def rates_of(value: Any) -> list[Decimal]:
    return [] if value is None else [value] if isinstance(value, Decimal) else [value.base, *(tier.price for tier in value.tiers)]


def ask(provider: str, section: str, name: str) -> str:
    """The name as our provider has it."""
    if provider == "huggingface":
        return f"{name}:{section.removeprefix('huggingface_')}"
    return BEFORE.get(provider, "") + name


@pytest.mark.parametrize(("provider", "section"), [*PROVIDERS.items(), *(("huggingface", section) for section in HOSTS.values())])
def test_the_cost_is_theirs_to_the_micro_dollar(provider: str, section: str) -> None:
    same, reasons, unlike = 0, Counter[str](), []
    for name in dict.fromkeys(names_of(section)):
        for turn, usage in enumerate(USAGES):
            at = MOMENTS[(turn + len(name)) % len(MOMENTS)]
            price = listed_price(provider, ask(provider, section, name), at.timestamp())
            ours = None if price is None else cost(price, *usage)
            try:
                counts = dict(
                    zip(("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens"), usage, strict=True)
                )
                found = calc_price(Usage(**counts), name, provider_id=section, genai_request_timestamp=at)
            except LookupError:
                assert price is None, f"{name}: ours alone"
                continue
            theirs = int((found.total_price * 1_000_000).to_integral_value(ROUND_HALF_UP))
            if ours == theirs:
                same += 1
            elif reason := why_not(found.model, found.model_price, usage, ours, theirs):
                reasons[reason] += 1
            else:
                unlike.append((name, usage, at, ours, theirs))
    assert not unlike, unlike[:5]
    assert same, reasons


def test_the_table_is_what_the_script_makes_of_the_package() -> None:
    printed = subprocess.run(
        [sys.executable, ROOT / "scripts" / "renew-prices", "--print"], check=True, capture_output=True, timeout=60
    )
    made, kept = orjson.loads(printed.stdout), orjson.loads(TABLE.read_bytes())
    assert kept["version"] == metadata.version("genai-prices")
    assert {**made, "made": kept["made"]} == kept, "run make prices"
