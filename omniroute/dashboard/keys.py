"""Client keys: made here, shown once, limited, replaced, switched off."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from flask import flash, request
from flask.typing import ResponseReturnValue
from wtforms import (
    BooleanField,
    DateField,
    Field,
    Form,
    IntegerField,
    SelectField,
    SelectMultipleField,
    StringField,
    ValidationError,
)
from wtforms.validators import InputRequired, Length, NumberRange, Optional
from wtforms.widgets import CheckboxInput, ListWidget

from omniroute.dashboard import undo
from omniroute.dashboard.forms import LinesField, SelectChoice, fresh_status, refuse, stripped
from omniroute.dashboard.home import offered, root_url, speaks
from omniroute.dashboard.routes import Route
from omniroute.dashboard.shell import confirmation, go, page, refused
from omniroute.dashboard.snippets import Place, known_model, snippets
from omniroute.edge.current import actor
from omniroute.errors import OperationError
from omniroute.keys.operations import NUMBERS, KeyView
from omniroute.services import Services

# Each takes in what is below it: see `covers` in omniroute/edge/callers.py.
ENDPOINTS = (
    SelectChoice("/v1/chat/completions", "Chat Completions"),
    SelectChoice("/v1/messages", "Messages"),
    SelectChoice("/v1/responses", "Responses"),
    SelectChoice("/v1beta/models", "Gemini"),
    SelectChoice("/v1/completions", "Completions (legacy)"),
    SelectChoice("/v1/embeddings", "Embeddings"),
    SelectChoice("/v1/images", "Images"),
    SelectChoice("/v1/audio", "Audio"),
    SelectChoice("/v1/moderations", "Moderations"),
    SelectChoice("/v1/rerank", "Rerank"),
    SelectChoice("/v1/models", "Model list"),
)
SCOPES = (
    SelectChoice("relay", "Send requests to models"),
    SelectChoice("manage", "Change providers, keys and settings through /api"),
)
LIFETIMES = (
    SelectChoice("", "Never"),
    SelectChoice("7", "In 7 days"),
    SelectChoice("30", "In 30 days"),
    SelectChoice("90", "In 90 days"),
    SelectChoice("365", "In a year"),
    SelectChoice("date", "On a day"),
)
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
    scopes = Checkboxes("Rights", choices=SCOPES, default=["relay"])
    requests_per_minute = IntegerField("Requests per minute", [Optional(), NumberRange(1, NUMBERS["requests_per_minute"])])
    tokens_per_minute = IntegerField("Tokens per minute", [Optional(), NumberRange(1, NUMBERS["tokens_per_minute"])])
    max_concurrent = IntegerField("At most at once", [Optional(), NumberRange(1, NUMBERS["max_concurrent"])])
    no_log = BooleanField("Keep as little as possible in the log")
    log_bodies = BooleanField("Keep what is asked and answered")

    def given(self, now: float) -> dict[str, Any]:
        return {
            "name": self.name.data,
            "expires_at": self.expires_at(now),
            "allowed_models": self.allowed_models.data or [],
            "allowed_endpoints": self.allowed_endpoints.data or [],
            "scopes": self.scopes.data or [],
            **{name: self[name].data for name in NUMBERS},
            "no_log": bool(self.no_log.data),
            "log_bodies": bool(self.log_bodies.data),
        }

    def expires_at(self, now: float) -> float | str | None:
        """The end of the chosen day, or that many days from now; None for never."""
        if self.expires.data == "date":
            return f"{self.expires_on.data.isoformat()}T23:59:59Z" if self.expires_on.data else None
        return now + int(self.expires.data) * A_DAY if self.expires.data else None

    def validate_scopes(self, field: Field) -> None:
        if not field.data:
            raise ValidationError("Choose at least one.")

    def validate_expires(self, field: Field) -> None:
        if field.data == "date" and not self.expires_on.data:
            raise ValidationError("Choose the day, too.")


def keys(services: Services) -> ResponseReturnValue:
    return page("keys.html", here="keys", title="Keys", rows=services.keys.list(), settings=services.settings)


def add(services: Services) -> ResponseReturnValue:
    form, status = KeyForm(request.form or None), fresh_status()
    if request.method == "POST" and form.validate():
        try:
            row, plain = services.keys.create(form.given(services.clock.now()), actor())
        except OperationError as refusal:
            status = refuse(form, refusal)
        else:
            return made(services, row, plain, "Key created")
    return form_page(services, form, None, status)


def edit(services: Services, key_id: str) -> ResponseReturnValue:
    row = services.keys.get(key_id)
    form, status = KeyForm(request.form or None, data=saved(row)), fresh_status()
    known = {choice.value for choice in ENDPOINTS}
    others = [
        SelectChoice(path, path) for path in row.allowed_endpoints if path not in known
    ]  # from /api; never dropped in silence
    form.allowed_endpoints.choices = [*ENDPOINTS, *others]
    if request.method == "POST" and form.validate():
        try:
            services.keys.update(key_id, changed(form.given(services.clock.now()), row), actor())
        except OperationError as refusal:
            status = refuse(form, refusal)
        else:
            flash(f"Key {form.name.data} saved.", "good")
            return go("keys")
    return form_page(services, form, row, status)


def rotate(services: Services, key_id: str) -> ResponseReturnValue:
    row = services.keys.get(key_id)
    if request.method == "POST":
        row, plain = services.keys.rotate(key_id, actor())
        return made(services, row, plain, "Key replaced")
    lost = [f"{row.hint} stops working at once; whoever uses it needs the new one.", "Its limits and its log rows stay."]
    lost.append(undo.NOT_THIS)
    values = {"question": f"Replace the key “{row.name}”?", "lost": lost, "verb": "Replace key"}
    return confirmation(values, title="Replace key", back=("keys", {}), here="keys")


def toggle(services: Services, key_id: str) -> ResponseReturnValue:
    on = request.form.get("is_active") == "true"
    try:
        row = services.keys.update(key_id, {"is_active": on}, actor())
    except OperationError as refusal:
        refused(refusal)
    else:
        said = f"Key {row.name} is {'on again' if on else 'off: requests with it get 401'}."
        undo.offer(said, "key.update", f"key:{row.id}")
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
    lost = [
        f"{row.hint} stops working at once.",
        "Its limits and budgets are lost.",
        "Its log rows stay, with its name.",
        undo.NOT_THIS,
    ]
    values = {"question": f"Delete the key “{row.name}”?", "lost": lost, "verb": "Delete key"}
    return confirmation(values, title="Delete key", back=("keys", {}), here="keys")


def made(services: Services, row: KeyView, plain: str, title: str) -> ResponseReturnValue:
    """The only page that ever shows a key. It is the answer to the POST itself: the key is kept nowhere."""
    configuration = services.configuration.current()
    models = offered(configuration)
    model = models[0] if models else ""
    formats = speaks(configuration, model) if "relay" in row.scopes else frozenset()
    lines = snippets(Place(root_url(services.settings), model, plain, known_model(configuration, model)), formats)
    return page("key_made.html", here="keys", title=title, row=row, plain=plain, snippets=lines)


def changed(given: dict[str, Any], row: KeyView) -> dict[str, Any]:
    """`given` without an expiry that says the same day as before: the stored hour stays."""
    day = saved(row)["expires_on"]
    same = day is not None and str(given["expires_at"]).startswith(day.isoformat())
    return {name: value for name, value in given.items() if not (same and name == "expires_at")}


def form_page(services: Services, form: KeyForm, row: KeyView | None, status: int) -> ResponseReturnValue:
    return page(
        "key_form.html",
        here="keys",
        title=f"Edit {row.name}" if row else "Create key",
        form=form,
        row=row,
        models=offered(services.configuration.current()),
        status=status,
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
        **{name: getattr(row, name) for name in NUMBERS},
        "no_log": row.no_log,
        "log_bodies": row.log_bodies,
    }


ROUTES = (
    Route("GET", "/dashboard/keys", "keys", keys),
    Route("GET POST", "/dashboard/keys/add", "key_add", add),
    Route("GET POST", "/dashboard/keys/<key_id>/edit", "key_edit", edit),
    Route("GET POST", "/dashboard/keys/<key_id>/rotate", "key_rotate", rotate),
    Route("POST", "/dashboard/keys/<key_id>/toggle", "key_toggle", toggle),
    Route("GET POST", "/dashboard/keys/<key_id>/delete", "key_delete", delete),
)
