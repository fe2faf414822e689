"""What a connection's fields make of an address, and what they can't make of it."""

from __future__ import annotations

import pytest

from omniroute.providers.addresses import base_url, layout_problem, placed, value_problem
from omniroute.providers.catalog import load
from omniroute.providers.urls import base_url_problem, models_url
from omniroute.providers.values import Field, Provider

RESOURCE = Field("resource", "Resource", required=True, fills="label")
PROJECT = Field("project", "Project", required=True, fills="segment")
PLACE = Field("place", "Place", fills="segment", default="global")
ADDRESS = Field("base_url", "Base URL", fills="address")
PIN = Field("pin", "PIN", secret=True)


def provider(address: str, *fields: Field) -> Provider:
    return Provider(
        "x", "X", "native", "openai_chat", address, chat_path="/chat/completions", models_path="/models", fields=fields
    )


@pytest.mark.parametrize(
    ("given", "made"),
    [
        ({"resource": "mine", "project": "p-1"}, "https://mine.example.com/v1/p-1/global/x"),
        ({"resource": "mine", "project": "p-1", "place": "eu"}, "https://mine.example.com/v1/p-1/eu/x"),
        ({"resource": "mine", "project": "p-1", "place": ""}, "https://mine.example.com/v1/p-1/global/x"),
        ({"resource": "mine", "pin": {"sealed": "..."}}, "https://mine.example.com/v1/{project}/global/x"),
        ({}, "https://{resource}.example.com/v1/{project}/global/x"),
    ],
)
def test_fields_fill_their_places(given: dict[str, object], made: str) -> None:
    one = provider("https://{resource}.example.com/v1/{project}/{place}/x", RESOURCE, PROJECT, PLACE, PIN)
    assert base_url(one, given) == made
    assert placed(one, given).base_url == made
    assert models_url(placed(one, given)) == f"{made}/models"


def test_an_address_stands_in_for_the_whole() -> None:
    one = provider("http://localhost:8000/v1", ADDRESS)
    assert placed(one, {}) is one and placed(one, {"base_url": ""}) is one
    assert placed(one, {"base_url": "https://gpu.example:9000"}).base_url == "https://gpu.example:9000"


def test_a_value_is_not_filled_in_twice() -> None:
    """What one field holds is never read as another's place."""
    one = provider("https://host.example/{project}/{place}", PROJECT, PLACE)
    assert base_url(one, {"project": "{place}", "place": "eu"}) == "https://host.example/{place}/eu"


@pytest.mark.parametrize("value", ["a", "my-resource", "us-west-2", "X1", "a" * 63])
def test_labels(value: str) -> None:
    assert value_problem(RESOURCE, value) is None


@pytest.mark.parametrize(
    "value",
    [
        "a.b",
        "a/b",
        "evil.com/",
        "evil.com#",
        "a@b",
        "a:80",
        "-a",
        "a-",
        "a b",
        "a?b",
        "{b}",
        "..",
        "ä",
        "a\\b",
        "a%2fb",
        "a" * 64,
    ],
)
def test_what_is_no_label(value: str) -> None:
    problem = value_problem(RESOURCE, value)
    assert problem is not None and "one part of a host name" in problem


@pytest.mark.parametrize("value", ["p", "my-project-1", "europe-west1", "example.com:project", "a_b"])
def test_segments(value: str) -> None:
    assert value_problem(PROJECT, value) is None


@pytest.mark.parametrize(
    "value", ["a/b", "..", ".", "a..b", ".a", "a.", "a?b", "a#b", "a b", "a%2fb", "a\\b", "a@b", "{b}", "a" * 129]
)
def test_what_is_no_segment(value: str) -> None:
    problem = value_problem(PROJECT, value)
    assert problem is not None and "one part of a path" in problem


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("localhost:8000", "it must begin with https://"),
        ("https://u:p@host", "user name and password"),
        ("https://host/../x", "'..'"),
        ("https://host#x", "'#'"),
        ("file:///etc/passwd", "it must begin with https://"),
    ],
)
def test_what_is_no_address(value: str, words: str) -> None:
    assert words in (value_problem(ADDRESS, value) or "")
    assert value_problem(ADDRESS, "https://gpu.example:9000/v1") is None


def test_other_fields_are_free() -> None:
    assert value_problem(Field("note", "Note"), "a/b @ c") is None


@pytest.mark.parametrize(
    ("address", "fields", "words"),
    [
        ("https://{resource}.example.com", (), "no field fills {resource} as a label"),
        ("https://x.example.com/{resource}", (RESOURCE,), "there is no {resource} for the field to fill as a label"),
        ("https://x.example.com/{project}", (), "no field fills {project} as a segment"),
        ("https://x.example.com", (PROJECT,), "there is no {project} for the field to fill as a segment"),
        ("https://x.example.com/{p}", (Field("p", "P", fills="segment"),), "'p' is part of the address and must be required"),
        ("https://x.example.com/{p}", (Field("p", "P", fills="segment", default="a/b"),), "the default of 'p' must be one part"),
        ("https://x.example.com", (Field("b", "B", secret=True, fills="address"),), "'b' is part of the address and can't be"),
    ],
)
def test_a_layout_that_does_not_fit(address: str, fields: tuple[Field, ...], words: str) -> None:
    assert words in (layout_problem(address, fields) or "")


def test_a_layout_that_fits() -> None:
    assert layout_problem("https://{resource}.example.com/{project}/{place}", (RESOURCE, PROJECT, PLACE, PIN)) is None
    assert layout_problem("http://localhost:8000/v1", (ADDRESS,)) is None


FILLED = {
    "azure-openai": ({"resource": "mine"}, "https://mine.openai.azure.com/openai/v1"),
    "bedrock": ({"region": "us-west-2"}, "https://bedrock-runtime.us-west-2.amazonaws.com/openai/v1"),
    "vertex": (
        {"project": "my-project"},
        "https://aiplatform.googleapis.com/v1/projects/my-project/locations/global/endpoints/openapi",
    ),
}


@pytest.mark.parametrize("provider_id", FILLED)
def test_the_shipped_ones_that_need_an_address(provider_id: str) -> None:
    one = load().get(provider_id)
    assert one is not None
    given, made = FILLED[provider_id]
    assert base_url(one, given) == made
    assert "{" not in made and base_url_problem(made) is None


def test_vertex_in_a_region() -> None:
    one = load().get("vertex")
    assert one is not None
    given = {"project": "p", "location": "europe-west1", "host": "europe-west1-aiplatform"}
    assert base_url(one, given).startswith("https://europe-west1-aiplatform.googleapis.com/v1/projects/p/locations/europe-west1/")


def test_no_other_shipped_address_has_an_open_place() -> None:
    for one in load().all():
        assert ("{" in one.base_url) is (one.id in FILLED), one.id
