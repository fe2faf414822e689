"""The full list of attempts, made before anything is sent, with what was left out and why."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from omniroute.routing.configuration import Configuration, Connection
from omniroute.routing.failures import Failure
from omniroute.routing.health import Mark
from omniroute.routing.resolve import Resolution, Target

MAX_ATTEMPTS = 8

Marks = Mapping[tuple[str, str], Mark]  # (connection id, model or "") -> mark


@dataclass(frozen=True, slots=True)
class Step:
    """One attempt to be made."""

    target: Target
    connection: Connection


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A connection that is not tried. `until` is an epoch time, None when time does not heal it."""

    target: Target
    connection: Connection
    why: str
    kind: str
    until: float | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    steps: tuple[Step, ...]
    left_out: tuple[LeftOut, ...]
    reason: str


def plan(
    resolution: Resolution,
    configuration: Configuration,
    marks: Marks,
    now: float,
    *,
    pinned: str | None = None,
    in_flight: Callable[[str], int] = lambda _: 0,
) -> Plan:
    """Connections in order: by target, then priority, then fewest in flight; those cooling by a guess last.

    `pinned` keeps only the connection with that id or name. A stated cooldown and a terminal status leave one out.
    """
    ready: list[Step] = []
    cooling: list[tuple[float, Step]] = []
    left_out: list[LeftOut] = []
    for target in resolution.targets:
        rows = configuration.connections.get(target.provider.id, ())
        for row in sorted(rows, key=lambda row: (row.priority, in_flight(row.id))):
            if pinned is not None and pinned not in (row.id, row.name):
                continue
            if reason := _unusable(row, in_flight):
                left_out.append(LeftOut(target, row, *reason))
                continue
            mark = _mark(marks, row.id, target.model, now)
            if mark is None:
                ready.append(Step(target.through(row), row))
            elif mark.stated:
                left_out.append(LeftOut(target, row, "cooling", mark.kind, mark.until))
            else:
                cooling.append((mark.until, Step(target.through(row), row)))
    steps = ready + [step for _, step in sorted(cooling, key=lambda pair: pair[0])]
    return Plan(tuple(steps[:MAX_ATTEMPTS]), tuple(left_out), resolution.reason)


def worth_trying(steps: tuple[Step, ...], failed: Step, failure: Failure, earlier: list[Failure]) -> tuple[Step, ...]:
    """Which of the remaining `steps` may still be tried after `failure` at `failed`; `earlier` are the failures before it."""
    again = failure.rule.again
    if again == "any":
        return steps
    if again == "once_elsewhere" and any(each.rule.again == "once_elsewhere" for each in earlier):
        return ()
    elsewhere = tuple(step for step in steps if step.target.provider.id != failed.target.provider.id)
    return elsewhere[:1] if again == "once_elsewhere" else elsewhere


def _unusable(row: Connection, in_flight: Callable[[str], int]) -> tuple[str, str] | None:
    if not row.is_active:
        return "disabled", "disabled"
    if row.terminal:
        return row.status_reason or row.test_status, row.test_status
    if row.max_concurrent is not None and in_flight(row.id) >= row.max_concurrent:
        return f"{row.max_concurrent} requests in flight", "busy"
    return None


def _mark(marks: Marks, connection_id: str, model: str, now: float) -> Mark | None:
    """The mark that holds longest, of the connection or of the model on it."""
    found = [mark for key in ((connection_id, ""), (connection_id, model)) if (mark := marks.get(key)) and mark.active(now)]
    return max(found, key=lambda mark: (mark.stated, mark.until)) if found else None
