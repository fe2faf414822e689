"""Combos as they are shown: defaults filled in, steps by the names that people type, and what is odd about them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from omniroute.models.combos import ComboRow
from omniroute.routing.combos import combo_route
from omniroute.routing.configuration import Combo, ComboConfig, ComboStep, Configuration
from omniroute.routing.lint import lint
from omniroute.routing.resolve import Resolution
from omniroute.state.rows import combo_value


@dataclass(frozen=True, slots=True)
class StepView:
    """`model` is as people type it ("<prefix>/<model>"), `canonical` as it is stored ("<id>/<model>"); both are "" where the step
    is a combo. `trouble` says why it can't be asked, "" if it can.
    """

    id: str
    model: str
    canonical: str
    combo: str
    connection_id: str | None
    connection_name: str | None
    weight: int
    label: str
    tags: tuple[str, ...]
    enabled: bool
    trouble: str


@dataclass(frozen=True, slots=True)
class ComboView:
    """`config` has all values, defaults filled in. `warnings` are sentences. Times are seconds since 1970."""

    id: str
    name: str
    strategy: str
    steps: tuple[StepView, ...]
    config: ComboConfig
    tags: tuple[str, ...]
    enabled: bool
    sort_order: int
    warnings: tuple[str, ...]
    created_at: float
    updated_at: float


def combo_views(rows: Iterable[ComboRow], configuration: Configuration, at: float) -> tuple[ComboView, ...]:
    """All of `rows`; `configuration` has the same combos. `at` is now, in epoch seconds."""
    return tuple(_view(row, combo_value(row), configuration, at) for row in rows)


def _view(row: ComboRow, combo: Combo, configuration: Configuration, at: float) -> ComboView:
    all_on = replace(combo, steps=tuple(replace(step, enabled=True) for step in combo.steps))
    troubles = {branch.step_id: branch.trouble for branch in combo_route(all_on, configuration).branches}
    steps = tuple(_step(step, troubles.get(step.id, ""), configuration) for step in combo.steps)
    return ComboView(
        id=combo.id,
        name=combo.name,
        strategy=combo.strategy,
        steps=steps,
        config=combo.config,
        tags=combo.tags,
        enabled=combo.enabled,
        sort_order=combo.sort_order,
        warnings=lint(Resolution(combo_route(combo, configuration), f"combo {combo.name}"), configuration, at),
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def _step(step: ComboStep, trouble: str, configuration: Configuration) -> StepView:
    provider = configuration.providers.get(step.provider_id)
    connection = configuration.connection(step.connection_id) if step.connection_id else None
    if step.connection_id and connection is None and not trouble:
        trouble = "its connection is gone"
    return StepView(
        id=step.id,
        model="" if step.combo else f"{provider.prefix if provider else step.provider_id}/{step.model}",
        canonical="" if step.combo else f"{step.provider_id}/{step.model}",
        combo=step.combo,
        connection_id=step.connection_id,
        connection_name=connection.name if connection else None,
        weight=step.weight,
        label=step.label,
        tags=step.tags,
        enabled=step.enabled,
        trouble=trouble,
    )
