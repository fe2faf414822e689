"""What the dashboard's forms share."""

from __future__ import annotations

from typing import Any

import pytest
from werkzeug.datastructures import MultiDict
from wtforms import Form, StringField

from omniroute.dashboard.forms import LinesField, Same, refuse
from omniroute.errors import Conflict, Invalid


class Sample(Form):
    name = StringField("Name")
    again = StringField("Again", [Same("name", "Not the same.")])
    lines = LinesField("Lines")


def test_what_is_about_a_field_stands_beside_it() -> None:
    form = Sample()
    assert refuse(form, Invalid("Name is needed.", {"name": "Name is needed."})) == 400
    assert form.name.errors == ("Name is needed.",)
    assert form.form_errors == []


def test_what_has_no_field_is_said_above() -> None:
    form = Sample()
    assert refuse(form, Conflict("The prefix is taken.")) == 409
    assert form.form_errors == ["The prefix is taken."]


def test_a_field_that_the_form_lacks_is_not_lost() -> None:
    form = Sample()
    refuse(form, Invalid("Two are wrong.", {"name": "Too long.", "type": "Unknown."}))
    assert form.form_errors == ["Two are wrong.", "Unknown."]


@pytest.mark.parametrize(
    ("given", "read"), [({"lines": " a \r\n\r\n b"}, ["a", "b"]), ({"lines": ""}, []), ({}, [])], ids=["two", "empty", "absent"]
)
def test_lines(given: dict[str, Any], read: list[str]) -> None:
    assert Sample(MultiDict(given)).lines.data == read


def test_lines_are_shown_as_lines() -> None:
    assert "a\r\nb" in str(Sample(data={"lines": ["a", "b"]}).lines()).replace("a\nb", "a\r\nb")


def test_the_same_again() -> None:
    assert Sample(MultiDict({"name": "x", "again": "x"})).validate()
    assert not Sample(MultiDict({"name": "x", "again": "y"})).validate()
