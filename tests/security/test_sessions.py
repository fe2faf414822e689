from __future__ import annotations

import pytest

from omniroute.models.access import AdminRow
from omniroute.security.sessions import IDLE, LONGEST, SEEN_EVERY
from tests.parts import START, Parts


@pytest.fixture
def admin(parts: Parts) -> Parts:
    parts.database.write(
        lambda session: session.add(AdminRow(id="admin", password_hash="x", created_at=START, password_changed_at=START))
    )
    return parts


def start(parts: Parts) -> str:
    return parts.database.write(lambda session: parts.sessions.start(session, "admin", "203.0.113.7" * 9, "agent" * 99))


def test_tokens_are_not_kept(admin: Parts) -> None:
    token = start(admin)
    assert len(token) >= 43 and token not in admin.dump()
    view = admin.sessions.find(token)
    assert view is not None and len(view.address) == 64 and len(view.user_agent) == 256
    for odd in ("", "x", token[:-1], token.upper(), "\ud800"):
        assert admin.sessions.find(odd) is None


@pytest.mark.parametrize(("seconds", "runs"), [(IDLE - 1, True), (IDLE, False)])
def test_idle(admin: Parts, seconds: float, runs: bool) -> None:
    token = start(admin)
    admin.clock.move(seconds)
    assert (admin.sessions.find(token) is not None) is runs
    assert bool(admin.sessions.all()) is runs


def test_longest(admin: Parts) -> None:
    token = start(admin)
    while admin.clock.at < START + LONGEST - IDLE:
        admin.clock.move(IDLE / 2)
        view = admin.sessions.find(token)
        assert view is not None and view.expires_at == min(START + LONGEST, admin.clock.at + IDLE)
    admin.clock.at = START + LONGEST - 1
    assert admin.sessions.find(token) is not None
    admin.clock.move(1)
    assert admin.sessions.find(token) is None


def test_use_is_noted_now_and_then(admin: Parts) -> None:
    token = start(admin)
    admin.clock.move(SEEN_EVERY - 1)
    admin.sessions.find(token)
    assert admin.sessions.all()[0].seen_at == START
    admin.clock.move(1)
    admin.sessions.find(token)
    assert admin.sessions.all()[0].seen_at == START + SEEN_EVERY


def test_a_key_that_is_sent_as_the_browsers_name_is_not_kept(admin: Parts) -> None:
    token = admin.database.write(
        lambda session: admin.sessions.start(session, "admin", "127.0.0.1", "tool sk-or-abcdefghijklmnop " + "x" * 300)
    )
    view = admin.sessions.find(token)
    assert view is not None and view.user_agent == ("tool sk-or-*** " + "x" * 300)[:256]


def test_a_new_session_sweeps_out_the_old(admin: Parts) -> None:
    start(admin)
    admin.clock.move(IDLE)
    start(admin)
    with admin.database.unit_of_work() as session:
        from sqlalchemy import text

        assert session.execute(text("SELECT count(*) FROM sessions")).scalar() == 1


def test_ending(admin: Parts) -> None:
    one, two, three = start(admin), start(admin), start(admin)
    assert admin.database.write(lambda session: admin.sessions.end(session, one)) is True
    assert admin.database.write(lambda session: admin.sessions.end(session, one)) is False
    assert admin.database.write(lambda session: admin.sessions.end_all(session, keep=three)) == 1
    assert admin.sessions.find(two) is None
    (view,) = admin.sessions.all(current=three)
    assert view.current
    assert admin.database.write(lambda session: admin.sessions.end_id(session, view.id)) is True
    assert admin.database.write(lambda session: admin.sessions.end_id(session, view.id)) is False
