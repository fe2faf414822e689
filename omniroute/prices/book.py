"""What genai-prices has collected, by provider and model. Pure, but for reading table.json once, when it is first asked.

The table is made by scripts/renew-prices, which says what is in it. Models are found as genai-prices finds them (its
`Provider.find_model`, version 0.2.3): the first entry whose clause fits the name in lower case, then those of the other
providers whose models this one sells too, then the same for a name that ends in a compact date.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, lru_cache
from math import inf
from pathlib import Path
from typing import Any

import orjson

from omniroute.prices.price import Price, Rates

TABLE = Path(__file__).with_name("table.json")

# Our provider ids -> those of genai-prices. Who is not here has no price in the table: resellers with prices of their own
# (AgentRouter), servers that the user runs, nodes.
PROVIDERS: dict[str, str] = {
    "anthropic": "anthropic",
    "azure-openai": "azure",
    "bedrock": "aws",
    "cerebras": "cerebras",
    "cohere": "cohere",
    "deepseek": "deepseek",
    "fireworks": "fireworks",
    "gemini": "google",
    "gemini-openai": "google",
    "groq": "groq",
    "minimax": "minimax",
    "mistral": "mistral",
    "moonshot": "moonshotai",
    "openai": "openai",
    "openrouter": "openrouter",
    "perplexity": "perplexity",
    "together": "together",
    "vertex": "google",
    "xai": "x-ai",
    "zai": "zai",
}
# What stands before a model's name at some providers, and not in the table.
BEFORE: dict[str, str] = {"vertex": "google/"}
# Hugging Face passes requests on; what they cost is known where the model's name ends in the host that is to answer.
HOSTS: dict[str, str] = {
    "cerebras": "huggingface_cerebras",
    "fireworks-ai": "huggingface_fireworks-ai",
    "groq": "huggingface_groq",
    "hyperbolic": "huggingface_hyperbolic",
    "nebius": "huggingface_nebius",
    "novita": "huggingface_novita",
    "nscale": "huggingface_nscale",
    "ovhcloud": "huggingface_ovhcloud",
    "publicai": "huggingface_publicai",
    "sambanova": "huggingface_sambanova",
    "together": "huggingface_together",
}
SECTIONS = tuple(dict.fromkeys((*PROVIDERS.values(), *HOSTS.values())))

Dated = tuple[tuple[float, Price | None], ...]  # (from this moment on, price), in order; the first begins at -inf

MOST_REMEMBERED = 4096  # names come from clients: a memory of all of them would grow without end
_COMPACT_DATE = re.compile(r"-(20\d\d)(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])(?=[-:]|$)")


@dataclass(frozen=True, slots=True)
class Section:
    """One provider's models. `names` has the row of each whole name, `patterns` the clauses of another kind with their rows."""

    names: Mapping[str, int]
    patterns: tuple[tuple[int, Any], ...]
    prices: tuple[Any, ...]
    others: tuple[str, ...]


def listed_price(provider_id: str, model: str, at: float) -> Price | None:
    """What the model costs at that provider at that moment (epoch seconds); None where the table doesn't know."""
    return at_moment(listed(provider_id, model), at)[0]


def at_moment(dated: Dated, at: float) -> tuple[Price | None, float, float]:
    """The price that holds then, from when, and until when."""
    since, price, until = -inf, None, inf
    for start, each in dated:
        if at < start:
            until = start
            break
        since, price = start, each
    return price, since, until


@lru_cache(MOST_REMEMBERED)
def listed(provider_id: str, model: str) -> Dated:
    """All prices of the model, past and to come; () where the table doesn't know it."""
    name, section = model.lower(), PROVIDERS.get(provider_id)
    if provider_id == "huggingface":
        name, _, host = name.rpartition(":")
        section = HOSTS.get(host)
    if section is None:
        return ()
    name = name.removeprefix(BEFORE.get(provider_id, ""))
    found = _find(section, name) or _find(section, _COMPACT_DATE.sub(r"-\1-\2-\3", name))
    return tuple((_moment(day), None if price is None else _price(price)) for day, price in found)


def _find(section: str, name: str) -> Any:
    own = _section(section)
    for each in (own, *(_section(other) for other in own.others)):
        row = each.names.get(name, len(each.prices))
        row = next((earlier for earlier, clause in each.patterns if earlier < row and _fits(clause, name)), row)
        if row < len(each.prices):
            return each.prices[row]
    return ()


def _fits(clause: Any, name: str) -> bool:
    if isinstance(clause, str):
        return name == clause
    if isinstance(clause, list):
        return any(_fits(each, name) for each in clause)
    ((kind, wanted),) = clause.items()
    return FITS[kind](wanted, name)


FITS: dict[str, Callable[[Any, str], bool]] = {
    "starts": lambda wanted, name: name.startswith(wanted),
    "ends": lambda wanted, name: name.endswith(wanted),
    "contains": lambda wanted, name: wanted in name,
    "regex": lambda wanted, name: re.search(wanted, name) is not None,
    "all": lambda wanted, name: all(_fits(each, name) for each in wanted),
}


def edition() -> tuple[str, str]:
    """Of the table: the version of genai-prices that it was made of, and the day, as YYYY-MM-DD."""
    return _table()[0]


@cache
def _table() -> tuple[tuple[str, str], dict[str, bytes]]:
    """Each section as text: most gateways ask for few of them, and as objects all of them take two megabytes of each worker."""
    document = orjson.loads(TABLE.read_bytes())
    return (document["version"], document["made"]), {name: orjson.dumps(each) for name, each in document["sections"].items()}


@cache
def _section(name: str) -> Section:
    document = orjson.loads(_table()[1][name])
    names: dict[str, int] = {}
    patterns = []
    for row, each in enumerate(document["models"]):
        match = each["match"]
        for clause in match if isinstance(match, list) else [match]:
            if isinstance(clause, str):
                names.setdefault(clause, row)
            else:
                patterns.append((row, clause))
    return Section(names, tuple(patterns), tuple(each["prices"] for each in document["models"]), tuple(document["others"]))


def _moment(day: str) -> float:
    """A price holds from midnight UTC of its first day on."""
    return datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp() if day else -inf


def _price(document: Mapping[str, Any]) -> Price:
    tiers = tuple((above, Rates(*rates)) for above, rates in document.get("tiers", ()))
    return Price(Rates(*document["rates"]), tiers, document.get("request", 0), "genai-prices")
