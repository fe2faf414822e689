"""The light of each step says how its target stands: the best of the connections that may be asked."""

from __future__ import annotations

from omniroute.dashboard.lights import Light, lights
from tests.dashboard.conftest import Desk
from tests.dashboard.trouble import answered, unreachable


def lit(desk: Desk, name: str = "c") -> list[Light]:
    rows = {row.name: row for row in desk.services.combos.list()}
    held = desk.services.resilience.overview().held
    return list(lights(rows[name], rows, desk.services.configuration.current(), held))


def combo(desk: Desk, *steps: object, name: str = "c", **more: object) -> None:
    desk.services.combos.create({"name": name, "steps": list(steps), **more}, desk.by)


def test_one_connection_that_works_is_enough(desk: Desk) -> None:
    first, second = desk.connection("openai", name="first"), desk.connection("openai", "sk-good-another-one", name="second")
    combo(desk, "openai/gpt-5.5", {"model": "openai/gpt-5.5", "connection_id": first})
    answered(desk, first, "gpt-5.5", 402, 60)
    either, bound = lit(desk)
    assert (either.tone, either.word) == ("good", "fine")
    assert (bound.tone, bound.word, bound.reason) == ("warn", "cooling", "So it said.")
    assert bound.until is not None
    answered(desk, second, "gpt-5.5", 402, 30)
    assert lit(desk)[0].until is not None
    assert lit(desk)[0].until < bound.until  # the one that is free sooner


def test_a_locked_model_leaves_the_others_alone(desk: Desk) -> None:
    row = desk.connection("openai")
    combo(desk, "openai/gpt-5.5", "openai/other")
    answered(desk, row, "other", 529)
    assert [each.word for each in lit(desk)] == ["fine", "model locked"]


def test_a_breaker_that_only_counts_holds_up_nothing_and_an_open_one_all(desk: Desk) -> None:
    row = desk.connection("openai")
    combo(desk, "openai/gpt-5.5", "openai/other")
    unreachable(desk, row, "gpt-5.5", times=2)
    assert [each.word for each in lit(desk)] == ["fine", "fine"]
    unreachable(desk, row, "gpt-5.5", times=3)
    assert [each.word for each in lit(desk)] == ["breaker open", "breaker open"]


def test_what_time_does_not_heal(desk: Desk) -> None:
    row, gone = desk.connection("openai"), desk.connection("anthropic", name="gone")
    combo(desk, "openai/gpt-5.5", {"model": "openai/gpt-5.5", "enabled": False}, "anthropic/claude-opus-4-6")
    desk.services.connections.mark(row, "error", "Its key is refused.", desk.by)
    desk.services.connections.delete(gone, desk.by)
    error, off, nobody = lit(desk)
    assert (error.tone, error.word, error.reason, error.until) == ("bad", "error", "Its key is refused.", None)
    assert (off.tone, off.word) == ("off", "off")
    assert (nobody.tone, nobody.word) == ("bad", "no connection")
    desk.services.connections.update(row, {"is_active": False}, desk.by)
    assert lit(desk)[0] == Light("off", "connection off")


def test_a_combo_within_is_as_good_as_its_best_step(desk: Desk) -> None:
    row = desk.connection("openai")
    combo(desk, "openai/bad", "openai/good", name="inner")
    combo(desk, {"combo": "inner"})
    answered(desk, row, "bad", 529)
    assert lit(desk)[0].word == "fine"
    answered(desk, row, "good", 529)
    assert lit(desk)[0].word == "model locked"
    inner = next(each for each in desk.services.combos.list() if each.name == "inner")
    desk.services.combos.update(inner.id, {"enabled": False}, desk.by)
    assert (lit(desk)[0].tone, lit(desk)[0].word) == ("bad", "the combo is switched off")
