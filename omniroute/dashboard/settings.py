"""Settings: the password, who is signed in, and what the server was started with."""

from __future__ import annotations

from flask import flash, request
from flask.typing import ResponseReturnValue
from wtforms import Form, IntegerField, PasswordField, SelectField
from wtforms.validators import InputRequired, Length, NumberRange

from omniroute.dashboard.forms import Same, SelectChoice, fresh_status, refuse
from omniroute.dashboard.routes import Route
from omniroute.dashboard.shell import go, page, refused
from omniroute.edge.bodies import LOGGING
from omniroute.edge.cookies import session_token
from omniroute.edge.current import actor, address
from omniroute.errors import OperationError
from omniroute.services import Services
from omniroute.settings import Settings


class PasswordForm(Form):
    current = PasswordField("Current password", [InputRequired("Type the password you have now.")])
    password = PasswordField(
        "New password", [InputRequired("Choose a new one."), Length(min=10, message="It has fewer than 10 characters.")]
    )
    again = PasswordField(
        "New password again", [InputRequired("Type it once more."), Same("password", "The two are not the same.")]
    )


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


def settings(services: Services) -> ResponseReturnValue:
    return show(services)


def log(services: Services) -> ResponseReturnValue:
    form, status = LogForm(request.form), fresh_status()
    if form.validate():
        try:
            services.preferences.update(form.data, actor())
        except OperationError as refusal:
            status = refuse(form, refusal)
        else:
            flash("Saved. What is too old is deleted within minutes.", "good")
            return go("settings")
    return show(services, log_form=form, status=status)


def password(services: Services) -> ResponseReturnValue:
    form, status = PasswordForm(request.form or None), fresh_status()
    if form.validate():
        try:
            services.accounts.change_password(form.current.data or "", form.password.data or "", address(), keep=session_token())
        except OperationError as refusal:
            status = refuse(form, refusal)
        else:
            flash("Password changed. All other sessions are signed out.", "good")
            return go("settings")
    return show(services, form, status=status)


def revoke(services: Services, session_id: str) -> ResponseReturnValue:
    try:
        services.accounts.revoke(session_id, actor())
    except OperationError as refusal:
        refused(refusal)
    else:
        flash("That session is signed out.", "good")
    return go("settings")


def revoke_others(services: Services) -> ResponseReturnValue:
    ended = services.accounts.revoke_all(actor(), keep=session_token())
    flash(f"{ended} other session(s) signed out.", "good")
    return go("settings")


def show(
    services: Services, form: PasswordForm | None = None, log_form: LogForm | None = None, status: int = 200
) -> ResponseReturnValue:
    return page(
        "settings.html",
        here="settings",
        title="Settings",
        form=form or PasswordForm(),
        log_form=log_form or LogForm(data=services.preferences.all()),
        sessions=services.accounts.sessions(session_token()),
        started=started_with(services.settings),
        status=status,
    )


def started_with(settings: Settings) -> list[tuple[str, str, str]]:
    """(name, value, meaning) of what the environment decided. No secret and no address with a password is among them."""
    private = settings.allow_private_upstreams
    values = (
        f"{settings.host}:{settings.port}",
        settings.require_api_key,
        str(settings.enable_cc_compatible_provider).lower(),
        private if isinstance(private, str) else ", ".join(private),
        "Postgres" if settings.database_url else "SQLite in DATA_DIR",
        "set" if settings.redis_url else "not set",
        settings.public_url or "not set",
        ", ".join(settings.trusted_hosts) or "not set",
        str(settings.proxy_hops),
        str(settings.max_body_mb),
    )
    return [(name, value, meaning) for (name, meaning), value in zip(STARTED_WITH, values, strict=True)]


STARTED_WITH = (
    ("HOST, PORT", "Where it listens"),
    ("REQUIRE_API_KEY", "Who needs a key: auto spares programs on this machine, if nothing else can reach it"),
    ("ENABLE_CC_COMPATIBLE_PROVIDER", "Claude Code compatible providers"),
    ("ALLOW_PRIVATE_UPSTREAMS", "Upstreams on this machine and its network"),
    ("DATABASE_URL", "Where everything is kept"),
    ("REDIS_URL", "Shared counters"),
    ("PUBLIC_URL", "The address that clients use"),
    ("TRUSTED_HOSTS", "Host names that are answered"),
    ("PROXY_HOPS", "Proxies in front that are believed"),
    ("MAX_BODY_MB", "Largest request"),
)

ROUTES = (
    Route("GET", "/dashboard/settings", "settings", settings),
    Route("POST", "/dashboard/settings/password", "password", password),
    Route("POST", "/dashboard/settings/log", "settings_log", log),
    Route("POST", "/dashboard/settings/sessions/<session_id>/revoke", "session_revoke", revoke),
    Route("POST", "/dashboard/settings/sessions/revoke-others", "sessions_revoke_others", revoke_others),
)
