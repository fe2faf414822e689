"""The troubleshooting list: whole, consistent, and found by what people paste."""

from __future__ import annotations

from dataclasses import replace

import pytest

from omniroute.providers.catalog import load
from omniroute.relay.probe import MEANINGS, UNAVAILABLE
from omniroute.routing.failures import ROWS, RULES
from omniroute.routing.trouble import WAYS, WHEN
from omniroute.routing.troubles import NAMED, TROUBLES
from omniroute.routing.troubleshooting import causes, names, search, trouble


@pytest.mark.parametrize("kind", [*RULES, *(meaning.type for meaning in (*MEANINGS.values(), UNAVAILABLE)), "feature_off"])
def test_every_failure_has_its_trouble(kind: str) -> None:
    found = trouble(kind)
    assert found is not None and found.causes
    assert kind in names(found)


def test_what_is_none_has_none() -> None:
    assert trouble("ok") is None and trouble("") is None


def test_ways_and_conditions_are_known() -> None:
    assert set(NAMED.values()) <= TROUBLES.keys() and not NAMED.keys() & TROUBLES.keys()
    used = {way for each in TROUBLES.values() for cause in each.causes for way in cause.ways}
    assert used == WAYS.keys()
    for each in TROUBLES.values():
        for cause in each.causes:
            assert cause.when in WHEN and cause.steps and all(step[-1] in ".?" for step in cause.steps), cause


@pytest.mark.parametrize(
    ("text", "type"),
    [
        ("unauthorized client detected", "relay_client_rejected"),
        ('{"error":{"message":"unauthorized client detected, contact support for assistance"}}', "relay_client_rejected"),
        ("额度不足", "quota_exhausted"),
        ("用户额度不足, 剩余额度: ＄0.000000", "quota_exhausted"),
        ("无效的令牌", "upstream_auth_error"),
        ('{"error":{"message":"无效的令牌","type":"new_api_error"}}', "upstream_auth_error"),
        ('{"error":{"code":"content-blocked","type":"agent_router_api_error"}}', "content_blocked"),
        ("[400]: content-blocked", "content_blocked"),
        ("Invalid JSON response from provider (reset after 10s)", "upstream_not_json"),
        ("SSL: CERTIFICATE_VERIFY_FAILED certificate verify failed", "network_error"),
        ("stream_stalled", "stream_cut"),
    ],
)
def test_an_error_is_found_by_its_text(text: str, type: str) -> None:
    assert (search(text) or [None])[0] is TROUBLES[type]


@pytest.mark.parametrize(
    ("word", "kind"), [(word, kind) for kind, _, types, texts in ROWS for word in (*sorted(types), *texts) if word != "model"]
)
def test_what_failures_go_by_is_found(word: str, kind: str) -> None:
    assert trouble(kind) in search(word)


def test_a_status_is_a_number_of_its_own() -> None:
    assert TROUBLES["quota_exhausted"] in search("HTTP 402")
    assert search("request id 4021 of run40217") == ()
    assert search("") == tuple(TROUBLES.values())


def test_causes_are_those_that_can_be_so() -> None:
    catalog = load()
    relay, plain = catalog.providers["agentrouter"], catalog.providers["openai"]
    found = TROUBLES["relay_client_rejected"]
    assert {cause.when for cause in causes(found, relay)} == {"any", "wire"}
    assert {cause.when for cause in causes(found, plain)} == {"any", "plain"}
    assert causes(found, None) == found.causes
    assert "node" in {cause.when for cause in causes(TROUBLES["upstream_not_json"], replace(plain, kind="node"))}
