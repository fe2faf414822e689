"""System messages, at the start and later."""

from __future__ import annotations

from omniroute.formats.ir import Message, Text
from omniroute.formats.system import leading_system, reminder

SYSTEM, DEVELOPER, USER = (Message(role, (Text(role),)) for role in ("system", "developer", "user"))


def test_only_those_at_the_start_are_leading() -> None:
    assert leading_system((SYSTEM, DEVELOPER, USER, SYSTEM)) == ((SYSTEM, DEVELOPER), (USER, SYSTEM))
    assert leading_system((USER, SYSTEM)) == ((), (USER, SYSTEM))
    assert leading_system((SYSTEM,)) == ((SYSTEM,), ())
    assert leading_system(()) == ((), ())


def test_a_later_one_is_a_reminder() -> None:
    assert reminder("Hurry.") == "<system-reminder>\nHurry.\n</system-reminder>"
