"""What is said of a combo, and that a sound one is left in peace."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from omniroute.providers.values import Model
from omniroute.routing.configuration import Alias, Combo, Configuration
from omniroute.routing.lint import lint
from omniroute.routing.resolve import resolve
from tests.routing.conftest import combo, configuration, connection, provider, step, with_combos

NOW = 1_800_000_000.0


def said(known: Configuration, *combos: Combo) -> tuple[str, ...]:
    """Of the first of them."""
    known = with_combos(known, *combos)
    return lint(resolve(combos[0].name, known), known, NOW)


def one(known: Configuration, *combos: Combo) -> str:
    (sentence,) = said(known, *combos)
    return sentence


@pytest.fixture
def priced() -> Configuration:
    """alpha's models with and without a price and a window, beta's with both."""
    known = Model("known", "known", 100_000, Decimal(1), Decimal(2))
    return configuration(
        [
            replace(provider("alpha"), models=(known, Model("bare", "bare"))),
            replace(provider("beta"), models=(known, replace(known, id="long", context_window=1_000_000))),
        ],
        connection("a1", "alpha"),
        connection("b1", "beta"),
    )


def test_a_sound_combo_and_a_plain_model_are_left_in_peace(usual: Configuration) -> None:
    assert said(usual, combo("c", "alpha/big", "beta/big")) == ()
    assert lint(resolve("gamma-free", replace(usual, aliases=(Alias("gamma-free", "beta/big"),))), usual, NOW) == ()


def test_nothing_can_be_asked(usual: Configuration) -> None:
    first, second = said(usual, combo("c", "gone/x"))
    assert "Nothing can be asked" in first and second == "The step gone/x is passed over: its provider is gone."
    assert "Nothing can be asked" in one(usual, combo("c", step("alpha/big", enabled=False)))


def test_what_stands_and_falls_together(usual: Configuration) -> None:
    alone = "This combo can never fall back, because only beta/big through b1 name can be asked."
    assert one(usual, combo("c", "beta/big")) == alone
    assert "same connection, b1 name" in one(usual, combo("c", "beta/big", "beta/meta/llama"))
    assert "when Alpha is down" in one(usual, combo("c", "alpha/big", "alpha/small"))
    assert "same connection" in one(usual, combo("c", *(step(f"alpha/{name}", connection_id="a1") for name in ("big", "small"))))


def test_steps_that_are_passed_over(usual: Configuration) -> None:
    rows = (connection("b1", "beta", is_active=False),)
    cc = replace(provider("relay", "m"), cc=True)
    known = replace(
        usual,
        providers={**usual.providers, "relay": cc},
        connections={**usual.connections, "beta": rows},
        cc_enabled=False,
    )
    steps = ("alpha/big", "beta/big", "gamma/solo", "relay/m", "combo/off", step("alpha/small", connection_id="gone"))
    sentences = said(known, combo("c", *steps), combo("off", "alpha/big", enabled=False))
    assert sentences[1:] == (
        "The step beta/big is passed over: its connection is switched off or in error.",
        "The step gamma/solo is passed over: no connection.",
        "The step relay/m is passed over: ENABLE_CC_COMPATIBLE_PROVIDER is not set.",
        "The step combo/off is passed over: the combo is switched off.",
        "The step alpha/small is passed over: the connection that it is bound to is gone.",
    )


def test_steps_within_a_combo_within_are_looked_at(usual: Configuration) -> None:
    sentences = said(usual, combo("c", "alpha/big", "combo/inner"), combo("inner", "beta/big", "gamma/solo", "beta/big"))
    assert sentences == (
        "The step gamma/solo is passed over: no connection.",
        "In 'inner', the step beta/big stands 2 times; a request tries it once.",
    )


def test_repeated_steps(usual: Configuration) -> None:
    assert one(usual, combo("c", "alpha/big", "beta/big", "alpha/big")) == (
        "In 'c', the step alpha/big stands 2 times; a request tries it once."
    )
    bound = (step("alpha/big", connection_id="a1"), step("alpha/big", connection_id="a2"), "beta/big")
    assert said(usual, combo("c", *bound)) == ()


@pytest.mark.parametrize(
    ("weights", "expected"),
    [((0, 0), "all weights are 0"), ((0, 5), "only beta/big has a weight above 0"), ((1, 5), None)],
)
def test_weights(usual: Configuration, weights: tuple[int, int], expected: str | None) -> None:
    steps = (step("alpha/big", weight=weights[0]), step("beta/big", weight=weights[1]))
    sentences = said(usual, combo("c", *steps, strategy="weighted"))
    assert (expected in sentences[0]) if expected else (sentences == ())
    assert said(usual, combo("c", *steps)) == ()


@pytest.mark.parametrize(("strategy", "what"), [("cost-optimized", "price"), ("context-optimized", "context window")])
def test_what_is_not_known(priced: Configuration, strategy: str, what: str) -> None:
    sentence = one(priced, combo("c", "alpha/bare", "beta/known", strategy=strategy))
    assert sentence == f"In 'c', the {what} of alpha/bare is not known, so it comes after the others."
    sentence = one(priced, combo("c", "alpha/bare", "beta/other", strategy=strategy))
    assert sentence == f"In 'c', no {what} is known, so the steps are tried as listed."
    assert said(priced, combo("c", "alpha/known", "beta/known", strategy=strategy)) == ()


def test_a_long_prompt_fits_only_some(priced: Configuration) -> None:
    assert one(priced, combo("c", "beta/long", "alpha/known")) == (
        "In 'c', a long prompt fits only some of the steps: alpha/known holds 100,000 tokens, beta/long 1,000,000."
    )


def test_names_that_mean_two_things(usual: Configuration) -> None:
    known = replace(usual, aliases=(Alias("big", "beta/big"),))
    first, second = said(known, combo("big", "alpha/big", "beta/big"))
    assert "'big' means the combo" in first and "alpha/big, beta/big" in first and "alias 'big' is never used" in second


def test_too_few_attempts(usual: Configuration) -> None:
    assert one(usual, combo("c", "alpha/big", "beta/big", max_attempts=2)).startswith("Only 2 of 3 targets are tried")


def test_auto_is_told_about_too(usual: Configuration) -> None:
    (sentence,) = lint(resolve("auto/cheap", usual), usual, NOW)
    assert sentence == "In 'auto/cheap', no price is known, so the steps are tried as listed."
