"""The rows of a document, read through the checks that guard each edit elsewhere: no second copy of a rule stands here.

Some rules of edits are about the moment and not about the thing, so a restore goes without them: a key's expiry may be past, what
a step or a price is about may be gone since, and a Claude Code compatible node may come while its flag is off. All of these are
states that a gateway comes to by itself, and a backup of it must not be lost for that.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from omniroute.backup.document import Document
from omniroute.backup.keeping import Keeper
from omniroute.backup.kinds import KEYS, KINDS, NODES, RATES, Identity, Kind, Row, Rows, camel
from omniroute.backup.reading_combos import read_aliases, read_combos
from omniroute.backup.reading_upstreams import Landed, provider_of, read_connection, read_id, read_node
from omniroute.backup.refusals import Refusals, members_of
from omniroute.connections.credentials import Credentials
from omniroute.connections.models import SOURCES, usable
from omniroute.connections.resilience import KEY as RESILIENCE
from omniroute.connections.resilience import SETTINGS as BREAKERS
from omniroute.connections.resilience import read_settings
from omniroute.errors import Invalid
from omniroute.given import Given
from omniroute.keys import budgets as budget_checks
from omniroute.keys import operations as key_checks
from omniroute.models.keys import KeyRow
from omniroute.preferences.operations import KNOWN as PREFERENCES
from omniroute.preferences.operations import LABELS as PREFERENCE_LABELS
from omniroute.routing.health import ResilienceSettings
from omniroute.usage import prices as price_checks

KEY = {**key_checks.LABELS, "id": "Id", "sha256": "Hash", "prefix": "Beginning", "last4": "End", "created_at": "Made"}
MODEL = {"provider": "Provider", "id": "Model", "source": "Source", "name": "Name", "hidden": "Hidden", "created_at": "Made"}
MODEL_SOURCES = ("catalog", *SOURCES)
STEP = (*RATES, "above")

_SHA256 = re.compile(r"[0-9a-f]{64}")
_PIECE = re.compile(r"[\x21-\x7e]{1,16}")


@dataclass(frozen=True, slots=True)
class Read:
    """The rows of a document by kind. `lacking` has, by kind and id, what has to be typed in again."""

    rows: Mapping[str, Rows]
    lacking: Mapping[tuple[str, str], tuple[str, ...]]


class Reader:
    """`rest` are the rows that are here, by kind, and stay where the document has none in their place: none if all go."""

    def __init__(
        self, document: Document, rest: Mapping[str, Rows], keeper: Keeper, credentials: Credentials, now: float
    ) -> None:
        self._document, self._rest, self._keeper, self._credentials, self._now = document, rest, keeper, credentials, now
        self._refusals = Refusals()
        self._rows: dict[str, Rows] = {}
        self._lacking: dict[tuple[str, str], tuple[str, ...]] = {}

    def read(self) -> Read:
        """Raises Invalid with everything that is wrong, by place."""
        for kind in KINDS:
            self._rows[kind.name] = {}
            for place, row in READERS[kind.name](self, kind):
                self._take(kind, place, row)
            if kind in (NODES, KEYS):  # others refer to them: what is wrong with these would be told again with each of those
                self._refusals.check()
        for name, columns in UNIQUE.items():
            self._require_one_each(name, columns)
        self._refusals.check()
        return Read(self._rows, self._lacking)

    def _take(self, kind: Kind, place: str, row: Row) -> None:
        identity = kind.identify(row)
        if identity in self._rows[kind.name]:
            self._refusals.note(place, f"This {kind.one} comes twice.")
        self._rows[kind.name][identity] = row

    def _each(self, kind: Kind, read: Callable[[Any], Row]) -> Iterator[tuple[str, Row]]:
        for number, given in enumerate(self._document.rows[kind.name]):
            place = f"{kind.name}[{number}]"
            with self._refusals.at(place):
                yield place, read(given)

    def _landed(self, kind: Kind, landed: Landed) -> Row:
        if landed.lacking:
            self._lacking[kind.name, landed.row["id"]] = landed.lacking
        return landed.row

    def _all(self, name: str) -> Rows:
        """As they will be."""
        return {**self._rest[name], **self._rows[name]}

    def _require_one_each(self, name: str, columns: tuple[str, ...]) -> None:
        """What only one may have: the database would refuse it too, but without a word that helps."""
        owners: dict[tuple[Any, ...], Identity] = {}
        for identity, row in self._all(name).items():
            values = tuple(value.casefold() if isinstance(value, str) else value for value in (row[each] for each in columns))
            if None in values:
                continue
            other = owners.setdefault(values, identity)
            if other != identity:
                first = self._all(name)[other]
                where = "here already; change or delete that one first" if other not in self._rows[name] else "in the file too"
                told = f"There is another with the same {ONE_EACH[name]}, {first['name']!r}, {where}."
                self._refusals.note(f"{name} {row['name']!r}", told)

    # One kind after the other -------------------------------------------------------------------

    def nodes(self, kind: Kind) -> Iterator[tuple[str, Row]]:
        return self._each(kind, lambda given: self._landed(kind, read_node(given, self._keeper, self._now)))

    def connections(self, kind: Kind) -> Iterator[tuple[str, Row]]:
        nodes = self._all("nodes")
        common = (nodes, self._keeper, self._credentials, self._now)
        return self._each(kind, lambda given: self._landed(kind, read_connection(given, *common)))

    def models(self, kind: Kind) -> Iterator[tuple[str, Row]]:
        return self._each(kind, self._model)

    def combos(self, kind: Kind) -> Iterator[tuple[str, Row]]:
        rows = read_combos(self._document.rows[kind.name], self._rest[kind.name].values(), self._refusals, self._now)
        return ((f"combos {row['name']}", row) for row in rows)

    def aliases(self, kind: Kind) -> Iterator[tuple[str, Row]]:
        combos = [row["name"] for row in self._all("combos").values()]
        rows = read_aliases(self._document.rows[kind.name], self._rest[kind.name].values(), combos, self._refusals)
        return ((f"aliases {row['pattern']}", row) for row in rows)

    def keys(self, kind: Kind) -> Iterator[tuple[str, Row]]:
        return self._each(kind, self._key)

    def budgets(self, kind: Kind) -> Iterator[tuple[str, Row]]:
        return self._each(kind, self._budget)

    def prices(self, kind: Kind) -> Iterator[tuple[str, Row]]:
        return self._each(kind, self._price)

    def settings(self, kind: Kind) -> Iterator[tuple[str, Row]]:
        read: dict[str, Any] = {}
        with self._refusals.at(kind.name):
            read = _settings(self._document.settings)
        return ((f"{kind.name}.{camel(name)}", {"key": name, "value": value}) for name, value in read.items())

    # One row ------------------------------------------------------------------------------------

    def _model(self, given: Any) -> Row:
        read = Given(members_of(given, MODEL), MODEL)
        provider_id, model_id = read.text("provider", needed=True), read.text("id", needed=True, longest=256)
        source, hidden = read.choice("source", MODEL_SOURCES, ""), read.flag("hidden", False)
        if model_id and not usable(model_id):
            read.refuse("id", "can't be a model id: one word of up to 256 ASCII characters, without '..'")
        if source == "catalog" and not hidden:
            read.refuse("hidden", "must be true for a model that comes with the program")
        name, made = read.text("name", longest=256), read.moment("created_at", None)
        read.check()
        provider_of(provider_id, self._all("nodes"), self._keeper.catalog)
        columns = {"source": source, "name": name, "hidden": hidden, "created_at": made or self._now}
        return {"provider_id": provider_id, "model_id": model_id, **columns}

    def _key(self, given: Any) -> Row:
        read = Given(members_of(given, KEY), KEY)
        expires_at = read.moment("expires_at", None)  # as it was before, so it may be past
        columns = key_checks.read_columns(read, _blank_key(expires_at), self._now)
        columns |= {"id": read_id(read), "name": read.text("name", needed=True), "digest": read.text("sha256", needed=True)}
        columns |= {name: read.text(name, needed=True) for name in ("prefix", "last4")}
        made = read.moment("created_at", None)
        if not _SHA256.fullmatch(columns["digest"]):
            read.refuse("sha256", "must be the SHA-256 of the key, as 64 hex digits")
        if not _PIECE.fullmatch(columns["prefix"]):
            read.refuse("prefix", "must be up to 16 ASCII characters")
        if not _PIECE.fullmatch(columns["last4"]) or len(columns["last4"]) > 4:
            read.refuse("last4", "must be up to 4 ASCII characters")
        read.check()
        return {**columns, "created_at": made or self._now}

    def _budget(self, given: Any) -> Row:
        key_id, budget = budget_checks.read_budget(members_of(given, budget_checks.LABELS))
        if (key_id,) not in self._all("keys"):
            told = f"There is no key {key_id[:80]!r} among the keys."
            raise Invalid(told, {"api_key_id": told})
        columns = {"unit": budget.unit, "limit": budget.limit, "warn_at": budget.warn_at, "timezone": budget.timezone}
        return {"key_id": key_id, "period": budget.period, **columns}

    def _price(self, given: Any) -> Row:
        members = members_of(given, price_checks.LABELS)
        if isinstance(members.get("tiers"), list):
            members["tiers"] = [members_of(step, STEP, "A step") for step in members["tiers"]]
        provider_id, model, price = price_checks.read_price(members)
        provider_of(provider_id, self._all("nodes"), self._keeper.catalog)
        return {"provider_id": provider_id, "model": model, "price": price_checks.as_stored(price)}


READERS: dict[str, Callable[[Reader, Kind], Iterator[tuple[str, Row]]]] = {
    "nodes": Reader.nodes,
    "connections": Reader.connections,
    "models": Reader.models,
    "combos": Reader.combos,
    "aliases": Reader.aliases,
    "keys": Reader.keys,
    "budgets": Reader.budgets,
    "prices": Reader.prices,
    "settings": Reader.settings,
}

# What no two rows of a table may have alike, and what people call it.
UNIQUE = {"nodes": ("prefix",), "connections": ("provider_id", "key_digest"), "combos": ("name",), "keys": ("digest",)}
ONE_EACH = {"nodes": "prefix", "connections": "API key", "combos": "name", "keys": "key"}


def _settings(given: Mapping[str, Any]) -> dict[str, Any]:
    labels = {**PREFERENCE_LABELS, RESILIENCE: "Resilience"}
    members = members_of(given, labels, "Settings")
    if isinstance(members.get(RESILIENCE), Mapping):
        members[RESILIENCE] = members_of(members[RESILIENCE], BREAKERS, "Resilience")
    read = Given(members, labels)
    chosen = {name: reader(read, name, default) for name, (_, default, reader) in PREFERENCES.items() if name in read}
    if RESILIENCE in read:
        inner = read.within(RESILIENCE, {name: label for name, (label, _, _) in BREAKERS.items()})
        chosen[RESILIENCE] = read_settings(inner, ResilienceSettings())
    read.check()
    return chosen


def _blank_key(expires_at: float | None) -> KeyRow:
    """What holds for a key where its row says nothing: it may do nothing."""
    nothing: dict[str, Any] = dict.fromkeys(key_checks.NUMBERS)
    lists: dict[str, Any] = {"scopes": [], "allowed_models": [], "allowed_endpoints": []}
    return KeyRow(expires_at=expires_at, is_active=True, no_log=False, log_bodies=False, **nothing, **lists)
