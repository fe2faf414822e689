"""From a model's name to who answers."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniroute.errors import BadRequest, FlagOff, Forbidden, ModelNotFound, NoConnection, RequestError
from omniroute.routing.configuration import ClientKey, Configuration, ListedModel
from omniroute.routing.listed import listed_models, usable_models
from omniroute.routing.resolve import require_allowed, resolve
from tests.routing.conftest import configuration, connection, provider


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
