from __future__ import annotations

from dataclasses import asdict
from typing import Any

import pytest

from omniroute.combos.operations import ComboView
from omniroute.errors import Conflict, Invalid, Missing
from omniroute.models.combos import ComboRow
from omniroute.routing.configuration import ComboConfig
from omniroute.routing.resolve import resolve
from omniroute.routing.strategies import STRATEGIES
from tests.combos.conftest import NODE, Home
from tests.parts import ADMIN, START, Parts


def refused(home: Home, **given: Any) -> dict[str, str]:
    with pytest.raises(Invalid) as refusal:
        home.parts.combos.create({"name": "c", "steps": ["local/m"], **given}, ADMIN)
    assert home.parts.combos.list() == ()
    return refusal.value.fields


def test_create(home: Home) -> None:
    parts = home.parts
    made = home.make(
        "main",
        "local/m",
        {"model": "agentrouter/claude-opus-4-6", "weight": 0, "label": "second", "tags": ["a", "b"], "enabled": False},
        strategy="weighted",
        config={"max_attempts": 3},
        tags=["team"],
    )
    assert (made.name, made.strategy, made.tags, made.enabled, made.sort_order) == ("main", "weighted", ("team",), True, 0)
    assert made.config == ComboConfig(max_attempts=3)
    assert made.created_at == made.updated_at == START
    first, second = made.steps
    assert (first.model, first.canonical, first.combo, first.weight, first.enabled) == ("local/m", f"{home.node}/m", "", 1, True)
    assert (second.weight, second.label, second.tags, second.enabled) == (0, "second", ("a", "b"), False)
    assert parts.combos.get(made.id) == made and parts.combos.list() == (made,)
    targets = resolve("main", parts.store.current()).targets
    assert [target.canonical for target in targets] == [f"{home.node}/m"]
    row = parts.audited("combo.create")[0]
    assert row.after is not None and row.after["name"] == "main" and row.subject == f"combo:{made.id}"


def test_only_what_was_chosen_is_stored(home: Home) -> None:
    home.make("main", "local/m", config=asdict(ComboConfig()) | {"retry_same": 2, "deadline_ms": None})
    row = home.parts.audited("combo.create")[0]
    assert row.after is not None and row.after["config"] == {"retry_same": 2}


@pytest.mark.parametrize(
    "name", ["", "two words", "sl/ash", "auto", "Combo", "AUTO", "auto/fast", "combo/x", "a" * 101, "a..b", "ä", 5]
)
def test_names_that_are_refused(home: Home, name: Any) -> None:
    assert list(refused(home, name=name)) == ["name"]


def test_a_name_is_taken_whatever_its_case(home: Home) -> None:
    home.make("Main", "local/m")
    other = home.make("other", "local/m")
    with pytest.raises(Invalid, match="there is a combo Main") as refusal:
        home.make("mAIN")
    assert list(refusal.value.fields) == ["name"]
    with pytest.raises(Invalid, match="there is a combo Main"):
        home.parts.combos.update(other.id, {"name": "MAIN"}, ADMIN)
    assert home.parts.combos.update(other.id, {"name": "Other"}, ADMIN).name == "Other"


def test_every_strategy_and_no_other(home: Home) -> None:
    assert len(STRATEGIES) == 14
    for name in STRATEGIES:
        assert home.make(name, "local/m", strategy=name).strategy == name
    with pytest.raises(Invalid) as refusal:
        home.make("c", strategy="best")
    assert list(refusal.value.fields) == ["strategy"]


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [
        ("max_attempts", 1, 30),
        ("deadline_ms", 1000, 3_600_000),
        ("retry_same", 0, 5),
        ("retry_delay_ms", 0, 60_000),
        ("wait_for_cooldown_ms", 0, 300_000),
    ],
)
def test_the_bounds_of_the_configuration(home: Home, name: str, low: int, high: int) -> None:
    for value in (low - 1, high + 1, str(low), 1.5, True):
        assert list(refused(home, config={name: value})) == [f"config.{name}"]
    for number, value in enumerate((low, high)):
        assert getattr(home.make(f"c{number}", config={name: value}).config, name) == value


def test_unknown_members_are_refused_with_the_nearest(home: Home) -> None:
    assert "max_attempts" in refused(home, config={"maxAttempts": 3})["config.maxAttempts"]
    assert "strategy" in refused(home, strategie="priority")["strategie"]
    assert "weight" in refused(home, steps=[{"model": "local/m", "wieght": 1}])["steps[0].wieght"]
    assert list(refused(home, config=[])) == ["config"]


def test_everything_that_is_wrong_is_told_at_once(home: Home) -> None:
    told = refused(
        home, name="a b", strategy="best", config={"retry_same": 9}, steps=["nobody/m", {"model": "local/m", "weight": 101}]
    )
    assert set(told) == {"name", "strategy", "config.retry_same", "steps[0].model", "steps[1].weight"}


def test_an_update_changes_what_is_given(home: Home) -> None:
    parts = home.parts
    made = home.make("main", "local/m", config={"max_attempts": 3, "retry_same": 2}, tags=["x"])
    parts.clock.move(5)
    changed = parts.combos.update(made.id, {"config": {"retry_same": None, "deadline_ms": 5000}}, ADMIN)
    assert changed.config == ComboConfig(max_attempts=3, deadline_ms=5000)
    assert (changed.steps, changed.tags, changed.created_at, changed.updated_at) == (made.steps, ("x",), START, START + 5)
    row = parts.audited("combo.update")[0]
    assert (row.before, row.after) == (
        {"config": {"max_attempts": 3, "retry_same": 2}},
        {"config": {"max_attempts": 3, "deadline_ms": 5000}},
    )
    parts.clock.move(5)
    assert parts.combos.update(made.id, {"enabled": True}, ADMIN) == changed
    assert len(parts.audited("combo.update")) == 1  # nothing was different
    assert parts.combos.update(made.id, {"config": None}, ADMIN).config == ComboConfig()
    for verb in (
        parts.combos.get,
        lambda each: parts.combos.update(each, {}, ADMIN),
        lambda each: parts.combos.delete(each, ADMIN),
    ):
        with pytest.raises(Missing):
            verb("none")


def test_steps_that_stay_keep_their_ids(home: Home) -> None:
    made = home.make("main", "local/a", "local/b")
    back: list[Any] = [asdict(step) for step in reversed(made.steps)]
    changed = home.parts.combos.update(made.id, {"steps": [*back, "local/c"]}, ADMIN)
    assert [step.id for step in changed.steps[:2]] == [made.steps[1].id, made.steps[0].id]
    assert [step.model for step in changed.steps] == ["local/b", "local/a", "local/c"]
    assert len({step.id for step in changed.steps}) == 3
    with pytest.raises(Invalid) as refusal:
        home.parts.combos.update(made.id, {"steps": [back[0], back[0]]}, ADMIN)
    assert list(refusal.value.fields) == ["steps[1].id"]


def test_an_edit_counts_in_other_workers(home: Home) -> None:
    other = home.parts.another()
    home.make("main", "local/m")
    assert "main" in other.store.current().combos
    assert [view.name for view in other.combos.list()] == ["main"]
    other.database.close()


def test_a_name_that_is_also_a_model_is_allowed_with_a_warning(home: Home) -> None:
    made = home.make("claude-opus-4-6", "local/m")
    assert any("name of a model" in warning for warning in made.warnings)
    assert any("no step" in warning for warning in home.make("empty").warnings)


def test_order(home: Home) -> None:
    ids = [home.make(name, "local/m").id for name in "abc"]
    parts = home.parts
    assert [view.name for view in parts.combos.reorder([ids[2]], ADMIN)] == ["c", "a", "b"]
    assert list(parts.store.current().combos) == ["c", "a", "b"]
    parts.clock.move(1)
    assert [view.name for view in parts.combos.reorder([ids[1], ids[0]], ADMIN)] == ["b", "a", "c"]
    assert parts.audited("combo.reorder")[0].after == {"order": ["b", "a", "c"]}
    assert home.make("d", "local/m").sort_order == 3
    for wrong in ([ids[0], ids[0]], ["none"]):
        with pytest.raises(Invalid) as refusal:
            parts.combos.reorder(wrong, ADMIN)
        assert list(refusal.value.fields) == ["ids"]


def test_a_duplicate_has_a_name_of_its_own(home: Home) -> None:
    made = home.make("main", "local/m", strategy="random", config={"retry_same": 0}, tags=["x"])
    copies = [home.parts.combos.duplicate(made.id, ADMIN) for _ in range(2)]
    assert [copy.name for copy in copies] == ["main-copy", "main-copy-2"]
    assert (copies[0].strategy, copies[0].config, copies[0].tags) == (made.strategy, made.config, made.tags)
    assert copies[0].steps[0].model == "local/m" and copies[0].steps[0].id != made.steps[0].id
    assert len(home.parts.combos.duplicate(home.make("x" * 100, "local/m").id, ADMIN).name) <= 100
    with pytest.raises(Missing):
        home.parts.combos.duplicate("none", ADMIN)


# Combos within combos ---------------------------------------------------------------------


def test_nested_three_deep_and_no_deeper(home: Home) -> None:
    one = home.make("one", "local/m")
    home.make("two", {"combo": "one"})
    home.make("three", {"combo": "two"}, "local/n")
    targets = resolve("three", home.parts.store.current()).targets
    assert [target.model for target in targets] == ["m", "n"]
    with pytest.raises(Invalid, match="four -> three -> two -> one is deeper") as refusal:
        home.make("four", "local/m", {"combo": "three"})
    assert list(refusal.value.fields) == ["steps[1].combo"]
    home.make("leaf", "local/m")
    with pytest.raises(Invalid, match="three -> two -> one -> leaf"):
        home.parts.combos.update(one.id, {"steps": [{"combo": "leaf"}]}, ADMIN)


def test_circles_are_refused_and_named(home: Home) -> None:
    with pytest.raises(Invalid, match="self -> self is a circle") as refusal:
        home.make("self", {"combo": "self"})
    assert list(refusal.value.fields) == ["steps[0].combo"]
    one = home.make("one", "local/m")
    home.make("two", {"combo": "one"})
    with pytest.raises(Invalid, match="one -> two -> one is a circle") as refusal:
        home.parts.combos.update(one.id, {"steps": ["local/m", {"combo": "two"}]}, ADMIN)
    assert list(refusal.value.fields) == ["steps[1].combo"]
    with pytest.raises(Invalid, match="is a circle"):
        home.parts.combos.update(one.id, {"name": "uno", "steps": [{"combo": "two"}]}, ADMIN)


def test_a_new_name_is_followed(home: Home) -> None:
    parts = home.parts
    inner, outer = home.make("inner", "local/m"), home.make("outer", {"combo": "inner"}, "local/n")
    parts.aliases.replace([{"pattern": "a", "model": "inner"}, {"pattern": "b", "model": "combo/inner"}], ADMIN)
    parts.combos.update(inner.id, {"name": "core"}, ADMIN)
    assert parts.combos.get(outer.id).steps[0].combo == "core" and parts.combos.get(outer.id).steps[0].trouble == ""
    assert [alias.model for alias in parts.aliases.list()] == ["core", "combo/core"]
    assert [target.model for target in resolve("outer", parts.store.current()).targets] == ["m", "n"]
    assert {row.subject for row in parts.audited("combo.update")} == {f"combo:{inner.id}", f"combo:{outer.id}"}
    assert len(parts.audited("alias.put")) == 2


def test_what_others_contain_is_not_deleted(home: Home) -> None:
    parts = home.parts
    inner = home.make("inner", "local/m")
    outer = [home.make(name, {"combo": "inner"}).id for name in ("outer", "other")]
    with pytest.raises(Conflict, match="outer, other"):
        parts.combos.delete(inner.id, ADMIN)
    for each in (*outer, inner.id):
        parts.combos.delete(each, ADMIN)
    assert parts.combos.list() == ()
    rows = parts.audited("combo.delete")
    assert {row.before["name"] for row in rows if row.before is not None} == {"inner", "outer", "other"}


# Troubles ---------------------------------------------------------------------------------


def troubles(view: ComboView) -> list[str]:
    return [step.trouble for step in view.steps]


def test_what_can_not_be_asked_says_why(home: Home) -> None:
    parts = home.parts
    off = home.make("off", "local/m", enabled=False)
    made = home.make(
        "main", {"model": "local/m", "connection_id": home.at_node}, "openai/gpt-5.5", {"combo": "off"}, "agentrouter/x"
    )
    assert off.enabled is False
    assert troubles(made) == ["", "no connection", "the combo is switched off", ""]
    assert (made.steps[0].connection_id, made.steps[0].connection_name) == (home.at_node, "Local one")
    parts.connections.create({"provider": home.node, "api_key": "sk-test-another"}, ADMIN)
    parts.connections.delete(home.at_node, ADMIN)
    assert troubles(parts.combos.get(made.id))[0] == "its connection is gone"
    parts.nodes.delete(home.node, ADMIN)
    gone = parts.combos.get(made.id)
    assert troubles(gone)[0] == "its provider is gone" and gone.steps[0].model == f"{home.node}/m"
    kept = parts.combos.update(made.id, {"steps": [asdict(step) for step in gone.steps], "tags": ["x"]}, ADMIN)
    assert kept.steps == gone.steps  # sent back as it was shown, it stays what it is
    with pytest.raises(Invalid):
        parts.combos.update(made.id, {"steps": [f"{home.node}/m"]}, ADMIN)


def test_a_prefix_that_moves_on_takes_no_step_with_it(home: Home) -> None:
    parts = home.parts
    made = home.make("main", "local/m")
    parts.nodes.update(home.node, {"prefix": "old"}, ADMIN)
    other = parts.nodes.create(NODE, ADMIN).id
    parts.connections.create({"provider": other, "api_key": "sk-test-other"}, ADMIN)
    shown = parts.combos.get(made.id)
    assert (shown.steps[0].model, shown.steps[0].canonical) == ("old/m", f"{home.node}/m")
    assert [target.provider.id for target in resolve("main", parts.store.current()).targets] == [home.node]


def test_a_draft_is_read_and_not_kept(home: Home) -> None:
    drawn = home.parts.combos.draft({"steps": ["local/m", {"model": "agentrouter/x", "enabled": False}]})
    assert [(step.provider_id, step.model, step.enabled) for step in drawn.steps] == [
        (home.node, "m", True),
        ("agentrouter", "x", False),
    ]
    with pytest.raises(Invalid):
        home.parts.combos.draft({"steps": ["m"]})
    assert home.parts.combos.list() == () and home.parts.audited("combo") == []


def test_a_row_of_another_program_is_shown(parts: Parts) -> None:
    """Members that this program does not know, and a strategy's step without its provider."""
    row = ComboRow(
        id="x",
        name="old",
        strategy="priority",
        steps=[{"id": "s", "provider": "nobody", "model": "m", "colour": "red"}],
        config={"max_attempts": 2, "other": 1},
        tags=[],
        enabled=True,
        sort_order=0,
        created_at=START,
        updated_at=START,
    )
    parts.store.change(lambda session: session.add(row))
    view = parts.combos.get("x")
    assert (view.config.max_attempts, troubles(view)) == (2, ["its provider is gone"])
