"""The arithmetic of counters, by itself."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniroute.limits.limit import Line
from omniroute.state.counters import Granting, Step, blocking, refusing, steps, window_of
from omniroute.state.shared import Part, Reserved


@pytest.mark.parametrize(
    ("limits", "used", "refused"),
    [
        ((), (), None),
        ((10, 10), (9, 9), None),
        ((10, 10), (9, 10), 1),
        ((10, 10), (12, 10), 0),
        ((0,), (0,), 0),
        ((5,), (-3,), None),
    ],
)
def test_a_line_has_room_while_its_window_is_below_the_limit(
    limits: tuple[int, ...], used: tuple[int, ...], refused: int | None
) -> None:
    lines = [Line(f"c{n}", 0, 0, 7, limit, 0.0) for n, limit in enumerate(limits)]
    assert refusing(lines, used) == refused


@pytest.mark.parametrize(
    ("held", "limit", "bucket"),
    [
        ({30: 5, 10: 5, 20: 5}, 15, 10),
        ({10: 5, 20: 5, 30: 5}, 10, 20),
        ({10: 5, 20: 5, 30: 5}, 1, 30),
        ({10: 0, 20: 5}, 5, 20),
        ({10: 5, 20: 5}, 0, None),
        ({}, 0, None),
    ],
)
def test_room_comes_with_the_end_of_the_bucket_that_is_too_much(held: dict[int, int], limit: int, bucket: int | None) -> None:
    assert blocking(held, limit) == bucket


def test_a_bucket_is_changed_in_one_step() -> None:
    found = steps(
        spent=[Part("b", 60, 3, 200.0), Part("a", 0, 4, 100.0), Part("b", 60, 2, 150.0)],
        reserved=[Part("b", 60, 7, 100.0)],
        taken=[Part("a", 0, 9, 300.0), Part("b", 0, 1, 50.0)],
    )
    assert list(found.items()) == [
        (("a", 0), Step(4, 0, 9, 300.0)),
        (("b", 0), Step(0, 0, 1, 50.0)),
        (("b", 60), Step(5, 7, 0, 200.0)),
    ]
    assert steps() == {}


# Several at once ----------------------------------------------------------------------------------

WINDOWS = st.builds(
    lambda counter, bucket, span, amount, limit: Line(counter, bucket, bucket - span, amount, limit, 0.0),
    st.sampled_from("ab"),
    st.integers(0, 5),
    st.integers(0, 3),
    st.integers(0, 4),
    st.integers(0, 9),
)


@given(
    st.lists(st.lists(WINDOWS, max_size=3), max_size=8),
    st.dictionaries(st.tuples(st.sampled_from("ab"), st.integers(0, 5)), st.integers(0, 6)),
)
def test_granting_in_one_go_is_granting_one_by_one(turn: list[list[Line]], held: dict[tuple[str, int], int]) -> None:
    def used(line: Line) -> int:
        return sum(amount for (counter, bucket), amount in held.items() if counter == line.counter and bucket >= line.since)

    granting = Granting({window_of(line): used(line) for lines in turn for line in lines})
    for lines in turn:
        now = tuple(map(used, lines))
        refused = refusing(lines, now)
        assert granting.ask(lines) == Reserved(refused, now if refused is None else now[: refused + 1])
        for line in lines if refused is None else ():
            held[line.counter, line.bucket] = held.get((line.counter, line.bucket), 0) + line.amount
