from __future__ import annotations

from decimal import Decimal

import pytest

from omniroute.errors import Conflict, Invalid, Missing
from tests.databases import statements
from tests.parts import ADMIN, Parts

BUILT_IN = ["claude-opus-4-6", "claude-haiku-4-5-20251001", "glm-5.1", "deepseek-v3.2"]


def names(parts: Parts, hidden: bool = True) -> list[str]:
    return [view.id for view in parts.models.for_provider("agentrouter", hidden)]


def test_a_built_in_provider_lists_its_models_at_once(parts: Parts) -> None:
    assert sorted(names(parts)) == sorted(BUILT_IN)
    priced = next(view for view in parts.models.for_provider("openai") if view.input_price is not None)
    assert isinstance(priced.input_price, Decimal) and priced.source == "catalog" and priced.context_window


def test_added_ones_come_after(parts: Parts) -> None:
    parts.models.add("agentrouter", ["zeta", " alpha ", "zeta", ""], "custom", ADMIN)
    views = parts.models.add("agentrouter", ["found", "glm-5.1"], "discovered", ADMIN)
    assert [view.source for view in views] == ["catalog"] * 4 + ["discovered"] + ["custom"] * 2
    assert [view.id for view in views][4:] == ["found", "alpha", "zeta"]
    listed = parts.store.current().models["agentrouter"]
    assert {(one.id, one.source) for one in listed} == {("zeta", "custom"), ("alpha", "custom"), ("found", "discovered")}


@pytest.mark.parametrize(
    "ids", [[], [" "], ["two words"], ["a..b"], ["x" * 257], ["a\0b"], ["模型"], ["x"] * 0 + [f"m{n}" for n in range(5001)]]
)
def test_ids_that_can_not_be(parts: Parts, ids: list[str]) -> None:
    with pytest.raises(Invalid):
        parts.models.add("agentrouter", ids, "custom", ADMIN)


def test_refresh_replaces_the_discovered_ones(parts: Parts) -> None:
    parts.models.add("agentrouter", ["mine"], "custom", ADMIN)
    assert parts.models.refresh("agentrouter", ["a", "b", "c", "mine", "not usable", "glm-5.1"], ADMIN).added == 3
    parts.models.hide("agentrouter", "c", ADMIN)
    done = parts.models.refresh("agentrouter", ["b", "d"], ADMIN)
    assert (done.added, done.removed) == (1, 1)
    left = {view.id: view.hidden for view in parts.models.for_provider("agentrouter") if view.source != "catalog"}
    assert left == {"b": False, "c": True, "d": False, "mine": False}
    assert parts.models.refresh("agentrouter", ["b", "c", "d"], ADMIN).added == 0


def test_hide_and_show(parts: Parts) -> None:
    parts.models.add("agentrouter", ["mine"], "custom", ADMIN)
    for model in ("glm-5.1", "mine"):
        parts.models.hide("agentrouter", model, ADMIN)
        parts.models.hide("agentrouter", model, ADMIN)
        assert model not in names(parts, hidden=False) and model in names(parts)
    hidden = {(one.id, one.source) for one in parts.store.current().models["agentrouter"] if one.hidden}
    assert hidden == {("glm-5.1", "catalog"), ("mine", "custom")}
    for model in ("glm-5.1", "mine"):
        parts.models.show("agentrouter", model, ADMIN)
        assert model in names(parts, hidden=False)
    assert [one.id for one in parts.store.current().models["agentrouter"]] == ["mine"]
    with pytest.raises(Missing):
        parts.models.hide("agentrouter", "nobody", ADMIN)


def test_delete(parts: Parts) -> None:
    parts.models.add("agentrouter", ["mine"], "custom", ADMIN)
    parts.models.delete("agentrouter", "mine", ADMIN)
    assert "mine" not in names(parts)
    with pytest.raises(Missing):
        parts.models.delete("agentrouter", "mine", ADMIN)
    with pytest.raises(Conflict, match="hidden, not deleted"):
        parts.models.delete("agentrouter", "glm-5.1", ADMIN)


def test_unknown_provider_and_source(parts: Parts) -> None:
    with pytest.raises(Missing):
        parts.models.for_provider("nobody")
    with pytest.raises(Missing):
        parts.models.add("nobody", ["a"], "custom", ADMIN)
    with pytest.raises(Invalid):
        parts.models.add("agentrouter", ["a"], "catalog", ADMIN)


def test_audited(parts: Parts) -> None:
    for verb in (
        lambda: parts.models.add("agentrouter", ["mine"], "custom", ADMIN),
        lambda: parts.models.hide("agentrouter", "mine", ADMIN),
        lambda: parts.models.show("agentrouter", "mine", ADMIN),
        lambda: parts.models.refresh("agentrouter", ["a"], ADMIN),
        lambda: parts.models.delete("agentrouter", "mine", ADMIN),
    ):
        parts.clock.move(1)
        verb()
    assert parts.actions() == ["model.add", "model.hide", "model.show", "model.refresh", "model.delete"]


def test_many_are_hidden_and_shown_at_once(parts: Parts) -> None:
    parts.models.add("agentrouter", [f"m-{n}" for n in range(3)], "custom", ADMIN)
    parts.models.hide("agentrouter", "m-0", ADMIN)
    assert parts.models.hide_many("agentrouter", ["m-0", "m-1", "glm-5.1", "gone"], True, ADMIN) == 2
    shown = {view.id for view in parts.models.for_provider("agentrouter", hidden=False)}
    assert not shown & {"m-0", "m-1", "glm-5.1"} and {"m-2", "deepseek-v3.2"} <= shown
    (entry,) = parts.audited("model.hide_many")
    assert (entry.before, entry.after) == ({"shown": 2}, {"hidden": ["glm-5.1", "m-1"]})
    assert parts.models.hide_many("agentrouter", ["glm-5.1", "m-1"], False, ADMIN) == 2
    assert parts.models.hide_many("agentrouter", ["glm-5.1"], False, ADMIN) == 0
    assert len(parts.audited("model.show_many")) == 1
    with pytest.raises(Missing):
        parts.models.hide_many("nobody", ["m"], True, ADMIN)


def test_thousands_are_hidden_and_shown_by_as_many_statements_as_a_few(parts: Parts) -> None:
    ids = [f"m-{n}" for n in range(3000)]
    parts.models.add("agentrouter", ids, "custom", ADMIN)
    some, own = [*ids[:2], *BUILT_IN[:2]], {f"m-{n}" for n in range(2, 3000)}

    def sent_by(names: list[str], hidden: bool) -> int:
        with statements() as sent:
            assert parts.models.hide_many("agentrouter", names, hidden, ADMIN) == len(names)
        return len(sent)

    few = [sent_by(some, hidden) for hidden in (True, False)]
    assert [sent_by([*ids, *BUILT_IN], hidden) for hidden in (True, False)] == few
    assert [one.source for one in parts.store.current().models["agentrouter"]] == ["custom"] * 3000
    sent_by([*ids[:2], *BUILT_IN], True)
    assert {view.id for view in parts.models.for_provider("agentrouter", hidden=False)} == own
