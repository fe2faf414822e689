"""The guided path from the setup link to the first answer: a provider, a key, a test message, the lines for one's client.

It lands at the first step that is open; each can be skipped and done again. A key that was just made stays on the page: its forms
send it along, so that every answer has it in its lines, and it is stored nowhere.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import make_response, request
from flask.typing import ResponseReturnValue
from wtforms import Form, StringField
from wtforms.validators import InputRequired, Length

from omniroute.connections.operations import ConnectionView
from omniroute.dashboard.catalogue import matches
from omniroute.dashboard.connection_forms import ConnectionForm, form_for, known, own_fields, own_wrong
from omniroute.dashboard.first_steps import Standing, connected, standing, step_page
from omniroute.dashboard.forms import fresh_status, refuse, stripped
from omniroute.dashboard.nodes import KINDS
from omniroute.dashboard.remedies import Where, behind
from omniroute.dashboard.routes import Route
from omniroute.dashboard.shell import go, part, wants_part
from omniroute.dashboard.start_message import lines, message, using
from omniroute.edge.current import actor
from omniroute.errors import OperationError
from omniroute.providers.addresses import placed
from omniroute.providers.values import Provider
from omniroute.routing.verdict import Verdict
from omniroute.services import Services


class NameForm(Form):
    name = StringField("Name of the key", [InputRequired("Say who or what uses it."), Length(max=100)], filters=[stripped])


def start(services: Services) -> ResponseReturnValue:
    """The step that is asked for, or else the first open one."""
    now = standing(services)
    step = now.open.id if now.open else "done"
    wanted = request.args.get("step", "")
    show = STEPS.get(wanted) or STEPS[step]
    return show(services, now)


def provider_step(services: Services, now: Standing) -> ResponseReturnValue:
    """The catalogue, and the ways to add one's own. Its search asks for the tiles alone."""
    wanted = request.args.get("q", "").strip()
    found = [provider for provider in services.catalog.all() if matches(provider, wanted)]
    having = {row.provider_id for row in (*now.working, *now.broken)}
    values: dict[str, Any] = {"found": found, "wanted": wanted, "having": having, "on_path": True}
    if wants_part():
        return part("parts/catalogue.html", **values)
    kinds = [kind for kind in KINDS.values() if not kind.behind_flag or services.settings.enable_cc_compatible_provider]
    return step_page("start_provider.html", now, "provider", kinds=kinds, **values)


def connect(services: Services, provider_id: str) -> ResponseReturnValue:
    """Paste the key of one provider. A key that was found not to work is replaced, not added to."""
    provider, row = known(services, provider_id), broken_of(services, provider_id)
    form, status = form_for(provider, row), fresh_status()
    if request.method == "POST" and form.validate():
        try:
            verdict = connected(services, provider.id, form.given(), row)
        except OperationError as refusal:
            status = refuse(form, refusal)
        else:
            return go("start") if verdict.valid else go("start_connect", provider_id=provider.id)
    return connect_page(services, provider, form, row, status=status)


def check(services: Services, provider_id: str) -> ResponseReturnValue:
    """Try the key before it is saved. With scripts only the verdict comes back."""
    provider, row = known(services, provider_id), broken_of(services, provider_id)
    form = form_for(provider, row)
    given, refusal, verdict = form.given(), own_wrong(form), None
    if refusal is None and row is not None and not given.get("api_key"):  # the stored one is to be tried again
        verdict = services.probe.test(row.id, by=actor())
    elif refusal is None:
        verdict = services.probe.check_native(placed(provider, given.get("fields", {})), given.get("api_key") or None)
    if wants_part():
        return part("parts/verdict.html", refusal=refusal, form=form, importing=False, **told(services, provider, row, verdict))
    return connect_page(services, provider, form, row, verdict=verdict)


def broken_of(services: Services, provider_id: str) -> ConnectionView | None:
    rows = services.connections.list(provider_id)
    return next((row for row in rows if row.is_active and row.test_status in ("error", "banned")), None)


def connect_page(
    services: Services,
    provider: Provider,
    form: ConnectionForm,
    row: ConnectionView | None,
    *,
    verdict: Verdict | None = None,
    status: int = 200,
) -> ResponseReturnValue:
    values = {"form": form, "own_fields": own_fields(form), "row": row, **told(services, provider, row, verdict)}
    return step_page("start_connect.html", standing(services), "provider", status=status, **values)


def told(services: Services, provider: Provider, row: ConnectionView | None, verdict: Verdict | None) -> dict[str, Any]:
    """The verdict, or else that of the broken connection's last test, with what can be behind it."""
    last = (row.last_test or {}).get("diagnosis") or {} if row else {}
    type = verdict.diagnosis.type if verdict else last.get("type", "")
    return {"provider": provider, "verdict": verdict, "behind": behind(services, type, Where(provider, form="connection"))}


def key_step(services: Services, now: Standing) -> ResponseReturnValue:
    form = NameForm(data={"name": "Another key" if now.keys else "My first key"})
    return step_page("start_key.html", now, "key", form=form)


def key(services: Services) -> ResponseReturnValue:
    """Make it. The page that shows it goes on with the steps that use it."""
    form = NameForm(request.form)
    if request.method == "GET":
        return go("start", step="key")
    status = 400
    if form.validate():
        try:
            row, plain = services.keys.create({"name": form.name.data, "scopes": ["relay"]}, actor())
        except OperationError as refusal:
            status = refuse(form, refusal)
        else:
            return using(services, "message", plain=plain, made=row.name)
    return step_page("start_key.html", standing(services), "key", form=form, status=status)


def message_step(services: Services, now: Standing) -> ResponseReturnValue:
    return using(services, "message", now=now)


def client_step(services: Services, now: Standing) -> ResponseReturnValue:
    return using(services, "client", now=now)


def done_step(services: Services, now: Standing) -> ResponseReturnValue:
    return step_page("start_done.html", now, "")


def progress(services: Services) -> ResponseReturnValue:
    """The list of steps, which renews itself while something is open. Nothing when it is as the page has it."""
    now = standing(services)
    if request.args.get("done", "") == now.done:
        return "", 204
    return part("parts/start_steps.html", now=now, step=request.args.get("step", ""))


def heard(services: Services) -> ResponseReturnValue:
    """That a client has come by; nothing as long as none has. Without scripts its link asks for the page of the step."""
    if not wants_part():
        return go("start", step="client")
    now = standing(services)
    if now.heard is None:
        return "", 204
    response = make_response(part("parts/start_heard.html", now=now))
    response.headers["HX-Trigger"] = "heard"  # the list of steps then looks anew
    return response


STEPS: dict[str, Callable[[Services, Standing], ResponseReturnValue]] = {
    "provider": provider_step,
    "key": key_step,
    "message": message_step,
    "client": client_step,
    "done": done_step,
}
ROUTES = (
    Route("GET", "/dashboard/start", "start", start),
    Route("GET POST", "/dashboard/start/providers/<provider_id>", "start_connect", connect),
    Route("POST", "/dashboard/start/providers/<provider_id>/check", "start_check", check),
    Route("GET POST", "/dashboard/start/key", "start_key", key),
    Route("GET POST", "/dashboard/start/message", "start_message", message),
    Route("GET POST", "/dashboard/start/lines", "start_lines", lines),
    Route("GET", "/dashboard/start/progress", "start_progress", progress),
    Route("GET", "/dashboard/start/heard", "start_heard", heard),
)
