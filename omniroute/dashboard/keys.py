"""Client keys: made here, shown once, limited, replaced, switched off."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from flask import flash, request
from flask.typing import ResponseReturnValue
from wtforms import BooleanField, DateField, Form, SelectField, SelectMultipleField, StringField
from wtforms.validators import InputRequired, Length, Optional
from wtforms.widgets import CheckboxInput, ListWidget

from omniroute.dashboard.forms import LinesField, refuse, stripped
from omniroute.dashboard.home import offered, root_url, speaks
from omniroute.dashboard.routes import Route
from omniroute.dashboard.shell import confirmation, go, page, refused
from omniroute.dashboard.snippets import Place, snippets
from omniroute.edge.current import actor
from omniroute.errors import OperationError
from omniroute.keys.operations import KeyView
from omniroute.services import Services

ENDPOINTS = (
    ("/v1/chat/completions", "Chat Completions"),
    ("/v1/messages", "Messages"),
    ("/v1/models", "Model list"),
)
SCOPES = (
    ("relay", "Send requests to models"),
    ("manage", "Change providers, keys and settings through /api"),
)
LIFETIMES = (("", "Never"), ("7", "In 7 days"), ("30", "In 30 days"), ("90", "In 90 days"), ("365", "In a year"), ("date", "On a day"))
A_DAY = 86_400  # seconds


class Checkboxes(SelectMultipleField):
    widget = ListWidget(prefix_label=False)
    option_widget = CheckboxInput()


class KeyForm(Form):
    name = StringField("Name", [InputRequired("Say who or what uses it."), Length(max=100)], filters=[stripped])
    expires = SelectField("Expires", choices=LIFETIMES, default="")
    expires_on = DateField("Last day (UTC)", [Optional()])
    allowed_models = LinesField("Allowed models")
    allowed_endpoints = Checkboxes("Allowed endpoints", choices=ENDPOINTS)
    scopes = Checkboxes("May", [InputRequired("Choose at least one.")], choices=SCOPES, default=["relay"])
    no_log = BooleanField("Keep no log rows for this key")

    def given(self, now: float) -> dict[str, Any]:
        return {
            "name": self.name.data,
            "expires_at": self.expires_at(now),
            "allowed_models": self.allowed_models.data or [],
            "allowed_endpoints": self.allowed_endpoints.data or [],
            "scopes": self.scopes.data or [],
            "no_log": bool(self.no_log.data),
        }

    def expires_at(self, now: float) -> float | str | None:
        """The end of the chosen day, or that many days from now; None for never."""
        if self.expires.data == "date":
            return f"{self.expires_on.data.isoformat()}T23:59:59Z" if self.expires_on.data else None
        return now + int(self.expires.data) * A_DAY if self.expires.data else None

    def validate(self, extra_validators: Any = None) -> bool:
        fine = super().validate(extra_validators)
        if self.expires.data == "date" and not self.expires_on.data:
            self.expires_on.errors = [*self.expires_on.errors, "Choose the day."]
            return False
        return bool(fine)


def keys(services: Services) -> ResponseReturnValue:
    return page("keys.html", here="keys", title="Keys", rows=services.keys.list(), settings=services.settings)


def add(services: Services) -> ResponseReturnValue:
    form = KeyForm(request.form)
    if request.method == "POST" and form.validate():
        try:
            row, plain = services.keys.create(form.given(services.clock.now()), actor())
        except OperationError as refusal:
            refuse(form, refusal)
        else:
            return made(services, row, plain, "Key created")
    return form_page(services, form, None)


def edit(services: Services, key_id: str) -> ResponseReturnValue:
    row = services.keys.get(key_id)
    form = KeyForm(request.form, **(saved(row) if not request.form else {}))
    if request.method == "POST" and form.validate():
        try:
            services.keys.update(key_id, form.given(services.clock.now()), actor())
        except OperationError as refusal:
            refuse(form, refusal)
        else:
            flash(f"Key {form.name.data} saved.", "good")
            return go("keys")
    return form_page(services, form, row)


def rotate(services: Services, key_id: str) -> ResponseReturnValue:
    row = services.keys.get(key_id)
    if request.method == "POST":
        row, plain = services.keys.rotate(key_id, actor())
        return made(services, row, plain, "Key replaced")
    lost = [f"{row.hint} stops working at once; whoever uses it needs the new one.", "Its limits and its log rows stay."]
    values = {"question": f"Replace the key “{row.name}”?", "lost": lost, "verb": "Replace key"}
    return confirmation(values, title="Replace key", back=("keys", {}), here="keys")


def toggle(services: Services, key_id: str) -> ResponseReturnValue:
    on = request.form.get("is_active") == "true"
    try:
        row = services.keys.update(key_id, {"is_active": on}, actor())
    except OperationError as refusal:
        refused(refusal)
    else:
        flash(f"Key {row.name} is {'on again' if on else 'off: requests with it get 401'}.", "good")
    return go("keys")


def delete(services: Services, key_id: str) -> ResponseReturnValue:
    row = services.keys.get(key_id)
    if request.method == "POST":
        try:
            services.keys.delete(key_id, actor())
        except OperationError as refusal:
            refused(refusal)
        else:
            flash(f"Key {row.name} deleted.", "good")
        return go("keys")
    lost = [f"{row.hint} stops working at once.", "Its log rows stay, with its name."]
    values = {"question": f"Delete the key “{row.name}”?", "lost": lost, "verb": "Delete key"}
    return confirmation(values, title="Delete key", back=("keys", {}), here="keys")


def made(services: Services, row: KeyView, plain: str, title: str) -> ResponseReturnValue:
    """The only page that ever shows a key. It is the answer to the POST itself: the key is kept nowhere."""
    configuration = services.configuration.current()
    models = offered(configuration)
    model = models[0] if models else ""
    lines = snippets(Place(root_url(services.settings), model, plain), speaks(configuration, model)) if "relay" in row.scopes else ()
    return page("key_made.html", here="keys", title=title, row=row, plain=plain, snippets=lines, root=root_url(services.settings))


def form_page(services: Services, form: KeyForm, row: KeyView | None) -> ResponseReturnValue:
    return page(
        "key_form.html",
        here="keys",
        title=f"Edit {row.name}" if row else "Create key",
        form=form,
        row=row,
        models=offered(services.configuration.current()),
        status=400 if form.errors else 200,
    )


def saved(row: KeyView) -> dict[str, Any]:
    """A key's values under the form's names."""
    ends = None if row.expires_at is None else datetime.fromtimestamp(row.expires_at, UTC).date()
    return {
        "name": row.name,
        "expires": "" if ends is None else "date",
        "expires_on": ends,
        "allowed_models": list(row.allowed_models),
        "allowed_endpoints": list(row.allowed_endpoints),
        "scopes": list(row.scopes),
        "no_log": row.no_log,
    }


ROUTES = (
    Route("GET", "/dashboard/keys", "keys", keys),
    Route("GET POST", "/dashboard/keys/add", "key_add", add),
    Route("GET POST", "/dashboard/keys/<key_id>/edit", "key_edit", edit),
    Route("GET POST", "/dashboard/keys/<key_id>/rotate", "key_rotate", rotate),
    Route("POST", "/dashboard/keys/<key_id>/toggle", "key_toggle", toggle),
    Route("GET POST", "/dashboard/keys/<key_id>/delete", "key_delete", delete),
)
