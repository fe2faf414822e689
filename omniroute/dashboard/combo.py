"""One combo: the form that builds it, its Test, and what would happen to a request now."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import flash, request
from flask.typing import ResponseReturnValue

from omniroute.combos.operations import ComboView
from omniroute.dashboard.choices import find, through
from omniroute.dashboard.combo_form import DEFAULTS, NESTED, ComboForm, StepForm, rearranged, saved
from omniroute.dashboard.forms import refuse
from omniroute.dashboard.resolve import shown
from omniroute.dashboard.routes import Route
from omniroute.dashboard.shell import go, page, part, wants_part
from omniroute.edge.current import actor
from omniroute.errors import OperationError
from omniroute.relay.combo_probe import StepVerdict
from omniroute.routing.strategies import STRATEGIES
from omniroute.services import Services


def add(services: Services) -> ResponseReturnValue:
    form, saving = sent()
    if not saving:
        return form_page(services, form, None)
    if not form.validate():
        return form_page(services, form, None, status=400)
    try:
        made = services.combos.create(form.given(), actor())
    except OperationError as refusal:
        return form_page(services, form, None, status=refuse(form, form.place(refusal)))
    say(made)
    return go("combo", combo_id=made.id)


def edit(services: Services, combo_id: str) -> ResponseReturnValue:
    row = services.combos.get(combo_id)
    form, saving = sent(saved(row))
    if not saving:
        return form_page(services, form, row)
    if not form.validate():
        return form_page(services, form, row, status=400)
    try:
        made = services.combos.update(combo_id, form.given(), actor())
    except OperationError as refusal:
        return form_page(services, form, row, status=refuse(form, form.place(refusal)))
    say(made)
    return go("combo", combo_id=made.id)


def sent(data: Mapping[str, Any] | None = None) -> tuple[ComboForm, bool]:
    """The form as it was sent, over `data`, and whether it is to be saved: else a row was moved, or a model looked for."""
    if request.method == "GET":
        return ComboForm(data=data), False
    do = request.form.get("do", "save")
    form = ComboForm(rearranged(request.form, do), data=data)
    return form, do == "save" or (do == "enter" and not request.form.get("find"))


def say(made: ComboView) -> None:
    flash(f"{made.name} saved. It counts from the next request on.", "good")
    for text in made.warnings:
        flash(text, "warn")


def choices(services: Services) -> ResponseReturnValue:
    """The models that fit what is typed, for the search field of the builder."""
    found = find(services.configuration.current(), request.args.get("find", ""), request.args.get("but", ""))
    return part("parts/choices.html", found=found)


def now(services: Services, combo_id: str) -> ResponseReturnValue:
    """What would happen to a request at this moment; asked for every few seconds while the page is open."""
    return part("parts/outlook.html", **outlook(services, services.combos.get(combo_id)))


def outlook(services: Services, row: ComboView) -> dict[str, Any]:
    return shown(services, services.explain.explain(row.name))


def test(services: Services, combo_id: str) -> ResponseReturnValue:
    """Ask every step. With scripts each line then asks for its own verdict, all at once; without, this waits for all."""
    row = services.combos.get(combo_id)
    if wants_part():
        return part("parts/combo_test.html", row=row, verdicts=(), waiting=True)
    verdicts = services.combo_probe.test(combo_id, by=actor())
    return form_page(services, ComboForm(data=saved(row)), row, verdicts=verdicts)


def test_step(services: Services, combo_id: str, step_id: str) -> ResponseReturnValue:
    verdict = services.combo_probe.step(combo_id, step_id, by=actor())
    row = services.combos.get(combo_id)
    if wants_part():
        return part("parts/step_verdict.html", verdict=verdict, vias=vias(row))
    return form_page(services, ComboForm(data=saved(row)), row, verdicts=(verdict,))


def vias(row: ComboView) -> dict[str, str]:
    """By step, the combo that stands between it and the targets that are asked for it."""
    return {step.id: f"{NESTED}{step.combo}" for step in row.steps if step.combo}


def form_page(
    services: Services,
    form: ComboForm,
    row: ComboView | None,
    *,
    verdicts: tuple[StepVerdict, ...] = (),
    status: int = 200,
) -> ResponseReturnValue:
    configuration = services.configuration.current()
    wanted = request.form.get("find", request.args.get("find", ""))
    return page(
        "combo_form.html",
        here="combos",
        title=row.name if row else "New combo",
        form=form,
        row=row,
        blank=StepForm(prefix="steps-new-"),
        strategies=STRATEGIES,
        defaults=DEFAULTS,
        through=through(configuration),
        found=find(configuration, wanted, row.name if row else ""),
        verdicts=verdicts,
        vias=vias(row) if row else {},
        status=status,
        **(outlook(services, row) if row else {}),
    )


ROUTES = (
    Route("GET POST", "/dashboard/combos/new", "combo_add", add),
    Route("GET", "/dashboard/combos/choices", "combo_choices", choices),
    Route("GET POST", "/dashboard/combos/<combo_id>", "combo", edit),
    Route("GET", "/dashboard/combos/<combo_id>/now", "combo_now", now),
    Route("POST", "/dashboard/combos/<combo_id>/test", "combo_test", test),
    Route("POST", "/dashboard/combos/<combo_id>/test/<step_id>", "combo_test_step", test_step),
)
