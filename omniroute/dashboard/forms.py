"""What the dashboard's forms share. The CSRF field is no part of them: the gate checks it on every POST of a page."""

from __future__ import annotations

from typing import Any

from flask import request
from wtforms import Field, Form, TextAreaField, ValidationError
from wtforms import SelectChoice as SelectChoice  # type: ignore[attr-defined]  # new in 3.3: the type stubs lack it

from omniroute.errors import OperationError


def fresh_status() -> int:
    """The status of a page with a form before any operation was asked: 200 when it was opened, 400 when it was sent wrong."""
    return 200 if request.method == "GET" else 400


def refuse(form: Form, error: OperationError) -> int:
    """Put what an operation refused beside the fields it is about; what has no field stays on `form.form_errors`. A member of an
    object, "quota.limit", has the field "quota_limit".

    Returns the status that the page with the form is to have.
    """
    left = []
    for name, text in error.fields.items():
        field = form._fields.get(name.replace(".", "_"))
        if field is None:
            left.append(text)
        else:
            field.errors = (*field.errors, text)
    if left or not error.fields:
        form.form_errors = [error.message, *(text for text in left if text not in error.message)]
    return error.status


def stripped(text: Any) -> Any:
    return text.strip() if isinstance(text, str) else text


class LinesField(TextAreaField):
    """A list of texts, one a line; empty lines and spaces around are nothing."""

    data: list[str]  # type: ignore[assignment]

    def _value(self) -> str:
        return "\n".join(self.data or ())

    def process_formdata(self, valuelist: list[str]) -> None:
        self.data = [line.strip() for line in "\n".join(valuelist).splitlines() if line.strip()]


class Same:
    """The field holds the same as another one: a password typed twice."""

    def __init__(self, other: str, message: str) -> None:
        self.other, self.message = other, message

    def __call__(self, form: Form, field: Field) -> None:
        if field.data != form[self.other].data:
            raise ValidationError(self.message)
