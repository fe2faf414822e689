from __future__ import annotations

import pytest

from omniroute.errors import Problem
from omniroute.formats import ir
from omniroute.formats.wording import Dropped, message_of, no_place


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


@pytest.mark.parametrize(
    ("part", "kind"),
    [
        (ir.Image(ir.Source("url", "https://e.test"), path="messages.0"), "image"),
        (ir.Opaque("x", {"type": "odd"}, path="messages.0"), "odd"),
        (ir.Opaque("x", {"executableCode": {}}, path="messages.0"), "executableCode"),
        (ir.Opaque("x", {}, path="messages.0"), "opaque"),
    ],
)
def test_a_part_without_a_place_is_named_with_its_kind(part: ir.Part, kind: str) -> None:
    refusal = no_place(part, "a Messages")
    assert refusal.message == f"'messages.0': a Messages upstream has no place for this {kind} part."
    assert refusal.param == "messages.0"
