from __future__ import annotations

import pytest

from omniroute.errors import Problem
from omniroute.formats.wording import Dropped, message_of


@pytest.mark.parametrize(
    ("message", "remedy", "said"),
    [
        ("It broke.", "Mend it.", "It broke. (Mend it.)"),
        ("It broke. Mend it.", "Mend it.", "It broke. Mend it."),
        ("It broke.", "", "It broke."),
        ("", "Mend it.", "Mend it."),
        ("", "", "The request failed (server_error)."),
    ],
)
def test_a_message_is_the_upstreams_with_the_remedy_behind_it(message: str, remedy: str, said: str) -> None:
    assert message_of(Problem(500, "server_error", message, remedy)) == said


def test_names_are_said_once_and_fit_in_a_header() -> None:
    dropped = Dropped()
    dropped.add("seed")
    dropped.add("temperature", "1 at most")
    dropped.add("seed")
    dropped.add("x\r\nSet-Cookie: a=ü")
    assert dropped.names() == ("seed", "temperature (1 at most)", "x??Set-Cookie??a??")
