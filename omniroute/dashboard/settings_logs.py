"""Settings, Logs and retention: what of requests is kept, how long, how much there is, and what a shorter time deletes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import request
from flask.typing import ResponseReturnValue
from wtforms import Form, IntegerField, SelectField
from wtforms.validators import InputRequired, NumberRange

from omniroute.dashboard import undo
from omniroute.dashboard.forms import SelectChoice, fresh_status, refuse
from omniroute.dashboard.routes import Route
from omniroute.dashboard.settings import section_page, size_of
from omniroute.dashboard.shell import confirmation, go
from omniroute.edge.bodies import LOGGING
from omniroute.edge.current import actor
from omniroute.errors import DatabaseAway, OperationError
from omniroute.services import Services
from omniroute.usage.stock import Losses, losses, stock

TIMES = ("log_days", "body_days", "rollup_days")


def _whole(name: str) -> IntegerField:
    (declared,) = [each for each in LOGGING if each.name == name]
    low, high = int(declared.low or 0), int(declared.high or 0)
    return IntegerField(declared.label, [InputRequired("Say how many."), NumberRange(low, high, f"{low} to {high}.")])


class LogForm(Form):
    log_days = _whole("log_days")
    rollup_days = _whole("rollup_days")
    log_bodies = SelectField(
        "Store bodies", choices=(SelectChoice("off", "Only of keys that ask for it"), SelectChoice("on", "Of all keys"))
    )
    log_body_kb = _whole("log_body_kb")
    body_days = _whole("body_days")


def logs(services: Services) -> ResponseReturnValue:
    """A shorter time is asked about before it is saved, if it deletes anything."""
    before = services.preferences.all()
    form, status = LogForm(request.form or None, data=before), fresh_status()
    if request.method == "POST" and form.validate():
        shorter = any(form.data[name] < before[name] for name in TIMES)
        lost = losses(services.database, form.data, services.clock.now()) if shorter and "sure" not in request.form else None
        if lost is not None and lost.any:
            return _ask(form.data, lost)
        try:
            services.preferences.update(form.data, actor())
        except OperationError as refusal:
            status = refuse(form, refusal)
        else:
            undo.offer("Saved. What is too old is deleted within minutes.", "preferences.update", "preferences")
            return go("settings_logs")
    try:
        size = services.database.size()
    except DatabaseAway:
        size = None
    return section_page(
        "settings_logs.html",
        "logs",
        form=form,
        stock=stock(services.database),
        size=size_of(size),
        by_key=sum(key.log_bodies for key in services.keys.list()),
        status=status,
    )


def _ask(given: Mapping[str, Any], lost: Losses) -> ResponseReturnValue:
    told = [
        *([f"{_count(lost.rows, 'log row')} older than {_count(given['log_days'], 'day')}."] if lost.rows else []),
        *([f"The stored bodies of {_count(lost.bodies, 'request')}."] if lost.bodies else []),
        *([f"The sums of {_count(lost.hours, 'hour')}, so Usage shows those days by the day only."] if lost.hours else []),
        "They are deleted within minutes, and nothing brings them back. Sums by day stay, and so do the log's other rows.",
    ]
    values = {
        "question": "Keep the log for a shorter time?",
        "lost": told,
        "verb": "Save and delete",
        "carried": {**given, "sure": "yes"},
    }
    return confirmation(values, title="Shorter time", back=("settings_logs", {}), here="settings")


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


ROUTES = (
    Route("GET", "/dashboard/settings/logs", "settings_logs", logs),
    Route("POST", "/dashboard/settings/log", "settings_log", logs),
)
