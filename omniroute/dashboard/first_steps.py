"""How far a new gateway is on its way to the first answer: four steps, each done or open by what is really there.

Nothing of it is stored, so a step that is undone (the last provider deleted) is open again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from flask import request
from flask.typing import ResponseReturnValue

from omniroute.connections.operations import ConnectionView
from omniroute.dashboard.asking import HEADERS
from omniroute.dashboard.connection_forms import say
from omniroute.dashboard.shell import page
from omniroute.edge.current import actor
from omniroute.keys.operations import KeyView
from omniroute.routing.verdict import Verdict
from omniroute.services import Services
from omniroute.usage.logs import LogFilters, LogView

# Of the newest answered requests: among so many a client's is looked for, among more where all of those are the dashboard's.
LOOKED_AT, BEYOND = 20, 180


@dataclass(frozen=True, slots=True)
class Step:
    """`id` is what the address of the path says. `told` is what was done, or what there is to do."""

    id: str
    title: str
    done: bool
    told: str
    button: str


@dataclass(frozen=True, slots=True)
class Standing:
    """What there is. `broken` are connections in use that their last test found not to work. `heard` is a client's request."""

    working: tuple[ConnectionView, ...]
    broken: tuple[ConnectionView, ...]
    keys: tuple[KeyView, ...]
    answered: LogView | None
    heard: LogView | None

    @property
    def steps(self) -> tuple[Step, ...]:
        names = list(dict.fromkeys(row.provider_name for row in self.working))
        provider = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
        key = "" if not self.keys else self.keys[0].name if len(self.keys) == 1 else f"{len(self.keys)} keys"
        answer, client = self.answered, self.heard
        return (
            Step("provider", "Add a provider", bool(names), provider or "Choose one and paste its API key.", "Add a provider"),
            Step("key", "Make a key", bool(key), key or "For your programs.", "Make a key"),
            Step(
                "message", "Send a test message", answer is not None, _named(answer) or "Right here, to see it work.", "Send one"
            ),
            Step(
                "client",
                "Connect your client",
                client is not None,
                _named(client) or "Copy its lines and run it.",
                "Show the lines",
            ),
        )

    @property
    def done(self) -> str:
        """The ids of the steps that are done, to tell one standing from another."""
        return " ".join(step.id for step in self.steps if step.done)

    @property
    def open(self) -> Step | None:
        """The first step that is not done. None when nothing is left to do: also without a key, where a client needed none."""
        if self.working and self.answered and self.heard:
            return None
        return next(step for step in self.steps if not step.done)


def standing(services: Services) -> Standing:
    rows = [row for row in services.connections.list() if row.is_active]
    broken = tuple(row for row in rows if row.test_status in ("error", "banned"))
    first = services.logs.page(LogFilters(outcome="ok"), limit=LOOKED_AT)
    heard = _of_client(first.rows)
    if heard is None and first.next:
        heard = _of_client(services.logs.page(LogFilters(outcome="ok"), before=first.next, limit=BEYOND).rows)
    return Standing(
        working=tuple(row for row in rows if row not in broken),
        broken=broken,
        keys=tuple(key for key in services.keys.list() if key.is_active and not key.expired and "relay" in key.scopes),
        answered=next(iter(first.rows), None),
        heard=heard,
    )


def _of_client(rows: Iterable[LogView]) -> LogView | None:
    return next((row for row in rows if row.client != HEADERS["user-agent"]), None)


def on_path() -> bool:
    """Whether this page, which has its own place, was opened from the path: it then leads back there."""
    return request.values.get("from") == "start"


def connected(services: Services, provider_id: str, given: Mapping[str, Any], row: ConnectionView | None = None) -> Verdict:
    """Make the connection, or give `row` what is new, and test it; where no model of the provider is known, keep what it lists.

    Raises OperationError.
    """
    if row is None:
        row = services.connections.create({"provider": provider_id, **given}, actor())
    else:
        row = services.connections.update(row.id, given, actor())
    verdict = services.probe.test(row.id, by=actor())
    if verdict.models and not services.models.for_provider(provider_id):
        services.models.refresh(provider_id, verdict.models, actor())
    if verdict.valid:  # what is wrong stands on the page that follows
        say(row.name, verdict)
    return verdict


def step_page(template: str, now: Standing, step: str, status: int = 200, **values: Any) -> ResponseReturnValue:
    """A page of the path, with the list of its steps beside it. `step` is the one that is shown."""
    return page(template, here="home", title="Get started", now=now, step=step, status=status, **values)


def _named(row: LogView | None) -> str:
    return "" if row is None else f"{row.upstream_model or row.requested_model or row.endpoint} answered"
