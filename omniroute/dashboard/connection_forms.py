"""The form of a connection, made from what its provider's data declares."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, cast

from flask import flash, request
from wtforms import DateTimeLocalField, Field, Form, IntegerField, PasswordField, SelectField, StringField
from wtforms.validators import InputRequired, Length, NumberRange, Optional, ValidationError

from omniroute.connections.shown import ConnectionView
from omniroute.dashboard.forms import SelectChoice, stripped
from omniroute.errors import Invalid, Missing
from omniroute.providers.addresses import value_problem
from omniroute.providers.values import Field as Declared
from omniroute.providers.values import Provider
from omniroute.routing.verdict import Verdict
from omniroute.services import Services

QUOTA_UNITS = (
    SelectChoice("", "Nothing: it has no quota"),
    SelectChoice("requests", "Requests"),
    SelectChoice("tokens", "Tokens, input and output"),
    SelectChoice("usd", "USD"),
)
QUOTA_WINDOWS = (
    SelectChoice("5h", "5 hours"),
    SelectChoice("day", "A day"),
    SelectChoice("week", "A week"),
    SelectChoice("month", "A month"),
)
QUOTA_MODES = (SelectChoice("fixed", "Fixed"), SelectChoice("rolling", "Rolling"))


class ConnectionForm(Form):
    """What every connection has; `form_for` adds what the provider's data declares."""

    quota_unit = SelectField("Counted", choices=QUOTA_UNITS, default="")
    quota_limit = StringField("Limit", [Length(max=30)], filters=[stripped])
    quota_window = SelectField("In", choices=QUOTA_WINDOWS, default="month")
    quota_mode = SelectField("Window", choices=QUOTA_MODES, default="fixed")
    quota_timezone = StringField("Time zone", filters=[stripped], default="UTC")
    quota_resets_at = DateTimeLocalField("A reset (UTC)", [Optional()], format=["%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M"])
    name = StringField("Name", [Optional(), Length(max=100)], filters=[stripped])
    priority = IntegerField("Priority", [Optional(), NumberRange(0, 1000)])
    max_concurrent = IntegerField("At most at once", [Optional(), NumberRange(1, 10_000)])

    def given(self) -> dict[str, Any]:
        """For the operations: only what was filled in, but a limit that was emptied is lifted."""
        given: dict[str, Any] = {"max_concurrent": self.max_concurrent.data, "quota": self.quota()}
        if self.name.data:
            given["name"] = self.name.data
        if self.priority.data is not None:
            given["priority"] = self.priority.data
        if "api_key" in self._fields:
            given["api_key"] = self["api_key"].data or ""
        extra = {
            name.removeprefix("field_"): field.data or "" for name, field in self._fields.items() if name.startswith("field_")
        }
        return given | ({"fields": extra} if extra else {})

    def quota(self) -> dict[str, Any] | None:
        if not self.quota_unit.data:
            return None
        text = (self.quota_limit.data or "").replace(",", "")
        whole = self.quota_unit.data != "usd" and text.isascii() and text.isdigit()
        reset = self.quota_resets_at.data
        return {
            "unit": self.quota_unit.data,
            "limit": int(text) if whole else text,
            "window": self.quota_window.data,
            "mode": self.quota_mode.data,
            "timezone": self.quota_timezone.data or "UTC",
            "resets_at": None if reset is None else reset.replace(tzinfo=UTC).timestamp(),
        }


def saved_quota(row: ConnectionView | None) -> dict[str, Any]:
    """A connection's quota under the form's names."""
    if row is None or row.quota is None:
        return {}
    quota = row.quota
    reset = None if quota.resets_at is None else datetime.fromtimestamp(quota.resets_at, UTC).replace(tzinfo=None)
    return {
        "quota_unit": quota.unit,
        "quota_limit": f"{quota.limit:f}" if isinstance(quota.limit, Decimal) else str(quota.limit),
        "quota_window": quota.window,
        "quota_mode": quota.mode,
        "quota_timezone": quota.timezone,
        "quota_resets_at": reset,
    }


def form_for(provider: Provider, saved: ConnectionView | None = None) -> ConnectionForm:
    """A declaration makes the form: the key and the provider's own fields, secrets never shown and kept when left blank."""
    made: dict[str, Any] = {}
    if provider.key_field is not None:
        needed = provider.key_required and not (saved and saved.has_key)
        made["api_key"] = PasswordField(
            provider.key_field.label,
            [InputRequired("Paste the key here.") if needed else Optional()],
            filters=[stripped],
            description=provider.key_field.help,
            render_kw={"placeholder": saved.key_hint if saved and saved.has_key else provider.key_field.placeholder},
        )
    form = type("ProviderConnectionForm", (ConnectionForm,), made | declared(provider, saved))
    return cast(ConnectionForm, form(request.form or None, obj=saved, **saved_quota(saved)))


def declared(provider: Provider, saved: ConnectionView | None) -> dict[str, Any]:
    """The fields that the provider asks for beside the key, by their name in a form."""
    made: dict[str, Any] = {}
    for field in provider.fields:
        kept = field.secret and saved is not None and field.name in saved.fields
        made[f"field_{field.name}"] = (PasswordField if field.secret else StringField)(
            field.label,
            [InputRequired(f"{field.label} is needed.") if field.required and not kept else Optional(), *_fitting(field)],
            filters=[stripped],
            default="" if saved is None or field.secret else saved.fields.get(field.name, ""),
            description=field.help,
            render_kw={"placeholder": field.placeholder or field.default},
        )
    return made


def own_fields(form: Form) -> list[Field]:
    """The fields that the provider's data added, for the template."""
    return [field for name, field in form._fields.items() if name.startswith("field_")]


def own_wrong(form: ConnectionForm) -> Invalid | None:
    """What is wrong with those fields, for a Check, which goes without the rest of the form. None if nothing is."""
    wrong = {field.name: field.errors[0] for field in own_fields(form) if not field.validate(form)}
    return Invalid(" ".join(wrong.values()), wrong) if wrong else None


def _fitting(declared: Declared) -> list[Callable[[Form, Field], None]]:
    """The check that a value fits its place in the address, told beside the field."""

    def check(form: Form, field: Field) -> None:
        if field.data and (problem := value_problem(declared, field.data)):
            raise ValidationError(f"{declared.label} {problem}.")

    return [check] if declared.fills else []


def known(services: Services, provider_id: str) -> Provider:
    """A native provider or a node, by id. Raises Missing."""
    found = services.configuration.current().providers.get(provider_id) or services.catalog.get(provider_id)
    if found is None:
        raise Missing("There is no such provider. It may have been deleted in another window.")
    return found


def say(name: str, verdict: Verdict) -> None:
    """Tell on the next page how a new or changed connection does."""
    if verdict.valid and not verdict.warning:
        flash(f"{name} is connected: {verdict.diagnosis.message.removeprefix('Connected: ')}", "good")
    elif verdict.valid:
        flash(f"{name} is saved, with a warning. {verdict.diagnosis.message} {verdict.diagnosis.remedy}", "warn")
    else:
        flash(f"{name} is saved, but doesn't work yet. {verdict.diagnosis.message} {verdict.diagnosis.remedy}", "bad")
