from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from omniroute.combos.exchange import innermost_first
from omniroute.errors import Invalid, Missing
from omniroute.models.db import Database
from omniroute.models.migration import migrate
from tests.combos.conftest import Home, furnish
from tests.parts import ADMIN, Parts


def fill(home: Home) -> None:
    home.make("inner", {"model": "local/m", "connection_id": home.at_node, "weight": 7, "label": "l", "tags": ["t"]})
    home.make(
        "outer", {"combo": "inner"}, {"model": "agentrouter/x", "enabled": False}, strategy="weighted", config={"retry_same": 3}
    )
    home.make("alone", "local/m", enabled=False, tags=["x"])
    home.parts.aliases.replace(
        [{"pattern": "quick", "model": "inner"}, {"pattern": "gpt-*", "model": "outer", "priority": 4}], ADMIN
    )


def test_the_document(home: Home) -> None:
    fill(home)
    told = home.parts.combos.export()
    assert told["version"] == 1 and [each["name"] for each in told["combos"]] == ["inner", "outer", "alone"]
    assert told["combos"][0]["steps"] == [
        {"model": "local/m", "connection": "Local one", "weight": 7, "label": "l", "tags": ["t"], "enabled": True}
    ]
    assert told["combos"][1]["config"] == {"retry_same": 3}
    assert told["aliases"] == [
        {"pattern": "quick", "model": "inner", "priority": 0},
        {"pattern": "gpt-*", "model": "outer", "priority": 4},
    ]
    assert home.node not in json.dumps(told) and home.at_node not in json.dumps(told)


def test_some_come_with_what_is_within_them(home: Home) -> None:
    fill(home)
    outer = next(view for view in home.parts.combos.list() if view.name == "outer")
    told = home.parts.combos.export([outer.id])
    assert ([each["name"] for each in told["combos"]], told["aliases"]) == (["outer", "inner"], [])
    with pytest.raises(Missing):
        home.parts.combos.export(["none"])


def test_it_goes_to_another_installation(home: Home, tmp_path: Path) -> None:
    fill(home)
    told = json.loads(json.dumps(home.parts.combos.export()))
    told["combos"].reverse()  # the outer one before the inner
    elsewhere = Database(f"sqlite:///{tmp_path / 'elsewhere.db'}")
    migrate(elsewhere.url)
    (tmp_path / "there").mkdir()
    other = furnish(Parts(elsewhere, home.parts.settings.__class__(**settings(home, tmp_path / "there")), home.parts.catalog))
    done = other.parts.combos.import_(told, ADMIN)
    assert (set(done.created), done.updated, done.refused) == ({"inner", "outer", "alone", "quick", "gpt-*"}, (), ())
    there, here = ({view.name: view for view in each.parts.combos.list()} for each in (other, home))
    for name, view in here.items():
        same = there[name]
        assert (same.strategy, same.config, same.tags, same.enabled) == (view.strategy, view.config, view.tags, view.enabled)
        assert [(step.model, step.combo, step.connection_name, step.weight) for step in same.steps] == [
            (step.model, step.combo, step.connection_name, step.weight) for step in view.steps
        ]
    assert there["inner"].steps[0].connection_id == other.at_node
    assert other.parts.aliases.list() == home.parts.aliases.list()
    elsewhere.close()


def settings(home: Home, data_dir: Path) -> dict[str, Any]:
    return {
        "data_dir": data_dir,
        "secret_key": home.parts.settings.secret_key,
        "storage_encryption_keys": home.parts.settings.storage_encryption_keys,
    }


def test_what_is_there_is_refused_or_replaced(home: Home) -> None:
    fill(home)
    parts = home.parts
    told = parts.combos.export()
    ids = {view.name: view.id for view in parts.combos.list()}
    done = parts.combos.import_(told, ADMIN)
    assert (done.created, done.updated) == ((), ())
    assert [(each.name, each.field) for each in done.refused] == [
        *((name, "name") for name in ("inner", "alone", "outer")),
        *((pattern, "pattern") for pattern in ("quick", "gpt-*")),
    ]
    parts.combos.update(ids["outer"], {"config": {"max_attempts": 2}, "tags": ["changed"]}, ADMIN)
    done = parts.combos.import_(told, ADMIN, replace=True)
    assert set(done.updated) == {"inner", "outer", "alone", "quick", "gpt-*"} and done.refused == ()
    assert parts.combos.export() == told
    assert {view.name: view.id for view in parts.combos.list()} == ids


def test_one_that_is_wrong_holds_up_no_other(home: Home) -> None:
    done = home.parts.combos.import_(
        {
            "version": 1,
            "combos": [
                {"name": "good", "steps": ["local/m"]},
                {"name": "unknown", "steps": ["local/m", "nobody/m"]},
                {"name": "upon", "steps": [{"combo": "unknown"}]},
                {"name": "two words", "steps": []},
                {"name": "one", "steps": [{"combo": "other"}]},
                {"name": "other", "steps": ["combo/one"]},
                {"name": "pinned", "steps": [{"model": "local/m", "connection": "none"}]},
                {"name": "odd", "steps": "local/m", "config": 5},
                {"steps": ["local/m"]},
                {"name": "GOOD", "steps": ["local/n"]},
            ],
            "aliases": [{"pattern": "a", "model": "good"}, {"pattern": "auto", "model": "good"}, {"pattern": "b"}],
        },
        ADMIN,
    )
    assert set(done.created) == {"good", "a"}
    assert {each.name: each.field for each in done.refused} == {
        "unknown": "steps[1].model",
        "upon": "steps[0].combo",
        "two words": "name",
        "one": "steps[0].combo",
        "other": "steps[0].combo",
        "pinned": "steps[0].connection",
        "odd": "config",
        "": "name",
        "GOOD": "name",
        "auto": "pattern",
        "b": "model",
    }
    assert [view.name for view in home.parts.combos.list()] == ["good"]


@pytest.mark.parametrize(
    ("document", "field"),
    [
        ({}, "version"),
        ({"version": 2, "combos": []}, "version"),
        ({"version": 1, "combos": {}}, "combos"),
        ({"version": 1, "combos": ["x"]}, "combos"),
        ({"version": 1, "combos": [{}] * 501}, "combos"),
        ({"version": 1, "aliases": [{}] * 1001}, "aliases"),
        ({"version": 1, "keys": []}, "keys"),
    ],
    ids=lambda each: str(each)[:40],
)
def test_what_is_no_such_document(home: Home, document: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as refusal:
        home.parts.combos.import_(document, ADMIN)
    assert list(refusal.value.fields) == [field]


def test_what_is_replaced_is_not_put_together_with_what_was() -> None:
    """A circle between an old and a new version of two combos never comes about: the inner one is first."""
    entries: list[Mapping[str, Any]] = [
        {"name": "a", "steps": [{"combo": "B"}]},
        {"name": "b", "steps": ["combo/c"]},
        {"name": "c", "steps": []},
    ]
    assert [each["name"] for each in innermost_first(entries)] == ["c", "b", "a"]


def test_two_may_change_places(home: Home) -> None:
    home.make("a", "local/m")
    home.make("b", {"combo": "a"})
    turned = {"version": 1, "combos": [{"name": "a", "steps": [{"combo": "b"}]}, {"name": "b", "steps": ["local/m"]}]}
    done = home.parts.combos.import_(turned, ADMIN, replace=True)
    assert (set(done.updated), done.refused) == ({"a", "b"}, ())
