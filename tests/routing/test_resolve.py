"""From a model's name to who answers."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniroute.errors import BadRequest, FlagOff, Forbidden, ModelNotFound, NoConnection, RequestError
from omniroute.routing.configuration import Alias, ClientKey, Configuration, ListedModel
from omniroute.routing.listed import listed_models, usable_models
from omniroute.routing.resolve import MOST_ALIASES, require_allowed, resolve
from tests.routing.conftest import combo, configuration, connection, provider, with_combos


@pytest.mark.parametrize(
    ("name", "targets"),
    [
        ("alpha/big", ["alpha/big"]),
        ("ALPHA/big", ["alpha/big"]),
        ("al/anything/with/slashes", ["alpha/anything/with/slashes"]),
        ("small", ["alpha/small"]),
        ("big", ["alpha/big", "beta/big"]),
        ("meta/llama", ["beta/meta/llama"]),
    ],
)
def test_names(usual: Configuration, name: str, targets: list[str]) -> None:
    found = resolve(name, usual)
    assert [target.canonical for target in found.targets] == targets
    assert found.reason and not found.long_context


def test_bare_names_go_by_the_best_priority(usual: Configuration) -> None:
    moved = replace(usual, connections={**usual.connections, "beta": (connection("b1", "beta", priority=-1),)})
    assert [target.provider.id for target in resolve("big", moved).targets] == ["beta", "alpha"]


def test_the_long_context_suffix_is_stripped(usual: Configuration) -> None:
    found = resolve("alpha/big[1m]", usual)
    assert (found.targets[0].model, found.long_context) == ("big", True)


def test_the_node_that_owns_the_prefix_answers() -> None:
    node = provider("openai-compatible-chat-1", prefix="alpha")
    known = configuration([provider("alpha", "big"), node], connection("n1", node.id))
    assert resolve("alpha/x", known).targets[0].canonical == "openai-compatible-chat-1/x"
    assert resolve("openai-compatible-chat-1/x", known).targets[0].shown == "alpha/x"


def test_a_claude_code_node_is_not_asked_without_its_flag() -> None:
    node = provider("anthropic-compatible-cc-1", "m", prefix="relay", cc=True)
    known = configuration([node], connection("n1", node.id), cc_enabled=False)
    for name in ("relay/m", "anthropic-compatible-cc-1/m"):
        with pytest.raises(FlagOff, match="ENABLE_CC_COMPATIBLE_PROVIDER"):
            resolve(name, known)
    with pytest.raises(ModelNotFound):
        resolve("m", known)
    assert list(usable_models(known)) == []
    assert resolve("relay/m", replace(known, cc_enabled=True)).targets


@pytest.mark.parametrize("name", ["gamma/solo", "gamma/other", "claude-opus-9"])
def test_without_a_connection_the_error_says_what_to_connect(usual: Configuration, name: str) -> None:
    with pytest.raises(NoConnection) as refused:
        resolve(name, usual)
    assert refused.value.message.startswith("Gamma" if "gamma" in name else "Anthropic")
    assert "Providers" in refused.value.remedy


def test_an_unknown_name_brings_the_three_nearest(usual: Configuration) -> None:
    with pytest.raises(ModelNotFound) as refused:
        resolve("alhpa/big", usual)
    assert "alpha/big" in refused.value.message and refused.value.param == "model"


@pytest.mark.parametrize("name", ["a\x00b", "alpha/../x", "alpha/x\n"])
def test_unclean_names_are_refused(usual: Configuration, name: str) -> None:
    with pytest.raises(BadRequest):
        resolve(name, usual)


def aliased(known: Configuration, *pairs: tuple[str, str]) -> Configuration:
    """Aliases in the order in which they are looked at."""
    made = (Alias(pattern, model, number) for number, (pattern, model) in enumerate(pairs))
    return replace(known, aliases=tuple(made))


def shown(name: str, known: Configuration) -> list[str]:
    return [target.shown for target in resolve(name, known).targets]


def test_a_combo_goes_before_all_else(usual: Configuration) -> None:
    known = aliased(with_combos(usual, combo("small", "beta/big"), combo("auto", "beta/big")), ("small", "alpha/big"))
    assert shown("small", known) == shown("combo/small", known) == shown("auto", known) == ["beta/big"]
    found = resolve("combo/small", known)
    assert (found.reason, found.route.combo, found.name) == ("combo small", "small", "combo/small")


def test_auto_goes_before_aliases_and_these_before_prefixes_and_bare_names(usual: Configuration) -> None:
    known = aliased(usual, ("auto", "alpha/big"), ("alpha/big", "beta/big"), ("small", "beta/big"))
    assert len(shown("auto", known)) == 4 and resolve("auto", known).reason == "auto"
    assert shown("alpha/big", known) == shown("small", known) == ["beta/big"]
    assert resolve("small", known).reason == "alias small -> prefix beta"


@pytest.mark.parametrize(
    ("name", "strategy"), [("auto", "lkgp"), ("auto/fast", "latency-optimized"), ("auto/cheap", "cost-optimized")]
)
def test_auto_is_a_combo_of_everything_that_converses(usual: Configuration, name: str, strategy: str) -> None:
    known = replace(usual, models={"beta": (ListedModel("beta", "text-embedding-9", "discovered"),)})
    found = resolve(name, known)
    in_turn = ["alpha/big", "beta/big", "alpha/small", "beta/meta/llama"]  # of one provider after the other
    assert [target.shown for target in found.targets] == in_turn
    assert (found.route.combo, found.route.strategy) == (name, strategy)


def test_auto_without_anything_connected() -> None:
    with pytest.raises(NoConnection, match="auto"):
        resolve("auto", configuration([provider("alpha", "big")]))


def test_an_exact_alias_goes_before_globs_and_these_by_priority(usual: Configuration) -> None:
    known = aliased(usual, ("gpt-*", "alpha/small"), ("gpt-4*", "beta/big"), ("gpt-4o", "alpha/big"))
    assert shown("gpt-4o", known) == ["alpha/big"]
    assert shown("gpt-4.1", known) == ["alpha/small"]
    assert shown("gpt-4.1", aliased(usual, ("gpt-4*", "beta/big"), ("gpt-*", "alpha/small"))) == ["beta/big"]
    with pytest.raises(ModelNotFound):
        resolve("GPT-5", known)


def test_aliases_may_lead_to_aliases_and_combos(usual: Configuration) -> None:
    known = aliased(with_combos(usual, combo("c", "beta/big")), ("one", "two"), ("two", "c"))
    found = resolve("one", known)
    assert found.route.combo == "c" and found.reason == "alias one -> alias two -> combo c" and found.name == "c"
    chain = [(f"n{number}", f"n{number + 1}") for number in range(MOST_ALIASES - 1)]
    assert shown("n0", aliased(usual, *chain, (f"n{MOST_ALIASES - 1}", "alpha/big"))) == ["alpha/big"]


def test_aliases_that_lead_round_in_circles_are_refused(usual: Configuration) -> None:
    with pytest.raises(ModelNotFound, match="circles: alias one -> alias two -> alias one"):
        resolve("one", aliased(usual, ("one", "two"), ("two", "one")))
    assert shown("alpha/big", aliased(usual, ("*", "alpha/big"))) == ["alpha/big"]  # an alias for itself is none


def test_an_alias_may_ask_for_long_context(usual: Configuration) -> None:
    known = aliased(usual, ("long", "alpha/big[1m]"))
    assert shown("long", known) == ["alpha/big"] and resolve("long", known).long_context
    assert resolve("c[1m]", with_combos(usual, combo("c", "beta/big"))).long_context


def test_a_combo_that_is_off_or_none(usual: Configuration) -> None:
    known = with_combos(usual, combo("small", "beta/big", enabled=False), combo("smaller", "beta/big"))
    for name in ("small", "combo/small"):
        with pytest.raises(ModelNotFound, match="switched off"):
            resolve(name, known)
    with pytest.raises(ModelNotFound, match="smaller"):
        resolve("combo/smalle", known)


def test_the_nearest_names_have_combos_among_them(usual: Configuration) -> None:
    with pytest.raises(ModelNotFound, match="my-fast-combo"):
        resolve("my-fsat-combo", with_combos(usual, combo("my-fast-combo", "beta/big")))


@given(st.text(max_size=40))
def test_any_name_is_answered_or_refused(name: str) -> None:
    known = configuration([provider("alpha", "big")], connection("a1", "alpha"))
    try:
        assert resolve(name, known).targets
    except RequestError as refused:
        assert refused.status in (400, 404)


def test_hidden_models_are_not_listed_but_can_be_asked(usual: Configuration) -> None:
    rows = (ListedModel("alpha", "big", "catalog", hidden=True), ListedModel("alpha", "own", "custom"))
    known = replace(usual, models={"alpha": rows})
    assert list(listed_models(known.providers["alpha"], known)) == ["small", "own"]
    assert [target.shown for target in usable_models(known)] == ["alpha/small", "alpha/own", "beta/big", "beta/meta/llama"]
    assert resolve("alpha/big", known).targets[0].model == "big"


@pytest.mark.parametrize(
    ("patterns", "allowed"), [((), True), (("alpha/*",), True), (("*/big",), True), (("beta/*", "small"), False)]
)
def test_keys_may_be_limited_to_models(patterns: tuple[str, ...], allowed: bool) -> None:
    key = ClientKey("k", "key", "digest", allowed_models=patterns)
    if allowed:
        require_allowed(key, "alpha/big")
    else:
        with pytest.raises(Forbidden):
            require_allowed(key, "alpha/big")
