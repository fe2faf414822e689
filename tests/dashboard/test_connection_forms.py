"""A declaration makes the form."""

from __future__ import annotations

import pytest
from flask import Flask
from wtforms import PasswordField

from omniroute.connections.operations import ConnectionView
from omniroute.dashboard.connection_forms import form_for, own_fields
from omniroute.providers.values import Field, Provider

FIELDS = (
    Field("region", "Region", required=True, help="Where it runs."),
    Field("secret", "Second secret", secret=True, required=True),
)
PROVIDER = Provider(
    "x",
    "X",
    "native",
    "openai_chat",
    "https://x.example",
    fields=FIELDS,
    key_field=Field("api_key", "Token", True),
    key_required=True,
)


@pytest.fixture
def sent() -> Flask:
    return Flask(__name__)


def test_labels_and_help_come_from_the_data(sent: Flask) -> None:
    with sent.test_request_context():
        form = form_for(PROVIDER)
    assert form["api_key"].label.text == "Token"
    assert [(field.label.text, field.description) for field in own_fields(form)] == [
        ("Region", "Where it runs."),
        ("Second secret", ""),
    ]
    assert isinstance(form["field_secret"], PasswordField)


def test_everything_that_is_needed_is_asked_for(sent: Flask) -> None:
    with sent.test_request_context(method="POST", data={"name": "x"}):
        form = form_for(PROVIDER)
        assert not form.validate()
    assert set(form.errors) == {"api_key", "field_region", "field_secret"}


def test_what_is_given_reaches_the_operation_under_its_own_names(sent: Flask) -> None:
    data = {"api_key": " sk-1 ", "field_region": "eu", "field_secret": "s", "priority": "3"}
    with sent.test_request_context(method="POST", data=data):
        form = form_for(PROVIDER)
        assert form.validate()
    assert form.given() == {
        "api_key": "sk-1",
        "priority": 3,
        "max_concurrent": None,
        "quota": None,
        "fields": {"region": "eu", "secret": "s"},
    }


def test_saved_secrets_may_stay_blank_and_are_never_shown(sent: Flask) -> None:
    saved = ConnectionView(
        id="c", provider_id="x", provider_name="X", prefix="x", name="first", key_hint="sk-...1234", has_key=True, priority=0,
        max_concurrent=None, is_active=True, test_status="active", status_reason=None, status_at=None, succeeded=True,
        last_test=None, last_tested_at=None, fields={"region": "eu", "secret": "***"}, base_url="",
        created_at=0.0, updated_at=0.0,
    )  # fmt: skip
    with sent.test_request_context(method="POST", data={"name": "first", "field_region": "us"}):
        assert form_for(PROVIDER, saved).validate()
    with sent.test_request_context():
        shown = form_for(PROVIDER, saved)
    assert shown["field_region"].data == "eu"
    assert "***" not in str(shown["field_secret"]())


def test_a_provider_without_a_key_asks_for_none(sent: Flask) -> None:
    with sent.test_request_context():
        assert "api_key" not in form_for(Provider("local", "Local", "native", "openai_chat", "http://localhost"))
