from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from omniroute.errors import Invalid
from omniroute.given import Given

LABELS = {"name": "Name", "size": "Size", "on": "Switch", "tags": "Tags"}


def wrong(given: Given) -> dict[str, str]:
    with pytest.raises(Invalid) as caught:
        given.check()
    assert caught.value.message == " ".join(caught.value.fields.values())
    return caught.value.fields


def test_what_is_right_passes() -> None:
    given = Given({"name": " x ", "size": 3, "on": False, "tags": ["a", " b ", "a", ""]}, LABELS)
    assert (given.text("name"), given.whole("size", 0, 1, 5), given.flag("on", True)) == ("x", 3, False)
    assert given.texts("tags", ()) == ("a", "b")
    assert given["name"] == " x " and "name" in given and "size" in given
    given.check()


def test_what_is_absent_is_the_default() -> None:
    given = Given({}, LABELS)
    assert (given.text("name", "d"), given.whole("size", 3, 0, 5), given.flag("on", True)) == ("d", 3, True)
    assert given.whole_or_none("size", None, 1, 5) is None
    assert given.whole_or_none("size", 4, 1, 5) == 4
    assert given.choice("name", ("a", "b"), "b") == "b"
    assert given.texts("tags", ("t",)) == ("t",)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("", "is needed"),
        ("  ", "is needed"),
        (None, "is needed"),
        (3, "must be text"),
        ("x" * 11, "at most 10"),
        ("a\tb", "one line"),
        ("\ud800", "one line"),
    ],
)
def test_text(value: Any, words: str) -> None:
    given = Given({"name": value}, LABELS)
    assert given.text("name", "kept", longest=10, needed=True) == "kept"
    assert words in wrong(given)["name"]


@pytest.mark.parametrize("value", [None, "3", 3.0, True, 0, 6])
def test_whole(value: Any) -> None:
    given = Given({"size": value}, LABELS)
    assert given.whole("size", 2, 1, 5) == 2
    assert wrong(given) == {"size": "Size must be a whole number from 1 to 5."}


@pytest.mark.parametrize("value", [None, "true", 1])
def test_flag(value: Any) -> None:
    given = Given({"on": value}, LABELS)
    assert given.flag("on", True) is True
    assert wrong(given) == {"on": "Switch must be true or false."}


@pytest.mark.parametrize("value", ["a", {"a": 1}, [1], 3, ["a\nb"], ["x" * 300], [str(n) for n in range(300)]])
def test_texts(value: Any) -> None:
    given = Given({"tags": value}, LABELS)
    assert given.texts("tags", ("kept",)) == ("kept",)
    assert set(wrong(given)) == {"tags"}


def test_unknown_names_and_the_first_note_stands() -> None:
    given = Given({"nmae": 1, 7: 2}, LABELS)  # type: ignore[dict-item]
    given.refuse("name", "is odd")
    given.refuse("name", "is very odd")
    told = wrong(given)
    assert told == {
        "nmae": "nmae is not a field here; the nearest is name.",
        "7": "7 is not a field here.",
        "name": "Name is odd.",
    }


def test_a_secret_in_the_place_of_a_name_is_not_given_back() -> None:
    outer = Given({"name": {}}, LABELS)
    inner = Given({"sk-or-abcdefghijklmnop": 1}, LABELS, outer, "name")
    assert wrong(inner) == {"sk-or-***": "sk-or-*** is not a field here."}
    assert wrong(outer) == {"name.sk-or-***": "sk-or-*** is not a field here."}


@pytest.mark.parametrize(
    ("value", "micro_dollars"),
    [
        (None, None),
        ("", None),
        (" ", None),
        (0, 0),
        ("0", 0),
        ("0.000001", 1),
        (0.1, 100_000),
        (" 2.50 ", 2_500_000),
        (100, 100_000_000),
    ],
)
def test_dollars_that_may_be_nothing_or_left_out(value: Any, micro_dollars: int | None) -> None:
    given = Given({"size": value}, LABELS)
    assert (given.usd_or_none("size", 100), given.usd_or_none("name", 100)) == (micro_dollars, None)
    given.check()


@pytest.mark.parametrize("value", [-1, "-1", 101, "1e2", "x", True, [], float("inf"), "0.0000001", 0.30000000000000004])
def test_dollars_that_are_none(value: Any) -> None:
    given = Given({"size": value}, LABELS)
    assert given.usd_or_none("size", 100) is None
    assert list(wrong(given)) == ["size"]


@pytest.mark.parametrize(
    ("value", "micro"),
    [
        (1, 1_000_000),
        (0.1, 100_000),
        ("12.50", 12_500_000),
        (" 3 ", 3_000_000),
        ("0.000001", 1),
        (Decimal("7"), 7_000_000),
        (5, 5_000_000),
    ],
)
def test_dollars_become_micro_dollars_exactly(value: Any, micro: int) -> None:
    given = Given({"size": value}, LABELS)
    assert given.usd("size", 0, 100) == micro
    given.check()
    assert Given({}, LABELS).usd("size", 9, 100) == 9


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (0, "above 0"),
        (-1, "above 0"),
        (101, "at most 100"),
        (True, "amount in dollars"),
        ("1e2", "amount in dollars"),
        ("1,5", "amount in dollars"),
        ("", "amount in dollars"),
        (None, "amount in dollars"),
        (float("nan"), "amount in dollars"),
        (0.0000001, "six decimal places"),
        ("1.0000001", "six decimal places"),
    ],
)
def test_what_is_no_amount_of_dollars(value: Any, words: str) -> None:
    given = Given({"size": value}, LABELS)
    assert given.usd("size", 7, 100) == 7
    assert words in wrong(given)["size"]


@pytest.mark.parametrize(
    ("value", "at"),
    [
        ("2028-01-31T13:00:00+01:00", 1832932800.0),
        ("2028-01-31", 1832889600.0),
        (1832932800, 1832932800.0),
        ("", None),
        (None, None),
    ],
)
def test_moments(value: Any, at: float | None) -> None:
    given = Given({"size": value}, LABELS)
    assert given.moment("size", 5.0) == at
    given.check()
    assert Given({}, LABELS).moment("size", 5.0) == 5.0


@pytest.mark.parametrize("value", ["tomorrow", True, -1, 1e12, [], float("nan"), "0001-01-01T00:00:00+14:00"])
def test_what_is_no_moment(value: Any) -> None:
    given = Given({"size": value}, LABELS)
    assert given.moment("size", 5.0) == 5.0
    assert "must be a time" in wrong(given)["size"]


def test_time_zones() -> None:
    assert Given({"name": "Europe/Berlin"}, LABELS).timezone("name", "UTC") == "Europe/Berlin"
    for zone in ("Mars/Base", "right/UTC", "posixrules", "../UTC", "", "europe"):
        given = Given({"name": zone}, LABELS)
        assert given.timezone("name", "UTC") == "UTC"
        assert "time zone" in wrong(given)["name"]


def test_an_object_within_tells_its_own_members() -> None:
    given = Given({"name": "x", "tags": {"size": "big", "colour": 1}}, LABELS)
    inner = given.within("tags", LABELS)
    assert inner.whole("size", 3, 1, 5) == 3
    assert not inner.fine
    assert not given.fine
    assert set(wrong(given)) == {"tags.colour", "tags.size"}
    given = Given({"tags": 5}, LABELS)
    assert given.within("tags", LABELS).text("name", "d") == "d"
    assert set(wrong(given)) == {"tags"}
