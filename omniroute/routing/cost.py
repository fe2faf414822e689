"""What a target's model costs: the operator's word, else the provider's file, else what genai-prices has collected.

This is asked for every request, so what was found is remembered, for as long as the same overrides are in force.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import ROUND_CEILING, Decimal
from fnmatch import fnmatchcase
from math import inf
from typing import Any

from omniroute.prices import price as prices
from omniroute.prices.book import MOST_REMEMBERED, at_moment, listed
from omniroute.prices.price import MILLION, Price, Rates
from omniroute.providers.values import Model
from omniroute.routing.candidates import Size
from omniroute.routing.configuration import Configuration
from omniroute.routing.route import Target

FREE = Rates(0, 0, 0, 0)
WILD = "*?["


@dataclass(frozen=True, slots=True)
class Found:
    """A price with the moments between which it holds. `listing` are the provider's models that were looked at."""

    price: Price | None
    since: float
    until: float
    listing: tuple[Model, ...]


@dataclass(frozen=True, slots=True)
class Memory:
    """What was found under these overrides, by provider id and model. It holds them, so that they are told from any others."""

    overrides: Mapping[str, Any]
    found: dict[tuple[str, str], Found] = field(default_factory=dict)


_memory = Memory({})


def price_at(configuration: Configuration, target: Target, at: float) -> Price | None:
    """The price at that moment (epoch seconds). None is not known: that is never taken for free."""
    global _memory
    memory = _memory
    if memory.overrides is not configuration.prices:
        _memory = memory = Memory(configuration.prices)
    provider = target.provider
    key = provider.id, target.model
    found = memory.found.get(key)
    if found is None or found.listing is not provider.models or not found.since <= at < found.until:
        if len(memory.found) >= MOST_REMEMBERED:  # names come from clients
            memory.found.clear()
        found = memory.found[key] = _find(configuration, target, at)
    return found.price


def cost(price: Price | None, size: Size) -> int | None:
    """Micro-dollars of a request of that size, rounded half up; None where a price that counts is not known."""
    return None if price is None else prices.cost(price, size.input, size.output)


def exact_cost(price: Price | None, size: Size) -> int | None:
    """The same in millionths of a micro-dollar: for comparing, where even one token makes a difference."""
    return None if price is None else prices.exact_cost(price, size.input, size.output)


def overriding(configuration: Configuration, provider_id: str, model: str) -> tuple[str, Price] | None:
    """The operator's price for a model, with the name or glob that it is under."""
    for name, price in configuration.prices.get(provider_id, ()):
        if name == model or (any(mark in name for mark in WILD) and fnmatchcase(model, name)):
            return name, price
    return None


def _find(configuration: Configuration, target: Target, at: float) -> Found:
    provider = target.provider
    own = overriding(configuration, provider.id, target.model)
    if own is not None:
        return Found(own[1], -inf, inf, provider.models)
    collected, since, until = at_moment(listed(provider.id, target.model), at)
    known = provider.model(target.model)
    return Found((known and _of_file(known, collected)) or collected, since, until, provider.models)


def _of_file(model: Model, collected: Price | None) -> Price | None:
    """What the provider's file says. None where it says nothing.

    The file knows one rate for everybody. Where the collected price is the same for short prompts, its steps for long ones
    and its price for a request hold too: without them a long prompt would be counted at half of what it costs.
    """
    if model.free:
        return Price(FREE, source="provider")
    rates = Rates(*map(_rate, (model.input_price, model.output_price, model.cache_read_price, model.cache_write_price)))
    if rates.input is None and rates.output is None:
        return None
    if collected is None or (collected.rates.input, collected.rates.output) != (rates.input, rates.output):
        return Price(rates, source="provider")
    read = collected.rates.cache_read if rates.cache_read is None else rates.cache_read
    write = collected.rates.cache_write if rates.cache_write is None else rates.cache_write
    return Price(Rates(rates.input, rates.output, read, write), collected.tiers, collected.request, "provider")


def _rate(usd: Decimal | None) -> int | None:
    """USD per million tokens as micro-dollars, rounded up to a whole one."""
    return None if usd is None else int((usd * MILLION).to_integral_value(ROUND_CEILING))
