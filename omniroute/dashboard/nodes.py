"""Nodes: the ways to add an upstream of one's own, Check before saving, and the node's edits and end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask import flash, request, url_for
from flask.typing import ResponseReturnValue
from wtforms import (
    FieldList,
    Form,
    FormField,
    PasswordField,
    SelectField,
    StringField,
)
from wtforms.validators import InputRequired, Length, Optional

from omniroute.connections.nodes import NodeView
from omniroute.dashboard import undo
from omniroute.dashboard.connections import combos_with
from omniroute.dashboard.first_steps import connected, on_path
from omniroute.dashboard.forms import SelectChoice, fresh_status, refuse, stripped
from omniroute.dashboard.remedies import Behind, Where, behind
from omniroute.dashboard.routes import Route
from omniroute.dashboard.shell import above, confirmation, go, page, part, refused, wants_part
from omniroute.edge.current import actor
from omniroute.errors import FeatureOff, Missing, OperationError
from omniroute.providers.nodes import API_TYPES, default_chat_path
from omniroute.providers.values import Provider, WireProfile
from omniroute.routing.verdict import Verdict
from omniroute.security.redaction import MASK
from omniroute.services import Services


@dataclass(frozen=True, slots=True)
class Kind:
    """One way to add a node. `button` is the label that documentation tells people to press."""

    slug: str
    button: str
    about: str
    type: str
    compat_mode: str | None
    base_url: str  # an example
    api_types: tuple[str | None, ...] = (None,)
    behind_flag: bool = False
    wire: str | None = None

    @property
    def chat_paths(self) -> tuple[str, ...]:
        """What Chat path is without anybody's doing, by API type."""
        return tuple(default_chat_path(self.type, self.compat_mode, api_type) for api_type in self.api_types)


KINDS: dict[str, Kind] = {
    kind.slug: kind
    for kind in (
        Kind(
            "openai-compatible",
            "Add OpenAI Compatible",
            "Anything that speaks Chat Completions or Responses: vLLM, LM Studio, LocalAI, most relays.",
            "openai-compatible",
            None,
            "https://api.example.com/v1",
            api_types=API_TYPES,
        ),
        Kind(
            "anthropic-compatible",
            "Add Anthropic Compatible",
            "Anything that speaks the Anthropic Messages API and admits every client.",
            "anthropic-compatible",
            None,
            "https://api.example.com",
        ),
        Kind(
            "claude-code-compatible",
            "Add Claude Code Compatible",
            "A relay that admits only Claude Code: AgentRouter and others of its kind.",
            "anthropic-compatible",
            "cc",
            "https://agentrouter.org",
            behind_flag=True,
            wire="claude_code",
        ),
    )
}


KEYS_LOST = {0: "", 1: "1 connection and its stored API key. "}


class HeaderForm(Form):
    """One row of the table of custom headers."""

    action = SelectField("Do", choices=[SelectChoice("set", "Set"), SelectChoice("remove", "Remove")])
    name = StringField("Header", [Optional(), Length(max=100)], filters=[stripped])
    value = StringField("Value", [Optional(), Length(max=2000)], filters=[stripped])


class NodeForm(Form):
    """Add and edit alike. `check_key` never leaves the Check: what is saved of a key is a connection's. Only the guided path,
    which says so, makes that connection of it at once."""

    name = StringField("Name", [InputRequired("Give it a name."), Length(max=100)], filters=[stripped])
    prefix = StringField("Prefix", [InputRequired("Choose what is typed before the slash."), Length(max=60)], filters=[stripped])
    base_url = StringField("Base URL", [InputRequired("Where does it answer?"), Length(max=500)], filters=[stripped])
    chat_path = StringField("Chat path", [Optional(), Length(max=300)], filters=[stripped])
    api_type = SelectField("API type", choices=[SelectChoice("chat", "Chat Completions"), SelectChoice("responses", "Responses")])
    models_path = StringField("Models path", [Optional(), Length(max=300)], filters=[stripped])
    headers = FieldList(FormField(HeaderForm), min_entries=2)
    check_model = StringField("Model to check with", [Optional(), Length(max=200)], filters=[stripped])
    check_key = PasswordField("Validate", [Optional(), Length(max=500)], filters=[stripped])

    def given(self, kind: Kind) -> dict[str, Any]:
        """For the operations, save what the way to add decides."""
        path = self.chat_path.data or ""
        return {
            "name": self.name.data,
            "prefix": self.prefix.data,
            "base_url": self.base_url.data,
            "chat_path": "" if path in kind.chat_paths else path,  # "" stays the type's own, also when that moves
            "models_path": self.models_path.data or "",
            "custom_headers": self.custom_headers(),
        }

    def custom_headers(self) -> list[tuple[str, str | None]]:
        rows = [row.form for row in self.headers if row.form.name.data]
        return [(row.name.data or "", None if row.action.data == "remove" else row.value.data or "") for row in rows]


def kind_of(node: NodeView) -> Kind:
    return next(kind for kind in KINDS.values() if (kind.type, kind.compat_mode) == (node.type, node.compat_mode))


def add(services: Services, slug: str) -> ResponseReturnValue:
    kind = allowed(services, slug)
    form, status = form_of(kind, {"chat_path": kind.chat_paths[0]}), fresh_status()
    if request.method == "POST" and form.validate():
        try:
            node = services.nodes.create(as_new(form, kind), actor())
            if found := request.form.getlist("import_models"):
                services.models.add(node.id, found, "discovered", actor())
        except OperationError as refusal:
            status = refuse(form, refusal)
        else:
            if on_path():
                return join(services, node, form)
            flash(f"{node.name} added. Now give it a connection with your API key.", "good")
            return go("provider", provider_id=node.id)
    return form_page(services, kind, form, status=status)


def join(services: Services, node: NodeView, form: NodeForm) -> ResponseReturnValue:
    """Back to the guided path: with the key that was typed as its first connection, or else to where one is pasted."""
    if form.check_key.data:
        try:
            verdict = connected(services, node.id, {"api_key": form.check_key.data})
        except OperationError as refusal:
            refused(refusal)
        else:
            return go("start") if verdict.valid else go("start_connect", provider_id=node.id)
    return go("start_connect", provider_id=node.id)


def check(services: Services, slug: str) -> ResponseReturnValue:
    """Check before saving. With scripts only the verdict comes back, so the form and its key stay as they are."""
    kind = allowed(services, slug)
    form = form_of(kind)
    verdict, refusal = try_out(services, form, as_new(form, kind))
    if wants_part():
        found = behind_check(services, kind, form, verdict)
        return part("parts/verdict.html", verdict=verdict, refusal=refusal, form=form, importing=True, behind=found)
    if refusal is not None:
        refuse(form, refusal)
    return form_page(services, kind, form, verdict=verdict)


def edit(services: Services, node_id: str) -> ResponseReturnValue:
    node = services.nodes.get(node_id)
    kind = kind_of(node)
    form, status = form_of(kind, saved(node), new=False), fresh_status()
    if request.method == "POST" and form.validate():
        try:
            services.nodes.update(node_id, form.given(kind), actor())
        except OperationError as refusal:
            status = refuse(form, refusal)
        else:
            waiting = any(row.test_status == "untested" for row in services.connections.list(node_id))
            flash(f"{form.name.data} saved.{' Test its connections again.' if waiting else ''}", "good")
            return go("provider", provider_id=node_id)
    return form_page(services, kind, form, node=node, status=status)


def check_edit(services: Services, node_id: str) -> ResponseReturnValue:
    node = services.nodes.get(node_id)
    kind = kind_of(node)
    form = form_of(kind, new=False)
    kept = {name.lower(): value for name, value in services.nodes.node(node_id).custom_headers}
    given = as_new(form, kind)
    given["custom_headers"] = [
        (name, kept.get(name.lower(), value) if value == MASK else value) for name, value in given["custom_headers"]
    ]
    verdict, refusal = try_out(services, form, given)
    if wants_part():
        found = behind_check(services, kind, form, verdict)
        return part("parts/verdict.html", verdict=verdict, refusal=refusal, form=form, importing=False, behind=found)
    if refusal is not None:
        refuse(form, refusal)
    return form_page(services, kind, form, node=node, verdict=verdict)


def delete(services: Services, node_id: str) -> ResponseReturnValue:
    node = services.nodes.get(node_id)
    if request.method == "POST":
        try:
            gone = services.nodes.delete(node_id, actor())
        except OperationError as refusal:
            refused(refusal)
            return go("provider", provider_id=node_id)
        flash(f"{node.name} deleted, with {gone.connections} connection(s) and {gone.models} stored model(s).", "good")
        return go("providers")
    lost = [
        f"Requests for {node.prefix}/… will no longer be answered.",
        f"Gone with it: {KEYS_LOST.get(node.connections, f'{node.connections} connections and their stored API keys. ')}"
        "Its model list and custom headers. Log rows stay.",
        *combos_with(services, lambda step: step.canonical.startswith(f"{node_id}/"), "of this provider"),
        undo.NOT_THIS,
    ]
    values = {"question": f"Delete the provider “{node.name}”?", "lost": lost, "verb": "Delete provider"}
    trail = (*above("providers"), place(node))
    return confirmation(values, title="Delete provider", back=("provider", {"provider_id": node_id}), trail=trail)


def form_of(kind: Kind, data: Mapping[str, Any] | None = None, *, new: bool = True) -> NodeForm:
    """The form as it was sent, over `data`. The API type is asked once, and only where there is a choice."""
    form = NodeForm(request.form or None, data=data)
    if not new or len(kind.api_types) == 1:
        del form.api_type
    return form


def allowed(services: Services, slug: str) -> Kind:
    kind = KINDS.get(slug)
    if kind is None:
        raise Missing("There is no such way to add a provider.")
    if kind.behind_flag and not services.settings.enable_cc_compatible_provider:
        raise FeatureOff("Claude Code compatible providers are off. Set ENABLE_CC_COMPATIBLE_PROVIDER=true and start again.")
    return kind


def as_new(form: NodeForm, kind: Kind) -> dict[str, Any]:
    """With what a node is (type, mode, API type); that stands in its id and never changes."""
    given = form.given(kind) | {"type": kind.type}
    if kind.compat_mode is not None:
        given["compat_mode"] = kind.compat_mode
    if "api_type" in form:
        given["api_type"] = form.api_type.data or "chat"
    return given


def try_out(services: Services, form: NodeForm, given: Mapping[str, Any]) -> tuple[Verdict | None, OperationError | None]:
    """Send the smallest message to what the form describes; nothing is saved. Name and prefix may still be empty."""
    filled = {name: value for name, value in given.items() if value not in (None, "")}
    try:
        node = services.nodes.draft(filled)
    except OperationError as refusal:
        return None, refusal
    return services.probe.check(node, form.check_key.data or None, form.check_model.data or None), None


def behind_check(services: Services, kind: Kind, form: NodeForm, verdict: Verdict | None) -> Behind | None:
    """What can be behind it that the node is not valid, with links to the fields of the form."""
    if verdict is None:
        return None
    draft = Provider("", kind.button, "node", "", form.base_url.data or "", wire=kind.wire)
    return behind(services, verdict.diagnosis.type, Where(draft, form="node"))


def saved(node: NodeView) -> dict[str, Any]:
    """A node's values under the form's names."""
    rows = [
        {"action": "remove" if value is None else "set", "name": name, "value": value or ""}
        for name, value in node.custom_headers
    ]
    return {
        "name": node.name,
        "prefix": node.prefix,
        "base_url": node.base_url,
        "chat_path": node.chat_path,
        "models_path": node.models_path or "",
        "headers": [*rows, {}],
    }


def form_page(
    services: Services,
    kind: Kind,
    form: NodeForm,
    *,
    node: NodeView | None = None,
    verdict: Verdict | None = None,
    status: int = 200,
) -> ResponseReturnValue:
    wire: WireProfile | None = services.catalog.wires.get(kind.wire) if kind.wire else None
    return page(
        "node_form.html",
        here="providers",
        title=f"Edit {node.name}" if node else kind.button,
        trail=(*above("providers"), place(node)),
        kind=kind,
        form=form,
        node=node,
        verdict=verdict,
        behind=behind_check(services, kind, form, verdict),
        on_path=node is None and on_path(),
        notice=wire.notice if wire else "",
        status=status,
    )


def place(node: NodeView | None) -> tuple[str, str]:
    """The page that a node's form or question stands under."""
    if node is None:
        return ("Get started", url_for("dashboard.start")) if on_path() else ("Add Provider", url_for("dashboard.catalogue"))
    return node.name, url_for("dashboard.provider", provider_id=node.id)


ROUTES = (
    Route("GET POST", "/dashboard/nodes/add/<slug>", "node_add", add),
    Route("POST", "/dashboard/nodes/add/<slug>/check", "node_check", check),
    Route("GET POST", "/dashboard/nodes/<node_id>/edit", "node_edit", edit),
    Route("POST", "/dashboard/nodes/<node_id>/check", "node_check_edit", check_edit),
    Route("GET POST", "/dashboard/nodes/<node_id>/delete", "node_delete", delete),
)
