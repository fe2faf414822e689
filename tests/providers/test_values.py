from decimal import Decimal

import pytest

from omniroute.providers.catalog import Catalog, FailureRow, Model, Provider, load
from omniroute.providers.values import FAILURE_KINDS
from omniroute.routing.failures import RULES

CATALOG = load()
NEW_API = CATALOG.failure_sets["new_api"]


def first(status: int, type: str | None, code: str | int | None, text: str, succeeded: bool) -> FailureRow | None:
    return next((row for row in NEW_API if row.matches(status, type, code, text, succeeded)), None)


# As the relays send them; the Chinese ones as New-API words them.
CLIENT = '{"error":{"message":"unauthorized client detected, contact support for assistance"},"type":"unauthorized_client_error"}'
PLAN = '{"error":{"message":"model not allowed","type":"unauthorized_client_error"}}'
TOKEN = '{"error":{"message":"无效的令牌","type":"new_api_error"}}'
BLOCKED = '{"error":{"code":"content-blocked","type":"agent_router_api_error"}}'
MODEL = '{"error":{"message":"该令牌无权访问模型 claude-opus-4-6","type":"new_api_error"}}'
QUOTA = '{"error":{"message":"用户额度不足, 剩余额度: ¥0.00","type":"new_api_error","code":"insufficient_user_quota"}}'
USED_UP = '{"error":{"message":"该令牌额度已用尽 TokenStatusExhausted[sk-abc***xyz]","type":"new_api_error"}}'


@pytest.mark.parametrize(
    ("status", "type", "code", "text", "succeeded", "kind", "to_client"),
    [
        (401, "unauthorized_client_error", None, CLIENT, False, "relay_client_rejected", 502),
        (403, "unauthorized_client_error", None, CLIENT, True, "relay_client_rejected", 502),
        (401, "new_api_error", None, "Unauthorized Client Detected", True, "relay_client_rejected", 502),
        (502, None, None, CLIENT, True, "relay_client_rejected", 502),
        (401, "unauthorized_client_error", None, PLAN, False, "relay_client_rejected", 502),
        (403, "unauthorized_client_error", None, PLAN, True, "model_not_in_plan", 403),
        (403, None, "unauthorized_client_error", "", True, "model_not_in_plan", 403),
        (403, None, None, '{"type":"unauthorized_client_error"}', True, "model_not_in_plan", 403),
        (401, "new_api_error", None, TOKEN, False, "upstream_auth_error", 502),
        (401, "new_api_error", None, TOKEN, True, "upstream_auth_error", 502),
        (401, None, None, "无效的令牌 (request id: 1)", True, "upstream_auth_error", 502),
        (401, "authentication_error", None, "Invalid token", True, "upstream_auth_error", 502),
        (400, "agent_router_api_error", "content-blocked", BLOCKED, True, "content_blocked", 400),
        (400, None, None, "[400]: content-blocked", False, "content_blocked", 400),
        (500, "new_api_error", "sensitive_words_detected", "sensitive words detected", True, "content_blocked", 400),
        (403, "new_api_error", None, MODEL, True, "model_not_in_plan", 403),
        (403, "new_api_error", None, "This token has no access to model glm-5.1", False, "model_not_in_plan", 403),
        (403, "new_api_error", "insufficient_user_quota", QUOTA, True, "quota_exhausted", 429),
        (400, None, None, "额度不足", True, "quota_exhausted", 429),
        (402, None, None, "额度不足", False, "quota_exhausted", 429),
        (403, None, "pre_consume_token_quota_failed", "token quota is not enough", True, "quota_exhausted", 429),
        (401, "new_api_error", None, USED_UP, True, "quota_exhausted", 429),
    ],
)
def test_what_new_api_relays_say(
    status: int, type: str | None, code: str | None, text: str, succeeded: bool, kind: str, to_client: int
) -> None:
    row = first(status, type, code, text, succeeded)
    assert row is not None
    assert (row.kind, row.status) == (kind, to_client)
    assert row.remedy


@pytest.mark.parametrize(
    ("status", "type", "code", "text"),
    [
        (401, "authentication_error", None, "invalid x-api-key"),
        (403, "new_api_error", None, "something else"),
        (400, "invalid_request_error", None, "max_tokens: required"),
        (429, "rate_limit_error", None, "Too Many Requests"),
        (500, "new_api_error", None, "bad response"),
        (404, "not_found_error", 404, "model: x"),
    ],
)
def test_what_is_left_to_the_common_table(status: int, type: str, code: int | None, text: str) -> None:
    assert first(status, type, code, text, True) is None


def test_only_moderation_keeps_the_request_from_the_same_provider() -> None:
    assert {row.kind for row in NEW_API if not row.same_provider} == {"content_blocked"}


def test_agentrouter_and_no_other_native_provider_reads_them() -> None:
    assert {provider.id for provider in CATALOG.all() if provider.failures} == {"agentrouter"}
    agentrouter = CATALOG.get("agentrouter")
    assert agentrouter is not None
    assert agentrouter.failures == NEW_API


def test_every_class_that_data_may_name_has_a_rule() -> None:
    assert set(FAILURE_KINDS) <= set(RULES)


def test_an_empty_part_of_a_row_asks_nothing() -> None:
    assert FailureRow("overloaded", statuses=frozenset({503})).matches(503, None, None, "", False)
    assert not FailureRow("overloaded", statuses=frozenset({503})).matches(500, None, None, "", False)
    assert FailureRow("rate_limited", codes=frozenset({"1302"})).matches(400, None, 1302, "", True)
    assert not FailureRow("rate_limited", statuses=frozenset({429}), texts=("slow",)).matches(429, None, None, "fast", True)


def test_catalog_finds_by_id_prefix_alias_and_model() -> None:
    one = Provider("one", "Zeta", "native", "openai_chat", "https://one.example", prefix="uno", aliases=("o",))
    two = Provider("two", "Alpha", "native", "openai_chat", "https://two.example", prefix="two", models=(Model("m", "M"),))
    catalog = Catalog({"one": one, "two": two}, {})
    assert catalog.all() == (two, one)
    assert catalog.get("one") is one
    assert catalog.get("uno") is None
    assert [catalog.find(name) for name in ("ONE", "Uno", "o", "two", "three")] == [one, one, one, two, None]
    assert catalog.offering("m") == (two,)
    assert two.model("m") == Model("m", "M")
    assert two.model("n") is None
    assert Model("m", "M", input_price=Decimal("0.1")).output_price is None
