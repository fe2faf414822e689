from __future__ import annotations

from typing import Any

import pytest

from omniroute.combos.aliases import AliasView
from omniroute.errors import Invalid, Missing
from omniroute.routing.resolve import resolve
from tests.combos.conftest import Home
from tests.parts import ADMIN, Parts


def test_they_lead_somewhere_else(home: Home) -> None:
    aliases = home.parts.aliases
    home.make("main", "local/m")
    assert aliases.put("quick", "local/fast", 0, ADMIN) == AliasView("quick", "local/fast", 0)
    aliases.put("gpt-*", "main", 5, ADMIN)
    aliases.put("gpt-5*", "quick", 1, ADMIN)
    assert [alias.pattern for alias in aliases.list()] == ["quick", "gpt-5*", "gpt-*"]
    configuration = home.parts.store.current()
    for name, model in (("quick", "fast"), ("gpt-4", "m"), ("gpt-5.5", "fast")):
        assert [target.model for target in resolve(name, configuration).targets] == [model]
    home.parts.clock.move(1)
    aliases.put("quick", "local/other", 2, ADMIN)
    assert home.parts.audited("alias.put")[0].after == {"model": "local/other", "priority": 2}
    aliases.put("quick", "local/other", 2, ADMIN)
    assert len(home.parts.audited("alias.put")) == 4  # the last one changed nothing
    aliases.delete("quick", ADMIN)
    assert home.parts.audited("alias.delete")[0].before == {"pattern": "quick", "model": "local/other", "priority": 2}
    with pytest.raises(Missing):
        aliases.delete("quick", ADMIN)


def test_all_are_replaced_or_none(parts: Parts) -> None:
    told = parts.aliases.replace([{"pattern": "a", "model": "x/y"}, {"pattern": "b", "model": "a", "priority": 3}], ADMIN)
    assert told == (AliasView("a", "x/y", 0), AliasView("b", "a", 3))
    parts.clock.move(1)
    assert parts.aliases.replace([{"pattern": "b", "model": "z"}], ADMIN) == (AliasView("b", "z", 0),)
    row = parts.audited("alias.replace")[0]
    assert row.before is not None and set(row.before) == {"a", "b"} and row.after == {"b": "b -> z (0)"}
    wrong: list[Any] = [{"pattern": "c", "model": "x"}, {"pattern": "c", "model": "y"}, {"model": "y"}, 5]
    with pytest.raises(Invalid) as refusal:
        parts.aliases.replace(wrong, ADMIN)
    assert list(refusal.value.fields) == ["aliases[1].pattern", "aliases[2].pattern", "aliases[3]"]
    assert parts.aliases.list() == (AliasView("b", "z", 0),)
    parts.aliases.replace([{"pattern": "b", "model": "z"}], ADMIN)
    assert len(parts.audited("alias.replace")) == 2
    assert parts.aliases.replace([], ADMIN) == ()


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"pattern": "", "model": "x"}, "pattern"),
        ({"pattern": "a b", "model": "x"}, "pattern"),
        ({"pattern": "a", "model": ""}, "model"),
        ({"pattern": "a", "model": "a"}, "model"),
        ({"pattern": "a", "model": "x..y"}, "model"),
        ({"pattern": "p" * 257, "model": "x"}, "pattern"),
        ({"pattern": "a", "model": "m" * 353}, "model"),
        ({"pattern": "auto", "model": "x"}, "pattern"),
        ({"pattern": "auto/fast", "model": "x"}, "pattern"),
        ({"pattern": "combo/x", "model": "x"}, "pattern"),
        ({"pattern": "main", "model": "x"}, "pattern"),
        ({"pattern": "a", "model": "x", "priority": 1.5}, "priority"),
        ({"pattern": "a", "model": "x", "prio": 1}, "prio"),
    ],
)
def test_what_is_refused(home: Home, given: dict[str, Any], field: str) -> None:
    home.make("main", "local/m")
    with pytest.raises(Invalid) as refusal:
        home.parts.aliases.replace([given], ADMIN)
    assert list(refusal.value.fields) == [f"aliases[0].{field}"]


def test_circles_are_refused_and_named(home: Home) -> None:
    aliases = home.parts.aliases
    aliases.put("a", "b", 0, ADMIN)
    aliases.put("b", "c", 0, ADMIN)
    with pytest.raises(Invalid, match="a -> b -> c -> a") as refusal:
        aliases.put("c", "a", 0, ADMIN)
    assert list(refusal.value.fields) == ["model"]
    with pytest.raises(Invalid, match="x-1 -> x-2"):
        aliases.replace([{"pattern": f"x-{n}", "model": f"x-{n + 1}"} for n in range(1, 8)], ADMIN)
    aliases.replace([{"pattern": f"x-{n}", "model": f"x-{n + 1}"} for n in range(1, 6)], ADMIN)
    home.make("x-9", "local/m")
    aliases.replace([{"pattern": "x-*", "model": "x-9"}, {"pattern": "claude-*", "model": "claude-one"}], ADMIN)
