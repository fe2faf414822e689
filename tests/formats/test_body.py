"""Bodies as bytes: one member replaced, every other byte as it came."""

from __future__ import annotations

import json
import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniroute.errors import BadRequest
from omniroute.formats.body import read_body, read_model, read_stream, rename_model, replace_model, with_stream_usage

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.text() | st.sampled_from(["model", '"model":', "}", "{", "\\"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["model", "a", 'x"model', "é"]) | st.text(), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(
    st.dictionaries(st.text().filter(lambda name: name != "model"), JSON, max_size=4),
    st.text(min_size=1),
    st.text(),
    st.booleans(),
    st.booleans(),
)
def test_replacing_the_model_changes_nothing_else(
    rest: dict[str, Any], old: str, new: str, ascii_only: bool, spaced: bool
) -> None:
    members = [*rest.items()]
    members.insert(len(members) // 2, ("model", old))
    raw = json.dumps(dict(members), ensure_ascii=ascii_only, indent=2 if spaced else None).encode("utf-8", "surrogatepass")
    try:
        read_body(raw)
    except BadRequest:  # half a surrogate pair
        return
    try:
        encoded = replace_model(raw, new)
    except UnicodeEncodeError:
        return
    except TypeError:  # orjson, for half a surrogate pair in the new name
        return
    assert json.loads(encoded) == {**dict(members), "model": new}
    start = raw.index(b'"model"') if raw.count(b'"model"') == 1 else None
    if start is not None:
        assert encoded[:start] == raw[:start]


def test_bytes_around_the_model_stay() -> None:
    raw = b'{ "z" : 1.0e5,\t"model"  :\n "a/b" , "n":{"model":"x"}, "e":"\\u00e9" }'
    assert replace_model(raw, "c") == b'{ "z" : 1.0e5,\t"model"  :\n "c" , "n":{"model":"x"}, "e":"\\u00e9" }'


@pytest.mark.parametrize(
    "raw", [b'{"model":"a","model":"b"}', b'{"model":"a","mod\\u0065l":"b"}', b'{"\\u006dodel":"a","model":"a"}']
)
def test_two_models_are_refused(raw: bytes) -> None:
    with pytest.raises(BadRequest, match="2 times"):
        replace_model(raw, "c")


def test_a_key_spelled_with_escapes_is_found() -> None:
    assert replace_model(b'{"x":[1,{"y":"}"}],"\\u006dodel":"a"}', "c") == b'{"x":[1,{"y":"}"}],"\\u006dodel":"c"}'


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b'{"model":"m","stream":true}', b'{"stream_options":{"include_usage":true},"model":"m","stream":true}'),
        (b'{"stream_options":{"include_usage":true}}', b'{"stream_options":{"include_usage":true}}'),
        (b'{"stream_options": {"include_usage":false,"x":1} ,"a":2}', b'{"stream_options": {"include_usage":true,"x":1} ,"a":2}'),
        (b'{"stream_options":null,"a":2}', b'{"stream_options":{"include_usage":true},"a":2}'),
    ],
)
def test_usage_is_asked_for_once(raw: bytes, expected: bytes) -> None:
    assert with_stream_usage(raw, read_body(raw)) == expected


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (b"", "no body"),
        (b"  \n", "no body"),
        (b"{", "not valid JSON"),
        (b"[1]", "not a list"),
        (b'"x"', "not a text"),
        (b"null", "not null"),
    ],
)
def test_what_is_no_json_object_is_refused(raw: bytes, says: str) -> None:
    with pytest.raises(BadRequest, match=says):
        read_body(raw)


@pytest.mark.parametrize("document", [{}, {"model": None}, {"model": ""}, {"model": " "}, {"model": 5}, {"model": ["a"]}])
def test_a_model_is_needed(document: dict[str, Any]) -> None:
    with pytest.raises(BadRequest) as refused:
        read_model(document)
    assert refused.value.param == "model"


def test_stream_is_a_boolean() -> None:
    assert [read_stream(each) for each in ({}, {"stream": None}, {"stream": False}, {"stream": True})] == [
        False,
        False,
        False,
        True,
    ]
    with pytest.raises(BadRequest):
        read_stream({"stream": "true"})


def test_the_model_of_an_answer_is_named_as_it_was_asked() -> None:
    raw = b'{"id":"m","model": "large","content":[{"text":"\\"model\\": \\"large\\""}],"model_note":"large"}'
    assert rename_model(raw, "large", "up/large") == raw.replace(b'"model": "large"', b'"model": "up/large"', 1)
    assert rename_model(raw, "other", "up/other") == raw


@pytest.mark.parametrize("text", ["a" * 2_000_000, "\\n" * 1_000_000], ids=["plain", "escapes"])
def test_a_long_text_takes_no_more_memory_than_its_length(text: str) -> None:
    """An image, or a model's name of megabytes: finding where it ends is no work that has to be remembered."""
    bodies = [b'{"model":"m","\\u0061":1,"image":"%b"}', b'{"model":"%b"}']
    for raw in [body % text.encode() for body in bodies]:
        tracemalloc.start()
        try:
            assert replace_model(raw, "c").startswith(b'{"model":"c"')
            assert tracemalloc.get_traced_memory()[1] < 3 * len(raw)
        finally:
            tracemalloc.stop()
