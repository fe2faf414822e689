"""One declaration, four uses: here the check and the schema."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from omniroute.edge import bodies
from omniroute.edge.declarations import KINDS, BadInput, Field, camel, check, check_query, schema

FIELDS = (
    Field("name", required=True, high=5),
    Field("api_type", choices=("chat", "responses"), nullable=True),
    Field("max_concurrent", "whole", low=1, high=10, nullable=True),
    Field("is_active", "flag"),
    Field("scopes", "names", choices=("relay", "manage"), low=1),
    Field("custom_headers", "table"),
    Field("expires_at", "time", nullable=True),
    Field("share", "number"),
    Field("rows", "list", high=2, members=(Field("at_most", "usd", required=True, nullable=True),)),
    Field("window", "object", nullable=True, members=(Field("resets_at", "time", required=True), Field("size", "whole", low=1))),
)


def test_a_good_body_comes_back_under_the_names_of_the_operations() -> None:
    given_body = {
        "name": "a",
        "apiType": None,
        "maxConcurrent": 3.0,
        "isActive": False,
        "scopes": ["relay"],
        "customHeaders": {"X-A": "b", "X-Gone": None},
        "expiresAt": "2027-01-01T00:00:00Z",
        "share": 0.5,
    }
    assert check(FIELDS, given_body) == {
        "name": "a",
        "api_type": None,
        "max_concurrent": 3,
        "is_active": False,
        "scopes": ["relay"],
        "custom_headers": {"X-A": "b", "X-Gone": None},
        "expires_at": 1798761600.0,
        "share": 0.5,
    }


def test_what_is_left_out_stays_out() -> None:
    assert check(FIELDS, {}, partial=True) == {}


def test_an_unknown_name_is_refused_with_the_nearest_one() -> None:
    with pytest.raises(BadInput) as refused:
        check(FIELDS, {"name": "a", "api_type": "chat"})
    assert refused.value.fields == {"api_type": "is not a field here; the nearest is apiType"}


def test_a_secret_in_the_place_of_a_name_is_not_given_back() -> None:
    with pytest.raises(BadInput) as refused:
        check(FIELDS, {"name": "a", "sk-or-abcdefghijklmnop": "x"})
    assert list(refused.value.fields) == ["sk-or-***"]
    assert "abcdefgh" not in str(refused.value)


def test_every_mistake_is_told_at_once() -> None:
    with pytest.raises(BadInput) as refused:
        check(FIELDS, {"isActive": 1, "scopes": [], "share": True})
    assert set(refused.value.fields) == {"name", "isActive", "scopes", "share"}


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("name", 1, "must be a text"),
        ("name", None, "must not be null"),
        ("name", "", "must not be empty"),
        ("name", "a\x00b", "must not hold a null character"),
        ("name", "\ud800", "must be valid Unicode"),
        ("name", "123456", "must have at most 5 characters"),
        ("apiType", "grpc", "must be one of chat, responses"),
        ("maxConcurrent", 0, "must be 1 or more"),
        ("maxConcurrent", 11, "must be 10 or less"),
        ("maxConcurrent", 1.5, "must be a whole number"),
        ("maxConcurrent", float("inf"), "must be a number"),
        ("maxConcurrent", True, "must be a number"),
        ("isActive", "yes", "must be true or false"),
        ("scopes", "relay", "must be a list of texts"),
        ("scopes", [" "], "must be a list of texts that are not empty"),
        ("scopes", ["admin"], "may hold relay, manage"),
        ("customHeaders", ["a"], "must be an object"),
        ("customHeaders", {"a": 1}, "must be an object whose values are texts, or null to take one out"),
        ("expiresAt", "soon", "must be a time such as 2027-01-31T12:00:00Z"),
        ("rows", {}, "must be a list"),
        ("rows", [{}] * 3, "must have at most 2 entries"),
        ("expiresAt", 17, "must be a time such as 2027-01-31T12:00:00Z"),
    ],
)
def test_what_a_wrong_value_is_told(name: str, value: Any, told: str) -> None:
    with pytest.raises(BadInput) as refused:
        check(FIELDS, {"name": "a", name: value})
    assert refused.value.fields == {name: told}


def test_each_object_of_a_list_is_checked_under_its_number() -> None:
    assert check(FIELDS, {"name": "a", "rows": [{"atMost": "2.50"}, {"atMost": None}]})["rows"] == [
        {"at_most": "2.50"},
        {"at_most": None},
    ]
    for row, field, told in (
        ({}, "rows[1].atMost", "is missing"),
        ({"atMost": 1, "x": 1}, "rows[1].x", "is not a field here; the nearest is atMost"),
        ({"atMost": True}, "rows[1].atMost", 'must be an amount in dollars, as a number or a text such as "2.50"'),
        (7, "rows[1]", "must be an object"),
    ):
        with pytest.raises(BadInput) as refused:
            check(FIELDS, {"name": "a", "rows": [{"atMost": 1}, row]})
        assert refused.value.fields == {field: told}


def test_a_query_is_text_that_becomes_values() -> None:
    fields = (Field("limit", "whole"), Field("is_active", "flag"), Field("model"))
    assert check_query(fields, {"limit": "20", "isActive": "true", "model": "1"}) == {
        "limit": 20,
        "is_active": True,
        "model": "1",
    }


@pytest.mark.parametrize("text", ["", "a", "1.5", "1e3", "0x10", "９９"])
def test_a_query_number_is_plain_digits(text: str) -> None:
    with pytest.raises(BadInput):
        check_query((Field("limit", "whole"),), {"limit": text})


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from([field.json for field in FIELDS]),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
            max_leaves=5,
        ),
    )
)
def test_any_json_is_taken_or_refused_never_a_crash(body: dict[str, Any]) -> None:
    try:
        check(FIELDS, body)
    except BadInput as refused:
        assert refused.fields


def test_the_schema_says_the_same() -> None:
    made = schema(FIELDS)
    assert made["required"] == ["name"]
    assert made["additionalProperties"] is False
    assert made["properties"]["apiType"] == {"type": ["string", "null"], "enum": ["chat", "responses", None]}
    assert made["properties"]["maxConcurrent"] == {"type": ["integer", "null"], "minimum": 1, "maximum": 10}
    assert made["properties"]["scopes"]["items"] == {"type": "string", "enum": ["relay", "manage"]}
    assert made["properties"]["rows"]["items"]["properties"]["atMost"]["type"] == ["number", "string", "null"]
    assert "required" not in schema(FIELDS, partial=True)


def test_a_secret_is_write_only() -> None:
    assert schema((Field("api_key", secret=True),))["properties"]["apiKey"]["writeOnly"] is True


@pytest.mark.parametrize(
    "fields",
    [value for value in vars(bodies).values() if isinstance(value, tuple) and all(isinstance(each, Field) for each in value)],
)
def test_every_declared_body_is_sound(fields: tuple[Field, ...]) -> None:
    assert all(field.kind in KINDS for field in fields)
    assert len({field.name for field in fields}) == len(fields)
    assert all(
        field.label or field.help or field.choices or field.name.endswith("_id") or field.kind != "text" for field in fields
    )
    schema(fields)


def test_camel_leaves_camel_alone() -> None:
    assert camel("base_url") == "baseUrl"
    assert camel("baseUrl") == "baseUrl"
    assert camel("fields.api_version") == "fields.apiVersion"


def test_the_members_of_an_object_are_checked_and_told_by_both_names() -> None:
    told = check(FIELDS, {"name": "a", "window": {"resetsAt": "2027-01-01T00:00:00Z", "size": 2}})
    assert told["window"] == {"resets_at": 1798761600.0, "size": 2}
    assert check(FIELDS, {"name": "a", "window": None})["window"] is None
    with pytest.raises(BadInput) as refused:
        check(FIELDS, {"name": "a", "window": {"size": 0, "resets_at": 1}})
    assert set(refused.value.fields) == {"window.size", "window.resets_at", "window.resetsAt"}
    with pytest.raises(BadInput) as refused:
        check(FIELDS, {"name": "a", "window": []})
    assert refused.value.fields == {"window": "must be an object"}
    made = schema(FIELDS)["properties"]["window"]
    assert (made["type"], made["required"]) == (["object", "null"], ["resetsAt"])
    assert made["additionalProperties"] is False
