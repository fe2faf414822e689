"""Nothing is lost in silence: what becomes of each feature for each pair is what the table says, and what the page shows."""

from __future__ import annotations

from pathlib import Path

import pytest

from omniroute.formats import CLIENT_FORMATS, FORMATS
from tests.formats.conformance import results
from tests.formats.conformance.page import page
from tests.formats.conformance.table import Feature, load

TABLE = load()
PAGE = Path(__file__).parents[2] / "docs" / "conformance.md"
OUTCOMES = ("carried", "approximated: ", "dropped", "refused")


def _id(feature: Feature) -> str:
    return feature.name


def test_the_table_and_the_samples_have_the_same_features() -> None:
    assert [(each.group, each.name) for each in TABLE.requests] == [
        (group, name) for group, asks in results.ASKS.items() for name in asks
    ]
    assert [(each.group, each.name) for each in TABLE.answers] == [
        (group, name) for group, answers in results.ANSWERS.items() for name in answers
    ]
    assert all(each.group in TABLE.titles for each in (*TABLE.requests, *TABLE.answers))


@pytest.mark.parametrize("feature", TABLE.requests, ids=_id)
def test_a_request_fares_as_the_table_says(feature: Feature) -> None:
    assert results.of_request(feature) == feature.outcomes
    assert all(outcome.startswith(OUTCOMES) for outcome in feature.outcomes.values())


@pytest.mark.parametrize("feature", TABLE.answers, ids=_id)
def test_an_answer_fares_as_the_table_says(feature: Feature) -> None:
    assert results.of_answer(feature) == feature.outcomes
    assert all(outcome.startswith(("carried", "approximated: ", "left out")) for outcome in feature.outcomes.values())


def test_every_pair_is_looked_at() -> None:
    pairs = {(client, upstream) for client in CLIENT_FORMATS for upstream in FORMATS}
    for features in (TABLE.requests, TABLE.answers):
        assert {pair for feature in features for pair in feature.outcomes} == pairs


def test_the_page_is_current() -> None:
    assert PAGE.read_text() == page(), "make docs"
