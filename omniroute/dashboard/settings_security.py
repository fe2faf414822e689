"""Settings, Security: the password, and who is signed in."""

from __future__ import annotations

from flask import flash, request
from flask.typing import ResponseReturnValue
from wtforms import Form, PasswordField
from wtforms.validators import InputRequired, Length

from omniroute.dashboard.forms import Same, fresh_status, refuse
from omniroute.dashboard.routes import Route
from omniroute.dashboard.settings import section_page
from omniroute.dashboard.shell import go, refused
from omniroute.edge.cookies import session_token
from omniroute.edge.current import actor, address
from omniroute.errors import OperationError
from omniroute.services import Services


class PasswordForm(Form):
    current = PasswordField("Current password", [InputRequired("Type the password you have now.")])
    password = PasswordField(
        "New password", [InputRequired("Choose a new one."), Length(min=10, message="It has fewer than 10 characters.")]
    )
    again = PasswordField(
        "New password again", [InputRequired("Type it once more."), Same("password", "The two are not the same.")]
    )


def security(services: Services) -> ResponseReturnValue:
    return show(services)


def password(services: Services) -> ResponseReturnValue:
    form, status = PasswordForm(request.form or None), fresh_status()
    if form.validate():
        try:
            services.accounts.change_password(form.current.data or "", form.password.data or "", address(), keep=session_token())
        except OperationError as refusal:
            status = refuse(form, refusal)
        else:
            flash("Password changed. All other sessions are signed out.", "good")
            return go("settings_security")
    return show(services, form, status=status)


def revoke(services: Services, session_id: str) -> ResponseReturnValue:
    try:
        services.accounts.revoke(session_id, actor())
    except OperationError as refusal:
        refused(refusal)
    else:
        flash("That session is signed out.", "good")
    return go("settings_security")


def revoke_others(services: Services) -> ResponseReturnValue:
    ended = services.accounts.revoke_all(actor(), keep=session_token())
    flash(f"{ended} other session(s) signed out.", "good")
    return go("settings_security")


def show(services: Services, form: PasswordForm | None = None, status: int = 200) -> ResponseReturnValue:
    return section_page(
        "settings_security.html",
        "security",
        form=form or PasswordForm(),
        sessions=services.accounts.sessions(session_token()),
        status=status,
    )


ROUTES = (
    Route("GET", "/dashboard/settings/security", "settings_security", security),
    Route("POST", "/dashboard/settings/password", "password", password),
    Route("POST", "/dashboard/settings/sessions/<session_id>/revoke", "session_revoke", revoke),
    Route("POST", "/dashboard/settings/sessions/revoke-others", "sessions_revoke_others", revoke_others),
)
