"""Which trait holds for which model, and that the shipped data says what the vendors say."""

from dataclasses import replace
from fnmatch import fnmatchcase

import pytest

from omniroute.providers.catalog import Family, Model, Provider, Traits, load
from omniroute.providers.nodes import Node, as_provider
from omniroute.providers.traits import traits

CATALOG = load()
CLAUDES = CATALOG.family_sets["claude"]
RELAY = as_provider(
    Node("anthropic-compatible-cc-1", "Relay", "relay", "anthropic-compatible", "cc", None, "https://relay.example"), CATALOG
)
CHAT_NODE = as_provider(
    Node("openai-compatible-chat-1", "Node", "node", "openai-compatible", None, "chat", "https://node.example"), CATALOG
)


def native(provider_id: str) -> Provider:
    provider = CATALOG.get(provider_id)
    assert provider is not None
    return provider


# Who is heard ---------------------------------------------------------------------------

FAMILY = Family(("big-*", "*/big-*"), Traits(thinking="adaptive", sampling=False))
LATER = Family(("big-1", "small"), Traits(thinking="budget", cache_marks=True))
SOME = Provider(
    "some",
    "Some",
    "native",
    "openai_chat",
    "https://some.example",
    traits=Traits(max_tokens_name="max_completion_tokens", thinking="budget", mid_system=True),
    families=(FAMILY, LATER),
    models=(Model("big-1", "Big", traits=Traits(sampling=True, max_output=10)), Model("plain", "Plain")),
)
PROVIDERS_OWN = SOME.traits


@pytest.mark.parametrize(
    ("model", "known"),
    [
        ("big-1", replace(PROVIDERS_OWN, sampling=True, max_output=10, thinking="adaptive")),  # its own, family, provider
        ("big-2", replace(PROVIDERS_OWN, sampling=False, thinking="adaptive")),  # not listed: family, provider
        ("Maker/BIG-3", replace(PROVIDERS_OWN, sampling=False, thinking="adaptive")),  # in any case
        ("small", replace(PROVIDERS_OWN, cache_marks=True)),  # the first family that matches, and no other
        ("plain", PROVIDERS_OWN),
        ("unknown", PROVIDERS_OWN),
    ],
)
def test_the_model_is_heard_before_its_family_and_that_before_the_provider(model: str, known: Traits) -> None:
    assert traits(SOME, model) == known


def test_no_is_an_answer_and_nothing_is_none() -> None:
    assert Traits(sampling=False).over(Traits(sampling=True, thinking="budget")) == Traits(sampling=False, thinking="budget")
    assert Traits().over(Traits(sampling=False)) == Traits(sampling=False)


# What the shipped data says ---------------------------------------------------------------

NEWEST = Traits(sampling=False, thinking="adaptive")
FIRST_ADAPTIVE = Traits(sampling=False, thinking="adaptive", mid_system=False)
EITHER = Traits(mid_system=False)
BUDGET = Traits(thinking="budget", mid_system=False)


@pytest.mark.parametrize(
    ("model", "known"),
    [
        ("claude-opus-5-5", NEWEST),
        ("claude-opus-5.5", NEWEST),
        ("anthropic/claude-opus-5.5", NEWEST),
        ("us.anthropic.claude-opus-5-5-v1:0", NEWEST),
        ("claude-opus-5-5-thinking", NEWEST),
        ("Claude-Opus-5", NEWEST),
        ("claude-opus-4-8", NEWEST),
        ("claude-sonnet-5-5", NEWEST),
        ("claude-haiku-5-5", NEWEST),
        ("claude-fable-5-2", NEWEST),
        ("claude-mythos-5-1", NEWEST),
        ("claude-opus-6", NEWEST),
        ("claude-opus-4-7", FIRST_ADAPTIVE),
        ("claude-opus-4.7", FIRST_ADAPTIVE),
        ("claude-sonnet-5", FIRST_ADAPTIVE),
        ("claude-opus-4-6", EITHER),
        ("claude-sonnet-4-6", EITHER),
        ("claude-opus-4-5-20251101", BUDGET),
        ("claude-sonnet-4-5", BUDGET),
        ("claude-haiku-4-5-20251001", BUDGET),
        ("claude-opus-4-1-20250805", BUDGET),
        ("claude-sonnet-4-20250514", BUDGET),
        ("claude-4-opus-20250514", BUDGET),
        ("claude-3-7-sonnet-20250219", BUDGET),
        ("claude-3-5-haiku-20241022", Traits(reasoning=False, mid_system=False, max_output=8192)),
        ("claude-3-haiku-20240307", Traits(reasoning=False, mid_system=False, max_output=4096)),
        ("glm-5.1", Traits()),
        ("deepseek-v3.2", Traits()),
        ("gpt-6-sol", Traits(sampling=False, max_tokens_name="max_completion_tokens")),
        ("gpt-5.4-mini", Traits(sampling=False, max_tokens_name="max_completion_tokens")),
        ("o3", Traits(sampling=False, max_tokens_name="max_completion_tokens")),
        ("openai/o4-mini", Traits(sampling=False, max_tokens_name="max_completion_tokens")),
        ("gpt-4o-2024-08-06", Traits(reasoning=False)),
        ("openai/gpt-oss-120b", Traits()),
        ("olmo-3", Traits()),
    ],
)
def test_models_that_are_passed_through_to_relays_and_nodes(model: str, known: Traits) -> None:
    for provider in (RELAY, CHAT_NODE, replace(native("agentrouter"), models=())):
        assert traits(provider, model) == known


@pytest.mark.parametrize(
    ("provider_id", "model", "known"),
    [
        ("anthropic", "claude-opus-5-5", replace(NEWEST, reasoning=True, max_output=128_000, mid_system=True)),
        ("anthropic", "claude-opus-4-8", replace(NEWEST, mid_system=True)),  # not listed
        ("anthropic", "claude-sonnet-5", replace(FIRST_ADAPTIVE, reasoning=True, max_output=128_000)),
        ("anthropic", "claude-haiku-4-5-20251001", replace(BUDGET, reasoning=True, max_output=64_000)),
        ("agentrouter", "claude-opus-4-6", EITHER),
        ("agentrouter", "claude-haiku-4-5-20251001", BUDGET),
        (
            "openai",
            "gpt-6.1-sol",
            Traits(sampling=False, reasoning=True, max_output=128_000, max_tokens_name="max_completion_tokens"),
        ),
        ("openai", "gpt-4o", Traits(reasoning=False, max_output=16_384, max_tokens_name="max_completion_tokens")),
        ("openai", "anything-else", Traits(max_tokens_name="max_completion_tokens")),
        ("groq", "anything", Traits(max_tokens_name="max_completion_tokens")),
        ("deepseek", "anything", Traits(replays_reasoning=True)),
        ("openrouter", "anthropic/claude-opus-5", Traits(cache_marks=True, replays_reasoning=True)),
        ("gemini", "anything", Traits()),
        ("ollama", "gpt-oss:20b", Traits()),
    ],
)
def test_the_native_providers(provider_id: str, model: str, known: Traits) -> None:
    assert traits(native(provider_id), model) == known


def test_every_claude_that_is_listed_for_messages_has_a_family() -> None:
    for provider in CATALOG.all():
        for model in provider.models:
            if provider.format == "anthropic_messages" and "claude" in model.id:
                assert any(family.covers(model.id) for family in provider.families), model.id


def test_no_pattern_is_hidden_by_an_earlier_one() -> None:
    """What a later pattern matches with its stars empty is not matched by an earlier family."""
    for families in CATALOG.family_sets.values():
        for index, family in enumerate(families):
            for pattern in family.match:
                least = (
                    pattern.replace("*", "")
                    .replace("[.-]", "-")
                    .replace("[5-9]", "5")
                    .replace("[6-9]", "6")
                    .replace("[134]", "3")
                )
                assert fnmatchcase(least, pattern), pattern
                assert not any(earlier.covers(least) for earlier in families[:index]), pattern
