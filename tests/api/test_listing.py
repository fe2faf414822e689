"""What `GET /v1/models` lists, in all three shapes, on the real application."""

from __future__ import annotations

from typing import Any

import pytest

from omniroute.combos.operations import ComboView
from omniroute.security.audit import CLI
from tests.edge.conftest import House, Open, house, opened

__all__ = ["Open", "house", "opened"]
AUTO = ["auto", "auto/fast", "auto/cheap"]
ANTHROPIC = {"anthropic-version": "2023-06-01"}


class Home:
    """A gateway with one native provider, and a key that may ask all."""

    def __init__(self, house: House) -> None:
        self.house, self.services = house, house.services
        self.key = house.key("relay")
        self.services.connections.create({"provider": "anthropic", "api_key": "sk-test-0123456789"}, CLI)

    def get(self, path: str, key: str = "", **headers: str) -> tuple[int, Any]:
        answer = self.house.client.get(path, headers={"Authorization": f"Bearer {key or self.key}", **headers})
        return answer.status_code, answer.get_json()

    def openai(self, key: str = "") -> dict[str, dict[str, Any]]:
        return {each["id"]: each for each in self.get("/v1/models", key)[1]["data"]}

    def anthropic(self) -> dict[str, dict[str, Any]]:
        return {each["id"]: each for each in self.get("/v1/models?limit=1000", **ANTHROPIC)[1]["data"]}

    def gemini(self) -> dict[str, dict[str, Any]]:
        return {each["name"].removeprefix("models/"): each for each in self.get("/v1beta/models?pageSize=1000")[1]["models"]}

    def combo(self, name: str, *steps: Any, **given: Any) -> ComboView:
        return self.services.combos.create({"name": name, "steps": list(steps), **given}, CLI)

    def sized(self) -> list[tuple[str, int]]:
        """Models with a known window, the smallest first."""
        models = self.services.catalog.providers["anthropic"].models
        known = [(f"anthropic/{model.id}", model.context_window) for model in models if model.context_window]
        return sorted(known, key=lambda pair: pair[1])


@pytest.fixture
def home(house: House) -> Home:
    return Home(house)


def test_the_order(home: Home) -> None:
    model = home.sized()[0][0]
    home.combo("second", model)
    first = home.combo("first", model)
    home.combo("off", model, enabled=False)
    home.services.combos.reorder([first.id], CLI)
    aliases = {"quick": model, "to-combo": "first", "g-*": model, "nowhere": "nobody/nothing"}
    home.services.aliases.replace([{"pattern": name, "model": to} for name, to in aliases.items()], CLI)
    own = ["first", "second", "quick", "to-combo", *AUTO]
    for listed in (home.openai(), home.anthropic(), home.gemini()):
        names = list(listed)
        assert names[: len(own)] == own
        assert all(name.startswith("anthropic/") for name in names[len(own) :]) and model in names


def test_who_owns_a_name(home: Home) -> None:
    model = home.sized()[0][0]
    home.combo("main", model)
    home.services.aliases.put("quick", model, 0, CLI)
    listed = home.openai()
    owners = {name: listed[name]["owned_by"] for name in ("main", "quick", "auto", "auto/cheap", model)}
    assert owners == {"main": "combo", "quick": "alias", "auto": "combo", "auto/cheap": "combo", model: "anthropic"}
    assert {each["object"] for each in listed.values()} == {"model"}


def test_a_combo_holds_what_its_smallest_target_holds(home: Home) -> None:
    (small, least), (large, most) = home.sized()[0], home.sized()[-1]
    assert least < most
    home.combo("inner", small)
    home.combo("main", large, {"combo": "inner"}, "anthropic/not-in-the-catalogue")
    home.combo("big", large)
    home.combo("unknown", "anthropic/not-in-the-catalogue")
    home.combo("empty")
    home.services.aliases.put("quick", "main", 0, CLI)
    home.services.aliases.put("one", large, 0, CLI)
    windows = {"main": least, "big": most, "inner": least, "quick": least, "one": most}
    openai, anthropic, gemini = home.openai(), home.anthropic(), home.gemini()
    for name, window in windows.items():
        assert openai[name]["context_window"] == anthropic[name]["max_input_tokens"] == gemini[name]["inputTokenLimit"] == window
    for name in ("unknown", "empty", "auto"):
        assert "context_window" not in openai[name] and anthropic[name]["max_input_tokens"] is None
        assert "inputTokenLimit" not in gemini[name]
    assert openai["one"]["pricing"] == openai[large]["pricing"] and "pricing" not in openai["main"]
    assert anthropic["main"]["display_name"] == gemini["main"]["displayName"] == "main"


def test_the_price_that_counts_is_told_in_dollars(home: Home) -> None:
    home.services.models.add("anthropic", ["claude-3-haiku-20240307", "nobody-knows-this"], "custom", CLI)
    listed = home.openai()
    assert listed["anthropic/claude-haiku-5-5"]["pricing"] == {
        "input": "0.1",
        "output": "0.5",
        "cache_read": "0.01",
        "cache_write": "0.125",
    }
    assert listed["anthropic/claude-3-haiku-20240307"]["pricing"]["output"] == "1.25"  # of the table: no file lists it
    assert "pricing" not in listed["anthropic/nobody-knows-this"] and "pricing" not in listed["auto"]
    home.services.prices.put("anthropic", "*", {"input": "1000", "output": "0.000001", "request": "0.25"}, CLI)
    own = {"input": "1000", "output": "0.000001", "request": "0.25"}
    assert {name: each["pricing"] for name, each in home.openai().items() if "/" in name and name not in AUTO} == {
        name: own for name in listed if name.startswith("anthropic/")
    }
    assert home.get("/v1/models/anthropic/claude-haiku-5-5")[1]["pricing"] == own


def test_one_by_its_name(home: Home) -> None:
    model = home.sized()[0][0]
    home.combo("main", model)
    home.services.aliases.replace([{"pattern": "quick", "model": model}, {"pattern": "g-*", "model": model}], CLI)
    openai, anthropic, gemini = home.openai(), home.anthropic(), home.gemini()
    for name in ("main", "quick", *AUTO, model):
        assert home.get(f"/v1/models/{name}") == (200, openai[name])
        assert home.get(f"/v1/models/{name}", **ANTHROPIC) == (200, anthropic[name])
        assert home.get(f"/v1beta/models/{name}") == (200, gemini[name])
    assert home.get("/v1/models/combo/main") == (200, openai["main"])
    assert home.get("/v1/models/g-5") == (200, openai[model])
    home.combo("off", model, enabled=False)
    for name in ("off", "combo/none", "nobody/nothing", "anthropic/not-in-the-catalogue"):
        status, told = home.get(f"/v1/models/{name}")
        assert (status, told["error"]["code"]) == (404, "model_not_found"), name


def test_a_key_sees_what_it_may_ask(home: Home) -> None:
    model = home.sized()[0][0]
    home.combo("team-main", model)
    home.combo("other", model)
    home.services.aliases.put("team-quick", model, 0, CLI)
    key = home.house.key("relay", allowed_models=["team-*", "auto"])
    assert list(home.openai(key)) == ["team-main", "team-quick", "auto"]
    assert home.get("/v1/models/team-main", key)[0] == 200
    assert [home.get(f"/v1/models/{name}", key)[0] for name in ("other", model, "auto/fast")] == [404] * 3


def test_nothing_is_chosen_of_nothing(house: House) -> None:
    answer = house.client.get("/v1/models", headers={"Authorization": f"Bearer {house.key('relay')}"})
    assert answer.get_json()["data"] == []


def test_models_that_answer_no_conversation_are_no_choice(home: Home) -> None:
    (row,) = home.services.connections.list()
    home.services.connections.delete(row.id, CLI)
    given = {"name": "E", "prefix": "e", "type": "openai-compatible", "base_url": "https://e.example.com/v1"}
    node = home.services.nodes.create(given, CLI).id
    home.services.connections.create({"provider": node, "api_key": "sk-test-0123456789"}, CLI)
    home.services.models.add(node, ["text-embedding-3"], "custom", CLI)
    assert list(home.openai()) == ["e/text-embedding-3"]
    home.services.models.add(node, ["chat"], "custom", CLI)
    assert [name for name in home.openai() if not name.startswith("e/")] == AUTO


def test_a_name_is_listed_once(home: Home) -> None:
    model = home.sized()[0][0]
    home.services.aliases.put(model, home.sized()[-1][0], 0, CLI)
    names = [each["id"] for each in home.get("/v1/models")[1]["data"]]
    assert names.count(model) == 1 and names[0] == model
