"""The dry run: who would be asked for a model now, in which order, and who is left out. Nothing is sent upstream."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import request
from flask.typing import ResponseReturnValue
from wtforms import Form, IntegerField, SelectField, StringField
from wtforms.validators import InputRequired, Length, NumberRange, Optional

from omniroute.dashboard.choices import askable
from omniroute.dashboard.combo_form import words
from omniroute.dashboard.forms import SelectChoice, stripped
from omniroute.dashboard.routes import Route
from omniroute.dashboard.shell import page
from omniroute.relay.explain import USUAL_INPUT, USUAL_OUTPUT, Terms
from omniroute.routing.configuration import ClientKey
from omniroute.services import Services

MOST_TOKENS = 100_000_000
# Orders that differ from request to request: what is shown is one of them.
ONE_OF_MANY: dict[str, str] = {
    "round-robin": "Shown for the turn that is next; each request begins one step further.",
    "weighted": "Shown is one draw; each request draws anew.",
    "random": "Shown is one draw; each request draws anew.",
    "p2c": "Shown is one draw; each request draws anew.",
    "latency-optimized": "Shown is one draw; now and then a target that nothing is known of goes first.",
}


class ResolveForm(Form):
    model = StringField("Model", [InputRequired("Which model or combo?"), Length(max=300)], filters=[stripped])
    key = SelectField("As client key", [Optional()])
    tags = StringField("Tags", [Optional(), Length(max=500)], filters=[stripped])
    input_tokens = IntegerField("Tokens in", [Optional(), NumberRange(0, MOST_TOKENS, "A count of tokens.")])
    output_tokens = IntegerField("Tokens out", [Optional(), NumberRange(0, MOST_TOKENS, "A count of tokens.")])

    def terms(self) -> Terms:
        return Terms(
            tags=frozenset(words(self.tags.data)),
            input_tokens=self.input_tokens.data,
            output_tokens=self.output_tokens.data,
        )


def resolve(services: Services) -> ResponseReturnValue:
    configuration = services.configuration.current()
    keys = {key.id: key for key in configuration.keys.values()}
    form = ResolveForm(request.args or None)
    form.key.choices = [SelectChoice("", "No limits"), *(SelectChoice(key.id, key.name) for key in keys.values())]
    asked = bool(request.args)
    told = ask(services, form, keys) if asked and form.validate() else None
    return page(
        "resolve.html",
        here="resolve",
        title="Dry run",
        form=form,
        names=askable(configuration),
        usual={"input": USUAL_INPUT, "output": USUAL_OUTPUT},
        status=400 if asked and told is None else 200,
        **shown(services, told),
    )


def ask(services: Services, form: ResolveForm, keys: dict[str, ClientKey]) -> dict[str, Any]:
    return services.explain.explain(form.model.data or "", keys.get(form.key.data or ""), form.terms())


def shown(services: Services, told: dict[str, Any] | None) -> dict[str, Any]:
    """What the part with the answer is given, here and on a combo's page."""
    once = ONE_OF_MANY.get(told.get("strategy") or "", "") if told and told.get("combo") else ""
    return {"told": told, "now": services.clock.now(), "at": moment, "once": once}


def moment(text: str | None) -> float | None:
    """ISO 8601, as the answer has it, in epoch seconds."""
    return None if text is None else datetime.fromisoformat(text).timestamp()


ROUTES = (Route("GET", "/dashboard/resolve", "resolve", resolve),)
