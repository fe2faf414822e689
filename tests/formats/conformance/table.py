"""`omniroute/formats/carried.toml`, resolved: what it says of each feature for each pair."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omniroute.formats import CLIENT_FORMATS, FORMATS, ir

PATH = Path(__file__).parents[3] / "omniroute" / "formats" / "carried.toml"
_KEYS = {"title", "clients", "upstreams", "target", "elsewhere", "own", "pairs"}


@dataclass(frozen=True, slots=True)
class Feature:
    """`outcomes` by (client format, upstream format)."""

    group: str
    name: str
    title: str
    target: ir.Target
    outcomes: Mapping[tuple[str, str], str]


@dataclass(frozen=True, slots=True)
class Table:
    """`titles` are those of the groups."""

    titles: Mapping[str, str]
    requests: tuple[Feature, ...]
    answers: tuple[Feature, ...]


def load() -> Table:
    """Raises ValueError for a key that means nothing."""
    document = tomllib.loads(PATH.read_text())
    return Table(
        document["titles"],
        tuple(_features(document["request"], "clients", tuple(FORMATS))),
        tuple(_features(document["answer"], "upstreams", tuple(CLIENT_FORMATS))),
    )


def _features(groups: Mapping[str, Any], word: str, columns: tuple[str, ...]) -> Iterator[Feature]:
    """`word` has the formats on whose side the feature is; `columns` are those of the other side."""
    for group, features in groups.items():
        for name, told in features.items():
            rows = told.get(word, list(FORMATS))
            pairs = dict(told.get("pairs", {}))
            if strange := told.keys() - _KEYS - set(columns):
                raise ValueError(f"{group}.{name}: {', '.join(sorted(strange))} means nothing here")
            outcomes = {(row, column): _outcome(told, pairs, row, column) for row in rows for column in columns}
            if pairs:
                raise ValueError(f"{group}.{name}: there is no pair {', '.join(pairs)}")
            if word == "upstreams":
                outcomes = {(client, upstream): outcome for (upstream, client), outcome in outcomes.items()}
            yield Feature(group, name, told["title"], ir.Target(**told.get("target", {})), outcomes)


def _outcome(told: Mapping[str, Any], pairs: dict[str, str], row: str, column: str) -> str:
    said = pairs.pop(f"{row} > {column}", None)
    if said is not None:
        return said
    if row == column:
        return str(told.get("own", "carried"))
    return str(told.get(column, told.get("elsewhere", "carried")))
