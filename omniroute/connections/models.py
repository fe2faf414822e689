"""The models of a provider or node: the catalogue's, those discovered upstream, and those that a user added."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

import sqlalchemy as sa
from sqlalchemy.orm import Session

from omniroute.clock import Clock
from omniroute.errors import Conflict, Invalid, Missing
from omniroute.models.db import Database, insert_new
from omniroute.models.upstreams import ModelRow, NodeRow
from omniroute.providers.catalog import Catalog, Model
from omniroute.security.audit import Actor, record
from omniroute.state.configuration import ConfigurationStore

MOST = 5000  # ids in one call
SOURCES = ("custom", "discovered")
_ORDER = {"catalog": 0, "discovered": 1, "custom": 2}
_ID = re.compile(r"[\x21-\x7e]{1,256}")


@dataclass(frozen=True, slots=True)
class ModelView:
    """`source` is catalog, discovered or custom. Prices in USD per million tokens. None is not known."""

    provider_id: str
    id: str
    name: str
    source: str
    hidden: bool
    context_window: int | None = None
    max_output: int | None = None
    input_price: Decimal | None = None
    output_price: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Refreshed:
    """How many discovered models came and went."""

    added: int
    removed: int


class ModelList:
    def __init__(self, database: Database, store: ConfigurationStore, catalog: Catalog, clock: Clock) -> None:
        self._database, self._store, self._catalog, self._clock = database, store, catalog, clock

    def for_provider(self, provider_id: str, hidden: bool = True) -> tuple[ModelView, ...]:
        """The catalogue's, then the discovered, then the custom ones; without the hidden ones if asked. Raises Missing."""
        with self._database.unit_of_work() as session:
            self._known(session, provider_id)
            views = self._views(session, provider_id)
        return tuple(view for view in views if hidden or not view.hidden)

    def add(self, provider_id: str, ids: Sequence[str], source: str, by: Actor) -> tuple[ModelView, ...]:
        """Add those that are not there yet; returns all of the provider. Raises Invalid, Missing."""
        if source not in SOURCES:
            raise Invalid("Source must be custom or discovered.", {"source": "must be custom or discovered"})
        wanted = _checked(ids)

        def work(session: Session) -> tuple[ModelView, ...]:
            self._known(session, provider_id)
            added = self._insert(session, provider_id, wanted, source)
            if added:
                record(session, self._clock.now(), by, "model.add", f"provider:{provider_id}", after={source: added})
            return self._views(session, provider_id)

        return self._store.change(work)

    def refresh(self, provider_id: str, ids: Iterable[str], by: Actor) -> Refreshed:
        """Make `ids` the discovered models. An id that can't be used is passed over: it is the upstream's, not a user's.

        Hidden models stay hidden, also when they come and go. Raises Missing.
        """
        wanted = [one for one in dict.fromkeys(ids) if isinstance(one, str) and usable(one)][:MOST]

        def work(session: Session) -> Refreshed:
            self._known(session, provider_id)
            rows = session.scalars(
                sa.select(ModelRow).where(
                    ModelRow.provider_id == provider_id, ModelRow.source == "discovered", ModelRow.hidden.is_(False)
                )
            )
            gone = [row for row in rows if row.model_id not in set(wanted)]
            for row in gone:
                session.delete(row)
            session.flush()
            added = self._insert(session, provider_id, wanted, "discovered")
            if added or gone:
                removed = [row.model_id for row in gone]
                after = {"added": added, "removed": removed}
                record(session, self._clock.now(), by, "model.refresh", f"provider:{provider_id}", after=after)
            return Refreshed(len(added), len(gone))

        return self._store.change(work)

    def hide(self, provider_id: str, model_id: str, by: Actor) -> None:
        """Leave a model out of the list that clients get. Raises Missing."""
        self._set_hidden(provider_id, model_id, True, by)

    def show(self, provider_id: str, model_id: str, by: Actor) -> None:
        """Raises Missing."""
        self._set_hidden(provider_id, model_id, False, by)

    def hide_many(self, provider_id: str, model_ids: Sequence[str], hidden: bool, by: Actor) -> int:
        """Hide or show all of these; how many were changed by it. What is not there is passed over. Raises Missing.

        The audit holds their names once, for the way back.
        """

        def work(session: Session) -> int:
            self._known(session, provider_id)
            wanted = set(model_ids)
            changed = [view.id for view in self._views(session, provider_id) if view.id in wanted and view.hidden != hidden]
            if changed:
                self._mark_many(session, provider_id, changed, hidden)
                action = "model.hide_many" if hidden else "model.show_many"
                was, now = ("shown", "hidden") if hidden else ("hidden", "shown")
                record(session, self._clock.now(), by, action, f"provider:{provider_id}", {was: len(changed)}, {now: changed})
            return len(changed)

        return self._store.change(work)

    def delete(self, provider_id: str, model_id: str, by: Actor) -> None:
        """Raises Missing, and Conflict for a model of the catalogue."""

        def work(session: Session) -> None:
            self._known(session, provider_id)
            row = session.get(ModelRow, (provider_id, model_id))
            if self._listed(provider_id, model_id):
                raise Conflict("This model comes with the program: it can be hidden, not deleted.")
            if row is None:
                raise _missing(model_id)
            before = {row.source: model_id, "hidden": row.hidden}
            record(session, self._clock.now(), by, "model.delete", f"provider:{provider_id}", before=before)
            session.delete(row)

        self._store.change(work)

    def _set_hidden(self, provider_id: str, model_id: str, hidden: bool, by: Actor) -> None:
        def work(session: Session) -> None:
            self._known(session, provider_id)
            was = self._mark(session, provider_id, model_id, hidden)
            before, after = {"model": model_id, "hidden": was}, {"hidden": hidden}
            record(
                session, self._clock.now(), by, "model.hide" if hidden else "model.show", f"provider:{provider_id}", before, after
            )

        self._store.change(work)

    def _mark(self, session: Session, provider_id: str, model_id: str, hidden: bool) -> bool:
        """Whether it was hidden before. Raises Missing."""
        row = session.get(ModelRow, (provider_id, model_id))
        if row is None and self._listed(provider_id, model_id) is None:
            raise _missing(model_id)
        was = row is not None and row.hidden
        if row is None:
            insert_new(session, ModelRow, [_fresh(provider_id, model_id, "catalog", self._clock.now(), hidden)])
        elif row.source == "catalog" and not hidden:
            session.delete(row)
        else:
            row.hidden = hidden
        return was

    def _mark_many(self, session: Session, provider_id: str, ids: Sequence[str], hidden: bool) -> None:
        """As `_mark` for those that are there, in as many statements as for one."""
        if hidden:
            listed = [one for one in ids if self._listed(provider_id, one)]
            now = self._clock.now()
            insert_new(session, ModelRow, [_fresh(provider_id, one, "catalog", now, True) for one in listed])
        # By one name each, sent together: a list of thousands in one WHERE is more than a database takes.
        this = (ModelRow.provider_id == provider_id, ModelRow.model_id == sa.bindparam("this"))
        names, connection = [{"this": one} for one in ids], session.connection()
        if not hidden:
            connection.execute(sa.delete(ModelRow).where(*this, ModelRow.source == "catalog"), names)
        connection.execute(sa.update(ModelRow).where(*this).values(hidden=hidden), names)

    def _insert(self, session: Session, provider_id: str, ids: Iterable[str], source: str) -> list[str]:
        """Those of `ids` that were new. A model of the catalogue needs no row."""
        there = set(session.scalars(sa.select(ModelRow.model_id).where(ModelRow.provider_id == provider_id)))
        new = [one for one in ids if one not in there and not self._listed(provider_id, one)]
        now = self._clock.now()
        insert_new(session, ModelRow, [_fresh(provider_id, one, source, now, False) for one in new])
        return new

    def _views(self, session: Session, provider_id: str) -> tuple[ModelView, ...]:
        rows = {
            row.model_id: row
            for row in session.scalars(
                sa.select(ModelRow).where(ModelRow.provider_id == provider_id).order_by(ModelRow.created_at, ModelRow.model_id)
            )
        }
        provider = self._catalog.get(provider_id)
        views = [_view_listed(provider_id, model, rows.get(model.id)) for model in (provider.models if provider else ())]
        views += [
            ModelView(provider_id, row.model_id, row.name or row.model_id, row.source, row.hidden)
            for row in rows.values()
            if row.source != "catalog" and not self._listed(provider_id, row.model_id)
        ]
        return tuple(sorted(views, key=lambda view: _ORDER[view.source]))

    def _listed(self, provider_id: str, model_id: str) -> Model | None:
        provider = self._catalog.get(provider_id)
        return provider.model(model_id) if provider else None

    def _known(self, session: Session, provider_id: str) -> None:
        if self._catalog.get(provider_id) is None and session.get(NodeRow, provider_id) is None:
            raise Missing(f"There is no provider {provider_id[:80]!r}.")


def _view_listed(provider_id: str, model: Model, row: ModelRow | None) -> ModelView:
    return ModelView(
        provider_id=provider_id,
        id=model.id,
        name=model.name,
        source="catalog",
        hidden=row is not None and row.hidden,
        context_window=model.context_window,
        max_output=model.max_output,
        input_price=model.input_price,
        output_price=model.output_price,
    )


def _fresh(provider_id: str, model_id: str, source: str, now: float, hidden: bool) -> dict[str, object]:
    return {
        "provider_id": provider_id,
        "model_id": model_id,
        "source": source,
        "name": "",
        "hidden": hidden,
        "created_at": now,
    }


def _checked(ids: Sequence[str]) -> list[str]:
    wanted = list(dict.fromkeys(one.strip() for one in ids if one.strip()))
    if not wanted:
        raise Invalid("At least one model id is needed.", {"ids": "At least one model id is needed."})
    if len(wanted) > MOST:
        raise Invalid(f"At most {MOST} model ids at once.", {"ids": f"At most {MOST} model ids at once."})
    for one in wanted:
        if not usable(one):
            message = f"{one[:60]!r} can't be a model id: one word of up to 256 ASCII characters, without '..'."
            raise Invalid(message, {"ids": message})
    return wanted


def usable(model_id: str) -> bool:
    """Whether a text can be a model's id."""
    return _ID.fullmatch(model_id) is not None and ".." not in model_id


def _missing(model_id: str) -> Missing:
    return Missing(f"There is no model {model_id[:80]!r} here.")
