from __future__ import annotations

from hypothesis import given

from omniroute.formats.ir import Usage
from tests.formats.strategies import USAGE


def test_what_a_later_usage_tells_wins_and_what_it_does_not_tell_stays() -> None:
    earlier = Usage(input=10, output=1, cached=4)
    assert earlier.merged(Usage(output=20)) == Usage(input=10, output=20, cached=4)
    assert earlier.merged(Usage(input=0)) == Usage(input=0, output=1, cached=4)


def test_counts_that_are_told_apart_add_up_also_when_they_come_apart() -> None:
    """A Messages upstream that tells its cache in message_start and its fresh input in message_delta."""
    started = Usage(input=5, cached=5, fresh=0)
    assert started.merged(Usage(input=12, output=3, fresh=12)) == Usage(input=17, output=3, cached=5)


@given(USAGE)
def test_merging_with_nothing_changes_nothing(usage: Usage) -> None:
    assert usage.merged(Usage()) == Usage().merged(usage) == usage.merged(usage) == usage
