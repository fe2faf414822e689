"""The first page of a new gateway: the one-time link from the console leads here, a password is chosen, and the path goes on."""

from __future__ import annotations

from flask import request
from flask.typing import ResponseReturnValue
from wtforms import Form, PasswordField
from wtforms.validators import InputRequired, Length

from omniroute.dashboard.forms import Same, fresh_status, refuse
from omniroute.dashboard.routes import Route
from omniroute.dashboard.shell import go, page
from omniroute.edge.cookies import put_session
from omniroute.edge.current import address
from omniroute.errors import OperationError, WrongPassword
from omniroute.services import Services


class SetupForm(Form):
    password = PasswordField(
        "Password", [InputRequired("Choose a password."), Length(min=10, message="It has fewer than 10 characters.")]
    )
    again = PasswordField("Password again", [InputRequired("Type it once more."), Same("password", "The two are not the same.")])


def setup(services: Services) -> ResponseReturnValue:
    if services.accounts.has_admin():
        return go("login", setup="done")
    form, status = SetupForm(request.form or None), fresh_status()
    token = request.values.get("token", "")
    lost = not token  # then how to get the right link is told
    if request.method == "POST" and form.validate():
        try:
            session = services.accounts.set_up(token, form.password.data or "", address(), request.user_agent.string)
        except OperationError as refusal:
            status, lost = refuse(form, refusal), isinstance(refusal, WrongPassword)
        else:
            response = go("start")
            put_session(response, session)
            return response
    return page(
        "setup.html",
        here="setup",
        title="Welcome",
        form=form,
        token=token,
        lost=lost,
        status=status,
        behind_proxy=services.settings.proxy_hops > 0 or services.settings.public_url is not None,
    )


ROUTES = (Route("GET POST", "/setup", "setup", setup),)
