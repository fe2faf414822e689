"""Limits: how each key and each connection stands, and the budgets of keys."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import flash, request
from flask.typing import ResponseReturnValue
from wtforms import Form, IntegerField, SelectField, StringField
from wtforms.validators import InputRequired, Length, NumberRange

from omniroute.dashboard import undo
from omniroute.dashboard.forms import SelectChoice, fresh_status, refuse, stripped
from omniroute.dashboard.routes import Route
from omniroute.dashboard.shell import confirmation, go, page, part, refused, wants_part
from omniroute.edge.current import actor
from omniroute.errors import OperationError
from omniroute.given import timezones
from omniroute.keys.budgets import BudgetView
from omniroute.services import Services
from omniroute.usage.standing import KeyStanding, Overview, State

SHOWN = 20  # keys: more are found by their names
ORDER: tuple[State, ...] = ("out", "warn", "unknown", "fine")  # what asks for something first

PERIODS = (SelectChoice("day", "A day"), SelectChoice("week", "A week, from Monday"), SelectChoice("month", "A month"))
UNITS = (SelectChoice("usd", "USD"), SelectChoice("tokens", "Tokens, input and output"))


class BudgetForm(Form):
    api_key_id = SelectField("Key")
    period = SelectField("For", choices=PERIODS, default="month")
    limit = StringField("Limit", [InputRequired("Say how much."), Length(max=30)], filters=[stripped])
    unit = SelectField("Counted in", choices=UNITS, default="usd")
    warn_at = IntegerField("Warn at", [InputRequired("Say at what share."), NumberRange(1, 100)], default=80)
    timezone = StringField("Time zone", [InputRequired("Name one, or UTC.")], filters=[stripped])

    def given(self, row: BudgetView | None) -> dict[str, Any]:
        """`row` is the budget as it was: a share that is no whole percent stays unless another is typed."""
        same = row is not None and self.warn_at.data == round(100 * row.warn_at)
        text = (self.limit.data or "").replace(",", "")
        limit: str | int = int(text) if self.unit.data == "tokens" and text.isascii() and text.isdigit() else text
        return {
            "api_key_id": self.api_key_id.data,
            "period": self.period.data,
            f"limit_{self.unit.data}": limit,
            "warn_at": row.warn_at if row is not None and same else (self.warn_at.data or 0) / 100,
            "timezone": self.timezone.data,
        }


def limits(services: Services) -> ResponseReturnValue:
    """The page; for htmx, which asks every few seconds, only how things stand."""
    if wants_part():
        return part("parts/limits.html", **standing(services))
    return show(services, form_for(services))


def save(services: Services) -> ResponseReturnValue:
    form, status = form_for(services), fresh_status()
    if form.validate():
        try:
            made = services.budgets.put(form.given(changing(services)), actor())
        except OperationError as refusal:
            status = refuse(form, with_own_names(refusal))
        else:
            flash(f"The budget of {made.key_name} is saved.", "good")
            return go("limits")
    return show(services, form, status)


def delete(services: Services, budget_id: str) -> ResponseReturnValue:
    row = services.budgets.get(budget_id)
    if request.method == "POST":
        try:
            services.budgets.delete(budget_id, actor())
        except OperationError as refusal:
            refused(refusal)
        else:
            undo.offer(f"The budget of {row.key_name} is deleted.", "budget.delete", f"budget:{row.api_key_id}:{row.period}")
        return go("limits")
    lost = [f"The key {row.key_name} may then spend as much as it likes in a {row.period}.", "Its other limits stay."]
    lost.append(undo.FOR_A_WHILE)
    values = {"question": f"Delete this budget of “{row.key_name}”?", "lost": lost, "verb": "Delete budget"}
    return confirmation(values, title="Delete budget", back=("limits", {}), here="limits")


def show(services: Services, form: BudgetForm, status: int = 200) -> ResponseReturnValue:
    return page(
        "limits.html",
        here="limits",
        title="Limits",
        form=form,
        changing=changing(services),
        zones=sorted(timezones()),
        query=asked(),
        status=status,
        **standing(services),
    )


def standing(services: Services) -> dict[str, Any]:
    overview, wanted = services.standings.overview(), asked().casefold()
    found = sorted((key for key in overview.keys if wanted in key.name.casefold()), key=urgency)
    return {
        "overview": overview,
        "keys": found[:SHOWN],
        "more": len(found) - SHOWN,
        "narrowed": bool(wanted),
        "searchable": len(overview.keys) > 5 or bool(wanted),
        "budgets": budgets_of(services, overview),
        "has_keys": bool(services.configuration.current().keys),
        "now": services.clock.now(),
    }


def asked() -> str:
    return request.args.get("q", "").strip()[:100]


def urgency(key: KeyStanding) -> tuple[bool, int]:
    """Stable, so that keys that are alike stay in the order of their names."""
    return not key.is_active, min(ORDER.index(limit.state) for limit in key.limits)


def budgets_of(services: Services, overview: Overview) -> Mapping[tuple[str, str], BudgetView]:
    """By key and the name of the limit."""
    return {(row.api_key_id, row.name): row for row in services.budgets.list()} if overview.keys else {}


def changing(services: Services) -> BudgetView | None:
    """The budget that the form is about, if it is about one that is there."""
    wanted = request.args.get("budget")
    return next((row for row in services.budgets.list() if row.id == wanted), None) if wanted else None


def form_for(services: Services) -> BudgetForm:
    """Empty, for one key, or as a budget is now."""
    row, keys = changing(services), services.keys.list()
    data = saved(row) if row is not None else {"api_key_id": request.args.get("key"), "timezone": own_zone(services)}
    form = BudgetForm(request.form or None, data=data)
    chosen = [key for key in keys if row is None or key.id == row.api_key_id]
    form.api_key_id.choices = [
        SelectChoice(key.id, key.name) for key in sorted(chosen, key=lambda key: (key.name.casefold(), key.id))
    ]
    if row is not None:
        form.period.choices = [choice for choice in PERIODS if choice.value == row.period]
    return form


def own_zone(services: Services) -> str:
    return str(services.preferences.all()["time_zone"])


def saved(row: BudgetView) -> dict[str, Any]:
    """A budget under the form's names."""
    limit = row.limit_tokens if row.limit_usd is None else f"{row.limit_usd:f}"
    own = {name: getattr(row, name) for name in ("api_key_id", "period", "unit", "timezone")}
    return own | {"limit": str(limit), "warn_at": round(100 * row.warn_at)}


def with_own_names(refusal: OperationError) -> OperationError:
    """The form has one field for both kinds of limit."""
    fields = {"limit" if name.startswith("limit_") else name: text for name, text in refusal.fields.items()}
    return type(refusal)(refusal.message, fields)


ROUTES = (
    Route("GET", "/dashboard/limits", "limits", limits),
    Route("POST", "/dashboard/limits", "limits_save", save),
    Route("GET POST", "/dashboard/limits/budgets/<budget_id>/delete", "budget_delete", delete),
)
