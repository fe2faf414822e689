"""Settings, Logs and retention: what of requests is kept, and how long."""

from __future__ import annotations

from flask import request
from flask.typing import ResponseReturnValue
from wtforms import Form, IntegerField, SelectField
from wtforms.validators import InputRequired, NumberRange

from omniroute.dashboard import undo
from omniroute.dashboard.forms import SelectChoice, fresh_status, refuse
from omniroute.dashboard.routes import Route
from omniroute.dashboard.settings import section_page
from omniroute.dashboard.shell import go
from omniroute.edge.bodies import LOGGING
from omniroute.edge.current import actor
from omniroute.errors import OperationError
from omniroute.services import Services


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
    form, status = LogForm(request.form or None, data=services.preferences.all()), fresh_status()
    if request.method == "POST" and form.validate():
        try:
            services.preferences.update(form.data, actor())
        except OperationError as refusal:
            status = refuse(form, refusal)
        else:
            undo.offer("Saved. What is too old is deleted within minutes.", "preferences.update", "preferences")
            return go("settings_logs")
    return section_page("settings_logs.html", "logs", form=form, status=status)


ROUTES = (
    Route("GET", "/dashboard/settings/logs", "settings_logs", logs),
    Route("POST", "/dashboard/settings/log", "settings_log", logs),
)
