"""The builder's form: rows in the order of the page, and what an operation refused beside the field it is about."""

from __future__ import annotations

import pytest
from werkzeug.datastructures import MultiDict

from omniroute.combos.operations import CONFIG
from omniroute.dashboard.combo_form import DEFAULTS, ComboForm, rearranged, saved, words
from omniroute.errors import Invalid
from tests.dashboard.conftest import Desk

SENT = MultiDict(
    [
        ("name", "c"),
        ("strategy", "weighted"),
        ("steps-7-model", "a/1"),
        ("steps-7-weight", "70"),
        ("steps-7-enabled", "y"),
        ("steps-2-model", "combo/x"),
        ("steps-2-weight", "30"),
        ("steps-1003-model", "b/2"),
        ("steps-1003-weight", "1"),
    ]
)


@pytest.mark.parametrize(
    ("do", "order"),
    [
        ("save", ["a/1", "combo/x", "b/2"]),
        ("up:2", ["a/1", "b/2", "combo/x"]),
        ("up:0", ["a/1", "combo/x", "b/2"]),
        ("down:0", ["combo/x", "a/1", "b/2"]),
        ("down:2", ["a/1", "combo/x", "b/2"]),
        ("remove:1", ["a/1", "b/2"]),
        ("remove:9", ["a/1", "combo/x", "b/2"]),
        ("up:-1", ["a/1", "combo/x", "b/2"]),
        ("add:p/with:colon", ["a/1", "combo/x", "b/2", "p/with:colon"]),
        ("add: ", ["a/1", "combo/x", "b/2"]),
        ("", ["a/1", "combo/x", "b/2"]),
    ],
)
def test_rows_stand_as_on_the_page_after_what_was_asked(do: str, order: list[str]) -> None:
    form = ComboForm(rearranged(SENT, do))
    assert [row.form.model.data for row in form.steps] == order


def test_what_stood_in_a_row_moves_with_it() -> None:
    form = ComboForm(rearranged(SENT, "down:0"))
    assert form.given()["steps"][:2] == [
        {"combo": "x", "connection_id": None, "weight": 30, "label": "", "tags": [], "enabled": False},
        {"model": "a/1", "connection_id": None, "weight": 70, "label": "", "tags": [], "enabled": True},
    ]


def test_an_emptied_limit_goes_back_to_its_default() -> None:
    given = ComboForm(MultiDict({"name": "c", "max_attempts": "3"})).given()
    assert given["config"] == dict.fromkeys(CONFIG) | {"max_attempts": 3}


def test_refusals_stand_beside_their_fields_and_the_rest_above() -> None:
    form = ComboForm(rearranged(SENT, "save"))
    told = {"steps[1].combo": "No such.", "steps[0]": "Odd.", "config.retry_same": "Too many.", "name": "Taken.", "steps": "Few."}
    rest = form.place(Invalid("x", told))
    assert form.steps[1].form.model.errors == ("No such.",)
    assert form.steps[0].form.model.errors == ("Odd.",)
    assert form.retry_same.errors == ("Too many.",)
    assert form.name.errors == ("Taken.",)
    assert (rest.fields, rest.message, rest.status) == ({"steps": "Few."}, "Few.", 400)


def test_a_refusal_without_fields_is_kept_as_it_is() -> None:
    assert ComboForm().place(Invalid("Not now.")).message == "Not now."


def test_defaults_are_shown_as_empty_fields(desk: Desk) -> None:
    node = desk.connection("openai")
    given = {"name": "c", "steps": [{"model": "openai/gpt-5.5", "connection_id": node}], "config": {"retry_same": 3}}
    row = desk.services.combos.create(given, desk.by)
    values = saved(row)
    assert values["retry_same"] == 3
    assert "deadline_ms" not in values
    assert row.config.deadline_ms == DEFAULTS.deadline_ms
    assert values["steps"][0]["connection_id"] == node


def test_words_stand_between_commas() -> None:
    assert words(" a, b,,a ,c d") == ["a", "b", "c d"]
    assert words(None) == []
