"""What the builder offers: models of what is connected, and combos."""

from __future__ import annotations

from omniroute.dashboard.choices import AT_ONCE, askable, find, through
from tests.dashboard.conftest import Desk
from tests.upstream.relay import Relay


def test_models_are_found_by_words_in_blocks_by_provider(desk: Desk, relay: Relay) -> None:
    node = desk.node(relay, "team")
    desk.connection(node)
    desk.services.models.add(node, ["glm-5.1", "glm-5.2"], "custom", desk.by)
    desk.services.combos.create({"name": "glm", "steps": ["team/glm-5.1"]}, desk.by)
    found = find(desk.services.configuration.current(), " GLM team ")
    assert [(group.label, [choice.value for choice in group.choices]) for group in found.groups] == [
        ("Team", ["team/glm-5.1", "team/glm-5.2"])
    ]
    both = find(desk.services.configuration.current(), "glm")
    assert [group.label for group in both.groups] == ["Team", "Combos"]
    assert [group.label for group in find(desk.services.configuration.current(), "glm", but="glm").groups] == ["Team"]


def test_a_name_that_is_not_listed_can_be_added_as_typed(desk: Desk) -> None:
    desk.connection("openai")
    configuration = desk.services.configuration.current()
    assert find(configuration, "openai/not-listed").typed == "openai/not-listed"
    assert find(configuration, "openai/gpt-5.5").typed == ""
    assert find(configuration, "not a name/").typed == ""


def test_a_long_list_is_cut_and_counted(desk: Desk) -> None:
    desk.connection("openai")
    desk.services.models.add("openai", [f"many-{number}" for number in range(AT_ONCE + 5)], "custom", desk.by)
    found = find(desk.services.configuration.current(), "many-")
    assert (found.shown, found.total) == (AT_ONCE, AT_ONCE + 5)


def test_connections_are_offered_by_every_name_of_their_provider(desk: Desk, relay: Relay) -> None:
    node = desk.node(relay, "team")
    row = desk.connection(node, name="first")
    (one,) = through(desk.services.configuration.current())
    assert {"team", node.lower()} <= set(one.prefixes)
    assert [each.id for each in one.connections] == [row]


def test_what_can_be_asked_begins_with_combos_and_auto(desk: Desk) -> None:
    desk.connection("openai")
    desk.services.combos.create({"name": "mine", "steps": ["openai/gpt-5.5"]}, desk.by)
    names = askable(desk.services.configuration.current())
    assert names[:4] == ("mine", "auto", "auto/fast", "auto/cheap")
    assert "openai/gpt-5.5" in names
