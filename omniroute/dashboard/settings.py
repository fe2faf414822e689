"""Settings: the sections, and the first of them: how the dashboard looks, its time zone, the address of the gateway."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import request, url_for
from flask.typing import ResponseReturnValue
from wtforms import Form, SelectField, StringField

from omniroute.dashboard import undo
from omniroute.dashboard.forms import SelectChoice, fresh_status, refuse, stripped
from omniroute.dashboard.home import root_url
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
    Section("routing", "Routing", "dashboard.settings_routing"),
    Section("logs", "Logs and retention", "dashboard.settings_logs"),
    Section("features", "Features", "dashboard.settings_features"),
    Section("backup", "Backup", "dashboard.backup"),
    Section("about", "About", "dashboard.settings_about"),
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
    return section_page(
        "settings.html",
        "general",
        form=form,
        zones=sorted(timezones()),
        root=root_url(services.settings),
        public=services.settings.public_url is not None,
        status=status,
    )


def section_page(template: str, section: str, *, status: int = 200, **values: Any) -> ResponseReturnValue:
    """A section's page, called by its label, below Settings."""
    (label,) = (each.label for each in SECTIONS if each.id == section)
    trail = (("Settings", url_for("dashboard.settings")),)
    return page(template, here="settings", section=section, title=label, trail=trail, status=status, **values)


def size_of(count: int | None) -> str:
    """Bytes as people read them: 640 bytes, 12 kB, 3.4 MB, 120 GB. "unknown" when they are not known."""
    if count is None:
        return "unknown"
    for power, unit in ((4, "TB"), (3, "GB"), (2, "MB"), (1, "kB")):
        if count >= 1000**power:
            amount = count / 1000**power
            return f"{amount:.1f} {unit}" if amount < 10 else f"{amount:,.0f} {unit}"
    return f"{count} bytes"


def sections() -> tuple[Section, ...]:
    """For the frame's row of links."""
    return SECTIONS


ROUTES = (Route("GET POST", "/dashboard/settings", "settings", general),)
