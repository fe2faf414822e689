"""What has no place upstream is named in X-OmniRoute-Dropped; with X-OmniRoute-Strict it is a 400, and nobody is asked."""

from __future__ import annotations

from itertools import product

import pytest

from omniroute.formats import CLIENT_FORMATS, FORMATS, ir
from tests.api.clients import post, refusal
from tests.formats.conformance.ask import Ask, body
from tests.formats.conformance.results import ASKS
from tests.formats.conformance.table import load
from tests.gateway import Gateway
from tests.upstream.client import Upstream

STRICT = {"X-OmniRoute-Strict": "true"}
EACH_PAIR = pytest.mark.parametrize(
    ("client", "asked"), [(client, asked) for client, asked in product(CLIENT_FORMATS, FORMATS) if client != asked]
)
REQUESTS = load().requests


def first(client: str, asked: str, outcome: str) -> Ask:
    """The first feature that fares so between the two, with no trait of the model in play."""
    for feature in REQUESTS:
        if feature.outcomes.get((client, asked), "").startswith(outcome) and feature.target == ir.Target():
            return ASKS[feature.group][feature.name][client]
    raise AssertionError(f"nothing is {outcome} from {client} to {asked}")


def named(header: str, field: str) -> list[str]:
    return [name for name in header.split(", ") if name.startswith(field)]


@EACH_PAIR
def test_a_drop_is_named_and_strict_refuses_it(four: Gateway, upstream: Upstream, client: str, asked: str) -> None:
    ask = first(client, asked, "dropped")
    answer = post(four, client, asked, body(client, ask))
    assert answer.status == 200, answer.body
    assert [name for name in named(answer.headers["x-omniroute-dropped"], ask.field) if " (" not in name]
    assert len(upstream.requests()) == 1
    upstream.reset()
    field, message = refusal(client, post(four, client, asked, body(client, ask), STRICT), "unsupported_param")
    assert (field or "").startswith(ask.field) and f"'{field}'" in message
    assert not upstream.requests()


@EACH_PAIR
def test_an_approximation_is_named_and_strict_lets_it_pass(four: Gateway, upstream: Upstream, client: str, asked: str) -> None:
    ask = first(client, asked, "approximated")
    for headers in ({}, STRICT):
        answer = post(four, client, asked, body(client, ask), headers)
        assert answer.status == 200, answer.body
        assert [name for name in named(answer.headers["x-omniroute-dropped"], ask.field) if " (" in name]
    assert len(upstream.requests()) == 2


@EACH_PAIR
def test_what_another_request_would_come_of_is_refused(four: Gateway, upstream: Upstream, client: str, asked: str) -> None:
    ask = first(client, asked, "refused")
    field, message = refusal(client, post(four, client, asked, body(client, ask)), "unsupported_param")
    assert (field or "").startswith(ask.field) and f"'{field}'" in message
    assert not upstream.requests()


@EACH_PAIR
def test_nothing_is_named_where_all_is_carried(four: Gateway, upstream: Upstream, client: str, asked: str) -> None:
    answer = post(four, client, asked, body(client, first(client, asked, "carried")), STRICT)
    assert answer.status == 200 and "x-omniroute-dropped" not in answer.headers


@pytest.mark.parametrize("client", FORMATS)
def test_the_native_lane_drops_nothing(four: Gateway, upstream: Upstream, client: str) -> None:
    ask = ASKS["settings"]["made_up"][client]
    answer = post(four, client, client, body(client, ask), STRICT)
    assert answer.status == 200 and "x-omniroute-dropped" not in answer.headers
    assert "made" in str(upstream.requests()[0].json).lower()
