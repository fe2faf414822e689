import pytest

from omniroute.providers.headers import NEVER_SET, check_custom_headers, value_problem


def test_custom_headers_are_trimmed_and_kept_in_order() -> None:
    assert check_custom_headers([(" X-B ", " two "), ("x-a", None), ("X-Empty", "")]) == (
        ("X-B", "two"),
        ("x-a", None),
        ("X-Empty", ""),
    )


@pytest.mark.parametrize("name", sorted(NEVER_SET))
@pytest.mark.parametrize("value", ["x", None])
def test_names_nobody_sets(name: str, value: str | None) -> None:
    with pytest.raises(ValueError, match="set by the gateway alone"):
        check_custom_headers([(name.title(), value)])


@pytest.mark.parametrize(
    ("pairs", "says"),
    [
        ([("", "x")], "'' is not a header name"),
        ([("X Y", "x")], "'X Y' is not a header name"),
        ([("X:Y", "x")], "is not a header name"),
        ([("X\r\nHost", "x")], "is not a header name"),
        ([("Ä", "x")], "is not a header name"),
        ([("X" * 30 + " " + "Y" * 30, "x")], "..."),
        ([("X-A", "1"), ("x-a", "2")], "x-a is given twice"),
        ([("X-A", "1"), ("x-a", None)], "x-a is given twice"),
        ([("X-A", "a\r\nX-B: b")], "the value of X-A holds a line break or control character"),
        ([("X-A", "a\x00")], "the value of X-A holds a line break or control character"),
        ([("X-A", "a\tb")], "the value of X-A holds a line break or control character"),
        ([("X-A", "密")], "the value of X-A holds a character that no header can carry"),
    ],
)
def test_refused_custom_headers(pairs: list[tuple[str, str | None]], says: str) -> None:
    with pytest.raises(ValueError) as caught:
        check_custom_headers(pairs)
    assert says in str(caught.value)


def test_value_problem_never_repeats_the_value() -> None:
    assert value_problem("sk-test") is None
    assert value_problem("grüße") is None
    for bad in ("sk-test\n", "sk-test密"):
        problem = value_problem(bad)
        assert problem
        assert "sk-test" not in problem
