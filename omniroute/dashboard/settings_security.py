"""Settings, Security: who needs a key, the names that are answered, the password, and who is signed in."""

from __future__ import annotations

from typing import Any

from flask import flash, request
from flask.typing import ResponseReturnValue
from wtforms import Form, PasswordField
from wtforms.validators import InputRequired, Length

from omniroute.dashboard import undo
from omniroute.dashboard.forms import Same, fresh_status, refuse
from omniroute.dashboard.routes import Route
from omniroute.dashboard.settings import section_page
from omniroute.dashboard.settings_access import HostsForm, KeysForm, names, needs
from omniroute.dashboard.settings_browsers import browser
from omniroute.dashboard.shell import go, refused
from omniroute.edge.cookies import session_token
from omniroute.edge.current import actor, address, host
from omniroute.edge.hosts import Hosts
from omniroute.errors import OperationError
from omniroute.services import Services


class PasswordForm(Form):
    current = PasswordField("Current password", [InputRequired("Type the password you have now.")])
    new = PasswordField(
        "New password", [InputRequired("Choose a new one."), Length(min=10, message="It has fewer than 10 characters.")]
    )
    again = PasswordField("New password again", [InputRequired("Type it once more."), Same("new", "The two are not the same.")])


def security(services: Services) -> ResponseReturnValue:
    return show(services)


def keys(services: Services) -> ResponseReturnValue:
    form, status = KeysForm(request.form), fresh_status()
    if form.validate():
        try:
            services.preferences.update(form.data, actor())
        except OperationError as refusal:
            status = refuse(form, refusal)
        else:
            holds = needs(services.settings, services.configuration.current().settings)
            undo.offer(f"Saved. {holds.now}", "preferences.update", "preferences")
            return go("settings_security")
    return show(services, keys_form=form, status=status)


def hosts(services: Services) -> ResponseReturnValue:
    form, status = HostsForm(request.form), fresh_status()
    if form.validate():
        try:
            Hosts(services.settings).need_way(host(), form.data)
            services.preferences.update(form.data, actor())
        except OperationError as refusal:
            status = refuse(form, refusal)
        else:
            undo.offer("Saved. The names are answered from now on.", "preferences.update", "preferences")
            return go("settings_security", _anchor="hosts")
    return show(services, hosts_form=form, status=status)


def password(services: Services) -> ResponseReturnValue:
    form, status = PasswordForm(request.form), fresh_status()
    if form.validate():
        try:
            services.accounts.change_password(form.current.data or "", form.new.data or "", address(), keep=session_token())
        except OperationError as refusal:
            status = refuse(form, refusal)
        else:
            flash("Password changed. All other sessions are signed out.", "good")
            return go("settings_security")
    return show(services, password_form=form, status=status)


def revoke(services: Services, session_id: str) -> ResponseReturnValue:
    try:
        services.accounts.revoke(session_id, actor())
    except OperationError as refusal:
        refused(refusal)
    else:
        flash("That session is signed out.", "good")
    return go("settings_security", _anchor="sessions")


def revoke_others(services: Services) -> ResponseReturnValue:
    ended = services.accounts.revoke_all(actor(), keep=session_token())
    flash(f"{ended} other session{' is' if ended == 1 else 's are'} signed out.", "good")
    return go("settings_security", _anchor="sessions")


def show(services: Services, status: int = 200, **forms: Form) -> ResponseReturnValue:
    """The page; a form that was sent and refused comes in place of a fresh one."""
    chosen = services.preferences.all()
    values: dict[str, Any] = {
        "password_form": PasswordForm(),
        "keys_form": KeysForm(data=chosen),
        "hosts_form": HostsForm(data=chosen),
        **forms,
    }
    return section_page(
        "settings_security.html",
        "security",
        needs=needs(services.settings, chosen),
        keyed=any("relay" in key.scopes and key.is_active for key in services.keys.list()),
        names=names(services.settings),
        host=host(),
        sessions=[(row, browser(row.user_agent)) for row in services.accounts.sessions(session_token())],
        status=status,
        **values,
    )


ROUTES = (
    Route("GET", "/dashboard/settings/security", "settings_security", security),
    Route("POST", "/dashboard/settings/keys", "settings_keys", keys),
    Route("POST", "/dashboard/settings/hosts", "settings_hosts", hosts),
    Route("POST", "/dashboard/settings/password", "password", password),
    Route("POST", "/dashboard/settings/sessions/<session_id>/revoke", "session_revoke", revoke),
    Route("POST", "/dashboard/settings/sessions/revoke-others", "sessions_revoke_others", revoke_others),
)
