"""Combos: all of them with their steps' state as it changes, their order, switch, copies and end; out and in as JSON."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson
from flask import Response, flash, request
from flask.typing import ResponseReturnValue
from wtforms import BooleanField, Form, TextAreaField

from omniroute.combos.operations import ComboView, Imported
from omniroute.dashboard import undo
from omniroute.dashboard.forms import fresh_status
from omniroute.dashboard.lights import Light, lights
from omniroute.dashboard.routes import Route
from omniroute.dashboard.shell import confirmation, go, page, part, refused, wants_part
from omniroute.edge.current import actor
from omniroute.errors import Invalid, OperationError
from omniroute.services import Services


class ImportForm(Form):
    document = TextAreaField("JSON")
    replace = BooleanField("Replace combos of the same name")


def combos(services: Services) -> ResponseReturnValue:
    return page("combos.html", here="combos", title="Combos", **listing(services))


def live(services: Services) -> ResponseReturnValue:
    """Only the steps with their lights, each to its own place: asked for every few seconds while the page is open."""
    return part("parts/chains.html", **standing(services))


def standing(services: Services) -> dict[str, Any]:
    rows = services.combos.list()
    by_name = {row.name: row for row in rows}
    configuration, held = services.configuration.current(), services.resilience.overview().held
    lit: dict[str, tuple[Light, ...]] = {row.id: lights(row, by_name, configuration, held) for row in rows}
    return {"rows": rows, "lights": lit, "now": services.clock.now()}


def listing(services: Services) -> dict[str, Any]:
    """With what is odd about each: the lint of a dry run, or, as that has none for what is off, the warnings of its saving."""
    values = standing(services)
    return values | {"odd": {row.id: services.explain.explain(row.name).get("lint", row.warnings) for row in values["rows"]}}


def toggle(services: Services, combo_id: str) -> ResponseReturnValue:
    on = request.form.get("enabled") == "true"

    def change() -> None:
        row = services.combos.update(combo_id, {"enabled": on}, actor())
        said = f"{row.name} is {'on again' if on else 'off: requests for it are refused'}."
        undo.offer(said, "combo.update", f"combo:{row.id}")

    return changed(services, change)


def move(services: Services, combo_id: str) -> ResponseReturnValue:
    """One place up or down."""
    ids = [row.id for row in services.combos.list()]
    if combo_id in ids:
        place = ids.index(combo_id)
        ids.insert(max(0, place + (-1 if request.form.get("to") == "up" else 1)), ids.pop(place))

    def change() -> None:
        services.combos.reorder(ids, actor())
        undo.offer("Clients see the combos in this order now.", "combo.reorder", "combos")

    return changed(services, change)


def duplicate(services: Services, combo_id: str) -> ResponseReturnValue:
    try:
        made = services.combos.duplicate(combo_id, actor())
    except OperationError as refusal:
        refused(refusal)
        return go("combos")
    flash(f"{made.name} is a copy; change what should differ and save it.", "good")
    return go("combo", combo_id=made.id)


def delete(services: Services, combo_id: str) -> ResponseReturnValue:
    row = services.combos.get(combo_id)
    if request.method == "POST":
        try:
            services.combos.delete(combo_id, actor())
        except OperationError as refusal:
            refused(refusal)
        else:
            undo.offer(f"Combo {row.name} deleted.", "combo.delete", f"combo:{row.id}")
        return go("combos")
    values = {"question": f"Delete the combo “{row.name}”?", "lost": lost(services, row), "verb": "Delete combo"}
    return confirmation(values, title="Delete combo", back=("combos", {}), here="combos")


def lost(services: Services, row: ComboView) -> list[str]:
    """What goes with a combo, in sentences."""
    steps = f"its {len(row.steps)} steps" if len(row.steps) != 1 else "its step"
    within = [each.name for each in services.combos.list() if any(step.combo == row.name for step in each.steps)]
    aliases = [each.pattern for each in services.aliases.list() if each.model.removeprefix("combo/") == row.name]
    told = [f"Requests for {row.name} will no longer be answered.", f"Gone with it: {steps} and their order. Log rows stay."]
    if within:
        told.append(f"It is a step of {', '.join(within)}; it can't be deleted before it is taken out there.")
    else:
        told.append(undo.FOR_A_WHILE)
    if aliases:
        told.append(f"These aliases lead to it: {', '.join(aliases)}.")
    return told


def export(services: Services) -> ResponseReturnValue:
    """A file with all combos, or those that `?ids=` names."""
    ids = request.args.getlist("ids") or None
    body = orjson.dumps(services.combos.export(ids), option=orjson.OPT_INDENT_2)
    response = Response(body, content_type="application/json")
    response.headers["Content-Disposition"] = 'attachment; filename="combos.json"'
    response.headers["Cache-Control"] = "no-store"
    return response


def import_(services: Services) -> ResponseReturnValue:
    form, status = ImportForm(request.form or None), fresh_status()
    if request.method == "POST":
        try:
            done = services.combos.import_(sent(form), actor(), replace=bool(form.replace.data))
        except OperationError as refusal:
            status, form.form_errors = refusal.status, [refusal.message]
        else:
            tell(done)
            return go("combos")
    return page("combo_import.html", here="combos", title="Import combos", form=form, status=status)


def sent(form: ImportForm) -> dict[str, Any]:
    """The document of the chosen file, else of the text field, which then shows it. Raises Invalid."""
    file = request.files.get("file")
    if file is not None and file.filename:
        form.document.data = file.read().decode("utf-8", "replace")
    text = (form.document.data or "").strip()
    if not text:
        raise Invalid("Choose a file, or paste what was exported.")
    try:
        document = orjson.loads(text)
    except orjson.JSONDecodeError as exc:
        raise Invalid(f"This is no JSON: {exc}.") from exc
    if not isinstance(document, dict):
        raise Invalid("This is JSON, but not an export of combos: that is an object with 'combos' in it.")
    return document


def tell(done: Imported) -> None:
    made = [f"{word} {', '.join(names)}" for word, names in (("added", done.created), ("replaced", done.updated)) if names]
    if made:
        flash(f"Imported: {'; '.join(made)}.", "good")
    for each in done.refused:
        flash(f"{each.name or 'One without a name'} is not imported. {each.message}", "warn")
    if not made and not done.refused:
        flash("There was nothing in it.", "warn")


def changed(services: Services, change: Callable[[], None]) -> ResponseReturnValue:
    """Do it, then show the list: with scripts only that, so that the focus stays where it is."""
    try:
        change()
    except OperationError as refusal:
        refused(refusal)
        return go("combos")
    if wants_part():
        return part("parts/combos.html", beside=True, **listing(services))
    return go("combos")


ROUTES = (
    Route("GET", "/dashboard/combos", "combos", combos),
    Route("GET", "/dashboard/combos/live", "combos_live", live),
    Route("GET", "/dashboard/combos/export", "combos_export", export),
    Route("GET POST", "/dashboard/combos/import", "combos_import", import_),
    Route("POST", "/dashboard/combos/<combo_id>/toggle", "combo_toggle", toggle),
    Route("POST", "/dashboard/combos/<combo_id>/move", "combo_move", move),
    Route("POST", "/dashboard/combos/<combo_id>/duplicate", "combo_duplicate", duplicate),
    Route("GET POST", "/dashboard/combos/<combo_id>/delete", "combo_delete", delete),
)
