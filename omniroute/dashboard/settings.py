"""Settings: the sections, and the first of them: how the dashboard looks, and in which time zone it counts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import request, url_for
from flask.typing import ResponseReturnValue
from wtforms import Form, SelectField, StringField

from omniroute.dashboard import undo
from omniroute.dashboard.forms import SelectChoice, fresh_status, refuse, stripped
from omniroute.dashboard.routes import Route
from omniroute.dashboard.shell import go, page
from omniroute.edge.current import actor
from omniroute.errors import OperationError
from omniroute.given import timezones
from omniroute.services import Services


@dataclass(frozen=True, slots=True)
class Section:
    """One address below Settings. `id` is what its page passes as `section`; its template extends settings_frame.html."""

    id: str
    label: str
    endpoint: str


SECTIONS = (
    Section("general", "General", "dashboard.settings"),
    Section("security", "Security", "dashboard.settings_security"),
    Section("logs", "Logs and retention", "dashboard.settings_logs"),
    Section("features", "Features", "dashboard.settings_features"),
)


class GeneralForm(Form):
    theme = SelectField(
        "Theme",
        choices=(
            SelectChoice("auto", "As the device is set"),
            SelectChoice("light", "Light"),
            SelectChoice("dark", "Dark"),
        ),
    )
    time_zone = StringField("Time zone", filters=(stripped,))


def general(services: Services) -> ResponseReturnValue:
    form, status = GeneralForm(request.form or None, data=services.preferences.all()), fresh_status()
    if request.method == "POST" and form.validate():
        try:
            services.preferences.update(form.data, actor())
        except OperationError as refusal:
            status = refuse(form, refusal)
        else:
            undo.offer("Saved.", "preferences.update", "preferences")
            return go("settings")
    return section_page("settings.html", "general", form=form, zones=sorted(timezones()), status=status)


def section_page(template: str, section: str, *, status: int = 200, **values: Any) -> ResponseReturnValue:
    """A section's page, called by its label, below Settings."""
    (label,) = (each.label for each in SECTIONS if each.id == section)
    trail = (("Settings", url_for("dashboard.settings")),)
    return page(template, here="settings", section=section, title=label, trail=trail, status=status, **values)


def sections() -> tuple[Section, ...]:
    """For the frame's row of links."""
    return SECTIONS


ROUTES = (Route("GET POST", "/dashboard/settings", "settings", general),)
