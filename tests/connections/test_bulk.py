"""Pasted keys: what a line is taken for, and what is said of one that can't be taken."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from omniroute.connections.bulk import read_lines
from omniroute.errors import Conflict, Invalid, Missing
from tests.databases import statements
from tests.parts import ADMIN, Parts

KEY = "sk-test-0123456789abcdef"


@pytest.mark.parametrize(
    ("line", "name"),
    [
        (KEY, ""),
        (f"  {KEY}\t", ""),
        (f"work,{KEY}", "work"),
        (f"work , {KEY}", "work"),
        (f'"work, at home", "{KEY}"', "work, at home"),
        (f"work at home, {KEY}", "work at home"),
        (f"work at home\t{KEY}", "work at home"),
        (f"work;{KEY}", "work"),
        (f"work {KEY}", "work"),
        (f"work at home {KEY}", "work at home"),
        (f",{KEY}", ""),
    ],
)
def test_a_line_is_a_key_or_a_name_and_a_key(line: str, name: str) -> None:
    (read,) = read_lines(line)
    assert (read.name, read.api_key, read.wrong) == (name, KEY, "")


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (f"{KEY} {KEY}2", "two keys"),
        (f"{KEY},work", "name first"),
        ("0123456789abcdef0123456789abcdef, work", "name first"),
        ("work,", "no key"),
        (f"{'x' * 101}, {KEY}", "at most 100"),
    ],
)
def test_what_is_wrong_with_a_line_is_told_without_repeating_it(line: str, says: str) -> None:
    (read,) = read_lines(line)
    assert says in read.wrong
    assert KEY not in f"{read}" and "0123456789abcdef" not in f"{read}"


def test_lines_are_counted_as_they_stand_and_a_key_is_taken_once() -> None:
    lines = read_lines(f"\n{KEY}\n\nsecond, {KEY}\r\n{KEY}3\n")
    assert [(line.number, bool(line.api_key)) for line in lines] == [(2, True), (4, False), (5, True)]
    assert lines[1].wrong == "The same key as in line 2."


def test_what_would_be_refused_is_told_before(parts: Parts) -> None:
    parts.connections.create({"provider": "agentrouter", "api_key": KEY, "name": "old"}, ADMIN)
    lines = read_lines(f"{KEY}\nnew, {KEY}2\nbad, sk-kлюч\n{KEY}2")
    refused = parts.connections.check_many("agentrouter", lines)
    assert [each.line for each in refused] == [1, 3, 4]
    assert "'old'" in refused[0].message and "one word" in refused[1].message
    assert len(parts.connections.list()) == 1
    done = parts.connections.create_many("agentrouter", lines, ADMIN)
    assert [(each.line, each.connection.name) for each in done.made] == [(2, "new")]
    assert done.refused == refused
    with pytest.raises(Missing):
        parts.connections.check_many("nobody", lines)


def test_fields_are_the_same_for_all_and_what_is_wrong_with_them_is_told_once(parts: Parts) -> None:
    azure = "azure-openai"
    with pytest.raises(Invalid) as caught:
        parts.connections.check_many(azure, ["key-1", "key-2"], {"resource": "no/such"})
    assert list(caught.value.fields) == ["fields.resource"]
    with pytest.raises(Invalid):
        parts.connections.create_many(azure, ["key-1", "key-2"], ADMIN, {"resource": "no/such"})
    assert parts.connections.check_many(azure, ["key-1"], {"resource": "ours"}) == ()
    done = parts.connections.create_many(azure, ["key-1", "key-2"], ADMIN, {"resource": "ours"})
    assert {each.base_url for each in done.created} == {done.created[0].base_url} and "ours" in done.created[0].base_url


def test_a_name_that_another_owns_stops_all(parts: Parts) -> None:
    local = {"name": "Local", "prefix": "agentrouter", "type": "openai-compatible", "base_url": "http://127.0.0.1:9/v1"}
    parts.nodes.create(local, ADMIN)
    with pytest.raises(Conflict):
        parts.connections.create_many("agentrouter", read_lines(KEY), ADMIN)


def sent_by(work: Callable[[], object]) -> int:
    with statements() as sent:
        work()
    return len(sent)


def test_many_keys_are_one_change_of_as_many_statements_as_a_few(parts: Parts) -> None:
    version = parts.store.current().version
    few, many = ([f"sk-{each}-{number}" for number in range(count)] for each, count in (("few", 3), ("many", 200)))
    for_few = sent_by(lambda: parts.connections.create_many("agentrouter", few, ADMIN))
    assert parts.store.current().version == version + 1
    for_many = sent_by(lambda: parts.connections.create_many("agentrouter", many, ADMIN))
    assert parts.store.current().version == version + 2
    assert for_many == for_few
    again = sent_by(lambda: parts.connections.check_many("agentrouter", [*few, *many]))
    assert again == sent_by(lambda: parts.connections.check_many("agentrouter", few))
    assert len(parts.store.current().connections["agentrouter"]) == len(parts.audited("connection.create")) == 203


def test_names_and_priorities_go_on_from_those_that_are_there_and_those_just_made(parts: Parts) -> None:
    for name, priority in (("AgentRouter 2", 4), ("other", 7)):
        parts.connections.create(
            {"provider": "agentrouter", "name": name, "api_key": f"{KEY}-{priority}", "priority": priority}, ADMIN
        )
    lines = read_lines(f"{KEY}a\nAgentRouter 3, {KEY}b\n{KEY}c\n{KEY}-7\nbad, sk-kлюч\n{KEY}d")
    done = parts.connections.create_many("agentrouter", lines, ADMIN)
    told = [(each.line, each.connection.name, each.connection.priority) for each in done.made]
    assert told == [(1, "AgentRouter", 8), (2, "AgentRouter 3", 9), (3, "AgentRouter 4", 10), (6, "AgentRouter 5", 11)]
    assert [each.line for each in done.refused] == [4, 5] and "'other'" in done.refused[0].message
