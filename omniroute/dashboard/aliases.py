"""Aliases: names of the user's own for a model or a combo, exact or with wildcards."""

from __future__ import annotations

from flask import flash, request
from flask.typing import ResponseReturnValue
from wtforms import Form, IntegerField, StringField
from wtforms.validators import InputRequired, Length, Optional

from omniroute.dashboard import undo
from omniroute.dashboard.choices import askable
from omniroute.dashboard.forms import fresh_status, refuse, stripped
from omniroute.dashboard.routes import Route
from omniroute.dashboard.shell import confirmation, go, page, refused
from omniroute.edge.current import actor
from omniroute.errors import Missing, OperationError
from omniroute.services import Services

WILD = "*?["


class AliasForm(Form):
    pattern = StringField("Clients ask for", [InputRequired("What do clients ask for?"), Length(max=256)], filters=[stripped])
    model = StringField("And get", [InputRequired("Which model or combo answers?"), Length(max=352)], filters=[stripped])
    priority = IntegerField("Priority", [Optional()])


def aliases(services: Services) -> ResponseReturnValue:
    """The list and the form. `?edit=` fills the form with a saved one."""
    rows = services.aliases.list()
    chosen = next((row for row in rows if row.pattern == request.args.get("edit")), None)
    return show(services, AliasForm(obj=chosen))


def put(services: Services) -> ResponseReturnValue:
    form, status = AliasForm(request.form), fresh_status()
    if form.validate():
        try:
            services.aliases.put(form.pattern.data or "", form.model.data or "", form.priority.data or 0, actor())
        except OperationError as refusal:
            status = refuse(form, refusal)
        else:
            flash(f"{form.pattern.data} now means {form.model.data}.", "good")
            return go("aliases")
    return show(services, form, status)


def delete(services: Services) -> ResponseReturnValue:
    """Which one stands in the query: patterns hold slashes."""
    pattern = request.args.get("pattern", "")
    row = next((row for row in services.aliases.list() if row.pattern == pattern), None)
    if row is None:
        raise Missing("There is no such alias. It may have been deleted in another window.")
    if request.method == "POST":
        try:
            services.aliases.delete(pattern, actor())
        except OperationError as refusal:
            refused(refusal)
        else:
            undo.offer(f"Alias {pattern} deleted.", "alias.delete", f"alias:{pattern}")
        return go("aliases")
    lost = [f"Requests for {pattern} no longer go to {row.model}.", f"{row.model} itself stays as it is.", undo.FOR_A_WHILE]
    values = {"question": f"Delete the alias “{pattern}”?", "lost": lost, "verb": "Delete alias", "action": request.full_path}
    return confirmation(values, title="Delete alias", back=("aliases", {}), here="aliases")


def show(services: Services, form: AliasForm, status: int = 200) -> ResponseReturnValue:
    return page(
        "aliases.html",
        here="aliases",
        title="Aliases",
        rows=services.aliases.list(),
        form=form,
        wild=WILD,
        names=askable(services.configuration.current()),
        status=status,
    )


ROUTES = (
    Route("GET", "/dashboard/aliases", "aliases", aliases),
    Route("POST", "/dashboard/aliases", "alias_put", put),
    Route("GET POST", "/dashboard/aliases/delete", "alias_delete", delete),
)
