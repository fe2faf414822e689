"""A price, and what usage costs by it. Whole micro-dollars; rates are micro-dollars per million tokens."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal

Source = Literal["operator", "provider", "genai-prices"]
MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class Rates:
    """Micro-dollars per million tokens. None is not known; a `cache_read` or `cache_write` of None costs what input does."""

    input: int | None = None
    output: int | None = None
    cache_read: int | None = None
    cache_write: int | None = None


@dataclass(frozen=True, slots=True)
class Price:
    """`tiers` are (input tokens, rates): from more than so many on, the rates of the whole request. `request` is per request,
    in micro-dollars.
    """

    rates: Rates
    tiers: tuple[tuple[int, Rates], ...] = ()
    request: int = 0
    source: Source = field(default="operator", compare=False)

    @property
    def flat(self) -> bool:
        """By the request alone, whatever tokens it takes."""
        every = (self.rates, *(tier for _, tier in self.tiers))
        free = not any(rates.input or rates.output or rates.cache_read or rates.cache_write for rates in every)
        return free and (self.request > 0 or self.rates.input is not None)


def cost(price: Price, input: int, output: int, cached: int = 0, cache_write: int = 0) -> int | None:
    """Micro-dollars, rounded half up. `input` includes `cached` and `cache_write`. None where a rate that counts is not known."""
    exact = exact_cost(price, input, output, cached, cache_write)
    return None if exact is None else (exact + MILLION // 2) // MILLION


def exact_cost(price: Price, input: int, output: int, cached: int = 0, cache_write: int = 0) -> int | None:
    """The same in millionths of a micro-dollar, in which nothing has to be rounded. For comparing."""
    rates = price.rates
    for above, tier in price.tiers:
        if input > above:
            rates = tier
    fresh = max(0, input - cached - cache_write)
    parts = (
        (fresh, rates.input),
        (cached, rates.input if rates.cache_read is None else rates.cache_read),
        (cache_write, rates.input if rates.cache_write is None else rates.cache_write),
        (output, rates.output),
    )
    total = price.request * MILLION
    for tokens, rate in parts:
        if tokens and rate is None:
            return None
        total += tokens * (rate or 0)
    return total


def price_of(document: Mapping[str, Any]) -> Price:
    """An operator's, as it is stored: {"rates": {...}, "tiers": [[above, {...}]], "request": n}."""
    tiers = tuple((above, Rates(**rates)) for above, rates in document.get("tiers", ()))
    return Price(Rates(**document["rates"]), tiers, document.get("request", 0), "operator")


def usd(micro_dollars: int | None) -> Decimal | None:
    """Dollars, exactly, and with no more digits than it takes."""
    if micro_dollars is None:
        return None
    dollars = Decimal(micro_dollars) / MILLION
    return dollars.quantize(Decimal(1)) if dollars == dollars.to_integral_value() else dollars.normalize()
