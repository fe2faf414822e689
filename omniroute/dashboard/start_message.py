"""The path's last two steps: a test message through the relay, like any client's, and the lines for one's client."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import orjson
from flask import Response, request, url_for
from flask.typing import ResponseReturnValue
from wtforms import Form, StringField, TextAreaField
from wtforms.validators import InputRequired, Length

from omniroute.dashboard.asking import Done, Failed, Happening, Text, Thinking, ask_of, client_line, exchange, whole
from omniroute.dashboard.first_steps import Standing, standing, step_page
from omniroute.dashboard.forms import stripped
from omniroute.dashboard.home import keyless_here, offered, root_url, speaks
from omniroute.dashboard.shell import go, keys_for_all, money, part, took, wants_part
from omniroute.dashboard.shell import tokens as counted
from omniroute.dashboard.snippets import KEY_PLACE, Place, Snippet, known_model, snippets
from omniroute.edge import current
from omniroute.errors import Problem, RequestError, Unauthorized
from omniroute.routing.configuration import ClientKey
from omniroute.security.client_keys import PREFIX, digest
from omniroute.services import Services
from omniroute.usage.logs import LogView

PROMPT = "Say hello in one short sentence."
LINES = "application/x-ndjson"  # an answer as it comes: one JSON object a line
LONGEST_KEY = 100


class MessageForm(Form):
    model = StringField("Model", [InputRequired("Choose a model."), Length(max=300)], filters=[stripped])
    prompt = TextAreaField("Message", [InputRequired("Write something."), Length(max=4000)], default=PROMPT)


@dataclass(frozen=True, slots=True)
class Told:
    """How the test message went. `facts` are those of `facts_of`."""

    text: str
    problem: Problem | None
    facts: dict[str, str]
    log_id: str


def message(services: Services) -> ResponseReturnValue:
    """Ask the relay: streamed to the page's script, else whole."""
    if request.method == "GET":
        return go("start", step="message")
    form, (plain, key) = MessageForm(request.form), own_key(services, request.form.get("key", ""))
    if not form.validate():
        return using(services, "message", plain=plain, form=form, status=400)
    streamed = request.headers.get("Accept") == LINES
    document = {"messages": [{"role": "user", "content": form.prompt.data}]}
    try:
        if key is None and request.form.get("key"):  # without one there would be no limits
            raise Unauthorized("This key has been deleted.", remedy="Make another one and send the message with that.")
        ask = ask_of(services, format="openai_chat", document=document, model=form.model.data or "", stream=streamed, key=key)
    except RequestError as refusal:  # the key may not: it was limited, switched off or deleted meanwhile
        if streamed:
            return as_it_comes([Failed(refusal.problem())], "")
        return using(services, "message", plain=plain, form=form, told=Told("", refusal.problem(), {}, ""))
    if streamed:
        return as_it_comes(exchange(services, ask, client_line()), url_for("dashboard.log", log_id=ask.request_id))
    outcome = whole(services, ask, client_line())
    told = Told(outcome.text, outcome.problem, facts_of(outcome.done.row), current.request_id())
    return using(services, "message", plain=plain, form=form, told=told)


def lines(services: Services) -> ResponseReturnValue:
    """The lines for another model, with the key that is still on the page."""
    if request.method == "GET":
        return go("start", step="client")
    model, (plain, _) = request.form.get("model", ""), own_key(services, request.form.get("key", ""))
    if wants_part():
        return part("parts/start_lines.html", snippets=lines_for(services, model, plain))
    return using(services, "client", plain=plain, model=model)


def using(
    services: Services,
    step: str,
    *,
    now: Standing | None = None,
    plain: str = "",
    made: str = "",
    model: str = "",
    form: MessageForm | None = None,
    told: Told | None = None,
    status: int = 200,
) -> ResponseReturnValue:
    """The page of both steps. `plain` is the key that was just made, under the name `made`, or that is still on the page."""
    models = offered(services.configuration.current())
    asked = model or (form.model.data if form else "") or (models[0] if models else "")
    form = form or MessageForm(data={"model": asked, "prompt": PROMPT})
    return step_page(
        "start_use.html",
        now or standing(services),
        step,
        status=status,
        plain=plain,
        made=made,
        models=models,
        form=form,
        told=told,
        model=asked,
        snippets=lines_for(services, asked, plain),
    )


def lines_for(services: Services, model: str, plain: str) -> tuple[Snippet, ...]:
    """With `plain`, or with the place for a key; none for a model whose provider is not known."""
    configuration = services.configuration.current()
    needed = KEY_PLACE if not keyless_here(services.settings) or keys_for_all(services) else None
    place = Place(root_url(services.settings), model, plain or needed, known_model(configuration, model))
    return snippets(place, speaks(configuration, model))


def own_key(services: Services, text: str) -> tuple[str, ClientKey | None]:
    """`text` and its key, if it is one of this gateway's; so nothing else that was sent is ever shown."""
    if not text.startswith(PREFIX) or len(text) > LONGEST_KEY:
        return "", None
    key = services.configuration.current().keys.get(digest(text))
    return ("", None) if key is None else (text, key)


def as_it_comes(happenings: Iterable[Happening], log_address: str) -> ResponseReturnValue:
    headers = {"Content-Type": LINES, "Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return Response(_written(happenings, log_address), headers=headers)


def _written(happenings: Iterable[Happening], log_address: str) -> Iterator[bytes]:
    """One line a happening; an empty object where there is nothing to show, so that a reader who left is noticed."""
    for happening in happenings:
        yield orjson.dumps(_line(happening, log_address)) + b"\n"


def _line(happening: Happening, log_address: str) -> dict[str, Any]:
    match happening:
        case Text(text):
            return {"text": text}
        case Thinking(text):
            return {"thinking": text}
        case Failed(problem):
            return {"failed": {"message": problem.message, "remedy": problem.remedy}}
        case Done(row):
            return {"done": facts_of(row), "log": log_address}
    return {}


def facts_of(row: LogView) -> dict[str, str]:
    """Who answered, tokens, time and cost, in words."""
    target = "/".join(each for each in (row.provider_prefix, row.upstream_model) if each)
    first = f", the first words after {took(row.first_ms)}" if row.streamed and row.first_ms is not None else ""
    return {
        "model": target or row.requested_model or "",
        "tokens": f"{counted(row.input_tokens)} in, {counted(row.output_tokens)} out",
        "time": f"{took(row.total_ms)}{first}",
        "cost": money(row.cost),
    }
