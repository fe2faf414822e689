"""Many keys at once: paste, see what is understood of them, add, and test each.

Keys are never sent back to a page: not into the field they were pasted into, and not into what is told of a line.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from flask import make_response, request, url_for
from flask.typing import ResponseReturnValue
from wtforms import BooleanField, Form, TextAreaField
from wtforms.validators import InputRequired

from omniroute.connections.bulk import Bulk, Line, read_lines
from omniroute.connections.credentials import hint
from omniroute.connections.shown import ConnectionView
from omniroute.dashboard.connection_forms import declared, known, own_fields
from omniroute.dashboard.forms import fresh_status, refuse
from omniroute.dashboard.routes import Route
from omniroute.dashboard.shell import above, page, part, wants_part
from omniroute.dashboard.testing import SECONDS, Tried, told
from omniroute.edge.current import actor
from omniroute.errors import OperationError
from omniroute.providers.values import Provider
from omniroute.relay.probe_all import ask_all
from omniroute.routing.verdict import Verdict
from omniroute.services import Services


class KeysField(TextAreaField):
    """What was pasted is never shown again."""

    def _value(self) -> str:
        return ""


class BulkForm(Form):
    keys = KeysField("API keys", [InputRequired("Paste at least one key.")])
    test = BooleanField("Test each one afterwards", default=True)

    def fields(self) -> dict[str, str]:
        """What the provider asks for beside the key, the same for all of them."""
        return {field.name.removeprefix("field_"): field.data or "" for field in own_fields(self)}


@dataclass(frozen=True, slots=True)
class Understood:
    """One line: the name that it gave, the key masked, and why it can't be taken, "" if it can."""

    number: int
    name: str
    hint: str
    wrong: str


@dataclass(frozen=True, slots=True)
class Added:
    """What became of one line: a connection with its Test, or a refusal."""

    number: int
    line: Tried | None
    wrong: str = ""


def bulk(services: Services, provider_id: str) -> ResponseReturnValue:
    provider = known(services, provider_id)
    form, status = form_of(provider), fresh_status()
    if request.method == "GET" or not form.validate():
        return wrong(provider, form, status)
    lines = read_lines(form.keys.data or "")
    try:
        done = services.connections.create_many(provider.id, lines, actor(), form.fields())
    except OperationError as refusal:
        return wrong(provider, form, refuse(form, refusal))
    if wants_part():  # the rows then ask for their own verdicts
        rows = added(services, done, {})
        return part("parts/bulk_added.html", added=rows, done=done, provider=provider, start=form.test.data and done.made)
    verdicts = tested(services, done) if form.test.data else {}
    return shown(provider, form_of(provider, fresh=True), added=added(services, done, verdicts), done=done)


def wrong(provider: Provider, form: BulkForm, status: int) -> ResponseReturnValue:
    """The page with the form and what is wrong with it; with scripts only that, in the place of the preview."""
    if not wants_part():
        return shown(provider, form, status=status)
    response = make_response(preview_part(form))
    response.headers["HX-Retarget"] = "#bulk-preview"
    return response


def preview(services: Services, provider_id: str) -> ResponseReturnValue:
    """What is understood of the lines. Nothing is kept, and without scripts the keys have to be pasted again."""
    provider = known(services, provider_id)
    form, status = form_of(provider), 200
    lines = read_lines(form.keys.data or "")
    seen: tuple[Understood, ...] = ()
    try:
        seen = understood(services, provider, lines, form.fields())
    except OperationError as refusal:
        status = refuse(form, refusal)
    return preview_part(form, seen) if wants_part() else shown(provider, form, status=status, seen=seen, asked=True)


def preview_part(form: BulkForm, seen: tuple[Understood, ...] = ()) -> ResponseReturnValue:
    told = [*form.form_errors, *(f"{field.label.text}: {text}" for field in form for text in field.errors)]
    return part("parts/bulk_preview.html", seen=seen, asked=True, told=told)


def understood(
    services: Services, provider: Provider, lines: tuple[Line, ...], fields: Mapping[str, str]
) -> tuple[Understood, ...]:
    refused = {each.line: each.message for each in services.connections.check_many(provider.id, lines, fields)}
    return tuple(
        Understood(line.number, line.name, hint(line.api_key) if line.api_key else "", refused.get(line.number, ""))
        for line in lines
    )


def tested(services: Services, done: Bulk) -> dict[str, Verdict]:
    """By connection id, as many as the time of one request allows."""
    found = ask_all(services.probe, done.created, actor(), SECONDS)
    return {each.connection_id: each.verdict for each in found.results}


def added(services: Services, done: Bulk, verdicts: Mapping[str, Verdict]) -> tuple[Added, ...]:
    """In the order of the lines."""
    now: dict[str, ConnectionView] = {row.id: row for row in services.connections.testable()} if verdicts else {}
    rows = [
        Added(each.line, told(services, now.get(each.connection.id, each.connection), verdicts.get(each.connection.id)))
        for each in done.made
    ]
    rows += [Added(each.line, None, each.message) for each in done.refused]
    return tuple(sorted(rows, key=lambda row: row.number))


def form_of(provider: Provider, fresh: bool = False) -> BulkForm:
    form = type("ProviderBulkForm", (BulkForm,), declared(provider, None))
    return cast(BulkForm, form(None if fresh else request.form or None))


def shown(provider: Provider, form: BulkForm, *, status: int = 200, **values: Any) -> ResponseReturnValue:
    trail = (*above("providers"), (provider.name, url_for("dashboard.provider", provider_id=provider.id)))
    return page(
        "bulk.html",
        here="providers",
        title="Add many keys",
        trail=trail,
        provider=provider,
        form=form,
        own_fields=own_fields(form),
        status=status,
        **{"seen": (), "asked": False, "told": (), "added": None, "start": False, **values},
    )


ROUTES = (
    Route("GET POST", "/dashboard/providers/<provider_id>/bulk", "bulk", bulk),
    Route("POST", "/dashboard/providers/<provider_id>/bulk/preview", "bulk_preview", preview),
)
