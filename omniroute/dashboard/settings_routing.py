"""Settings, Routing: when breakers open, and everything else that is a default of routing, with the place where it is set."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from flask import request
from flask.typing import ResponseReturnValue
from wtforms import Form, IntegerField
from wtforms.validators import InputRequired, NumberRange

from omniroute.combos.operations import CONFIG
from omniroute.connections.resilience import SETTINGS
from omniroute.dashboard import undo
from omniroute.dashboard.forms import fresh_status, refuse
from omniroute.dashboard.routes import Route
from omniroute.dashboard.settings import section_page
from omniroute.dashboard.shell import go, refused
from omniroute.edge.current import actor
from omniroute.errors import OperationError
from omniroute.routing.combos import AUTO
from omniroute.routing.configuration import ComboConfig
from omniroute.routing.health import ResilienceSettings
from omniroute.routing.strategies import STRATEGIES
from omniroute.services import Services
from omniroute.settings import Settings

DEFAULTS = asdict(ResilienceSettings())
HINTS = {
    "breaker_failures": "Fewer: a bad upstream is left out sooner, and so is a good one that stumbled.",
    "breaker_window_s": "Failures that are further apart are not counted together.",
    "breaker_first_s": "Then one request finds out whether it is well again.",
    "breaker_most_s": "Each time it is still bad, the time doubles, up to this.",
}
# Setting -> what it bounds.
TIMES = {
    "CONNECT_SECONDS": "To resolve an upstream's name and connect.",
    "FIRST_EVENT_SECONDS": "Streamed: to the upstream's first byte. Then the next target is asked.",
    "IDLE_SECONDS": "Streamed: between its bytes after that. Pings count as life.",
    "ANSWER_SECONDS": "Not streamed: to the whole answer. A client's own X-Stainless-Timeout takes its place.",
    "BODY_SECONDS": "For a request's body to come in, and a second more for each 16 kB of it.",
    "HEARTBEAT_SECONDS": "Streamed: after this silence the client gets a comment, so that nothing between gives up.",
}
COMBO = {
    "max_attempts": "Targets that one request may try.",
    "deadline_ms": "After it no attempt is begun; a running one goes on.",
    "retry_same": "When only one target is left, it is asked again so often.",
    "retry_delay_ms": "Before the first of these; it doubles.",
    "wait_for_cooldown_ms": "How long a request may wait when every target is cooling down.",
}


@dataclass(frozen=True, slots=True)
class Default:
    """One line: what it is called, what it is now, what it decides."""

    name: str
    value: str
    meaning: str


def _whole(name: str) -> IntegerField:
    label, low, high = SETTINGS[name]
    wrong = f"A whole number from {low:,} to {high:,}."
    return IntegerField(label, [InputRequired(wrong), NumberRange(low, high, wrong)])


class BreakerForm(Form):
    breaker_failures = _whole("breaker_failures")
    breaker_window_s = _whole("breaker_window_s")
    breaker_first_s = _whole("breaker_first_s")
    breaker_most_s = _whole("breaker_most_s")


def routing(services: Services) -> ResponseReturnValue:
    now = asdict(services.resilience.settings())
    form, status = BreakerForm(request.form or None, data=now), fresh_status()
    if request.method == "POST" and form.validate():
        try:
            services.resilience.change_settings(form.data, actor())
        except OperationError as refusal:
            status = refuse(form, refusal)
        else:
            undo.offer("Saved. It counts from the next failure on.", "resilience.update", "resilience")
            return go("settings_routing")
    return section_page(
        "settings_routing.html",
        "routing",
        form=form,
        hints={name: f"{text} By default {DEFAULTS[name]}." for name, text in HINTS.items()},
        changed=now != DEFAULTS,
        times=times(services.settings),
        combo=combo_defaults(),
        auto=tuple((name, strategy, STRATEGIES[strategy].help) for name, strategy in AUTO.items()),
        status=status,
    )


def defaults(services: Services) -> ResponseReturnValue:
    try:
        services.resilience.change_settings(dict.fromkeys(SETTINGS), actor())
    except OperationError as refusal:
        refused(refusal)
    else:
        undo.offer("Breakers are back to their defaults.", "resilience.update", "resilience")
    return go("settings_routing")


def times(settings: Settings) -> tuple[Default, ...]:
    """How long upstreams are waited for, as the environment has it."""
    return tuple(Default(name, f"{getattr(settings, name.lower()):g} s", text) for name, text in TIMES.items())


def combo_defaults() -> tuple[Default, ...]:
    """What a combo has that says nothing else."""
    usual = asdict(ComboConfig())
    return tuple(Default(CONFIG[name][0].removesuffix(" in ms"), _shown(name, usual), text) for name, text in COMBO.items())


def _shown(name: str, usual: dict[str, Any]) -> str:
    return f"{usual[name] / 1000:g} s" if name.endswith("_ms") else str(usual[name])


ROUTES = (
    Route("GET POST", "/dashboard/settings/routing", "settings_routing", routing),
    Route("POST", "/dashboard/settings/routing/defaults", "settings_routing_defaults", defaults),
)
