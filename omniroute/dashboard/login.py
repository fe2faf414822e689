"""Signing in and out."""

from __future__ import annotations

from flask import redirect, request
from flask.typing import ResponseReturnValue
from wtforms import Form, PasswordField
from wtforms.validators import InputRequired

from omniroute.dashboard.forms import fresh_status, refuse
from omniroute.dashboard.routes import Route
from omniroute.dashboard.shell import go, page
from omniroute.edge.cookies import drop_session, put_session, session_token
from omniroute.edge.current import address
from omniroute.edge.gate import local_path
from omniroute.errors import OperationError
from omniroute.services import Services


class LoginForm(Form):
    password = PasswordField("Password", [InputRequired("Type your password.")])


def login(services: Services) -> ResponseReturnValue:
    form = LoginForm(request.form or None)
    status = fresh_status()
    if request.method == "POST" and form.validate():
        try:
            session = services.accounts.login(
                form.password.data or "", address(), request.user_agent.string, previous=session_token()
            )
        except OperationError as refusal:
            status = refuse(form, refusal)
        else:
            response = redirect(local_path(request.values.get("next", "")), 303)
            put_session(response, session)
            return response
    return page(
        "login.html",
        here="login",
        title="Sign in",
        form=form,
        next=local_path(request.values.get("next", "")),
        waiting_for_setup=not services.accounts.has_admin(),
        status=status,
    )


def logout(services: Services) -> ResponseReturnValue:
    token = session_token()
    if token is not None:
        services.accounts.logout(token, address())
    response = go("login")
    drop_session(response)
    return response


ROUTES = (
    Route("GET POST", "/login", "login", login),
    Route("POST", "/logout", "logout", logout),
)
