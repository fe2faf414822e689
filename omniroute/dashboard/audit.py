"""Who changed what: the audit, newest first, in plain words."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from flask import request
from flask.typing import ResponseReturnValue

from omniroute.dashboard import undo
from omniroute.dashboard.audit_changes import Change, changes
from omniroute.dashboard.audit_filters import EVERYTHING, Asked, actions, chips, exported, read
from omniroute.dashboard.audit_words import ACTORS, KINDS, Names, Piece, names_of, only_switched, sentence, thing, what, who
from omniroute.dashboard.log_filters import CUSTOM, RANGES
from omniroute.dashboard.routes import Route
from omniroute.dashboard.shell import page
from omniroute.errors import Invalid
from omniroute.security.audit import AuditView
from omniroute.services import Services

SHOWN_AT_ONCE = 4  # lines of a change; more are folded away, and so is what something was made with


@dataclass(frozen=True, slots=True)
class Line:
    """One row as it is shown. `name` is what its subject is called, "" where it has none; `whole` is a thing made or deleted.
    `undo` is whether it can be taken back now.
    """

    entry: AuditView
    what: tuple[Piece, ...]
    who: tuple[str, str]
    name: str
    changes: tuple[Change, ...]
    whole: bool
    undo: bool

    @property
    def words(self) -> str:
        return sentence(self.what)

    @property
    def nothing(self) -> bool:
        """What was saved is not to be seen: a secret, or nothing."""
        return not self.whole and not self.entry.before

    @property
    def folded(self) -> bool:
        return len(self.changes) > (1 if self.whole else SHOWN_AT_ONCE)


def audit(services: Services) -> ResponseReturnValue:
    asked = read(request.args, services.clock.now())
    before = request.args.get("before") or None
    try:
        found = services.audit.page(asked.filters, before)
    except Invalid:  # an old bookmark: its cursor means nothing any more
        before, found = None, services.audit.page(asked.filters)
    names = names_of(services, found.rows)
    return page(
        "audit.html",
        here="audit",
        title="Audit",
        lines=lines(services, found.rows, names),
        older=found.next,
        first_page=before is None,
        asked=asked,
        exported=exported(asked.filters),
        everything=EVERYTHING,
        chips=chips(asked, called(asked, found.rows, names)),
        kinds=KINDS.items(),
        actions=actions(),
        actors=offered(services, asked),
        ranges={"": "Any time", **{name: label for name, (label, _) in RANGES.items()}, CUSTOM: "From … until"}.items(),
    )


def lines(services: Services, rows: Iterable[AuditView], names: Names) -> list[Line]:
    configuration = services.configuration.current()
    rows, found = tuple(rows), []
    undoable = undo.offered(services, rows)
    for row in rows:
        shown = () if only_switched(row) else changes(row, configuration)
        whole = row.before is None or row.after is None
        found.append(Line(row, what(row, names), who(row), thing(row, names), shown, whole, row.id in undoable))
    return found


def called(asked: Asked, rows: Iterable[AuditView], names: Names) -> str:
    """The subject that is asked for, by its name as far as a row on this page tells it."""
    subject = asked.query.get("subject", "")
    return next((name for row in rows if row.subject == subject and (name := thing(row, names))), subject)


def offered(services: Services, asked: Asked) -> list[tuple[str, str]]:
    """Who may be asked for: kinds of actors, and the keys that may change things. Who is asked for stays, though he be gone."""
    keys = {f"key:{row.name}": f"Key {row.name}" for row in services.keys.list() if "manage" in row.scopes}
    if (actor := asked.query.get("actor", "")).startswith("key:"):
        keys.setdefault(actor, f"Key {actor.partition(':')[2]}")
    return [*ACTORS.items(), *keys.items()]


ROUTES = (Route("GET", "/dashboard/audit", "audit", audit),)
