from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from omniroute.errors import Conflict, Invalid, Missing, SettingError, Throttled, WrongPassword
from omniroute.security.audit import CLI
from tests.parts import ADMIN, START, Parts

PASSWORD = "four random words here"
HERE = "203.0.113.7"


@pytest.fixture
def known(parts: Parts) -> Parts:
    """With an admin."""
    parts.accounts.reset_password(PASSWORD, CLI)
    return parts


def test_set_up_by_the_link(parts: Parts) -> None:
    assert not parts.accounts.has_admin()
    token = parts.accounts.setup_token()
    other = parts.another()
    assert token and other.accounts.setup_token() == token  # every worker and every start gives the same
    session = parts.accounts.set_up(token, PASSWORD, HERE, "Firefox")
    view = parts.accounts.session(session)
    assert view is not None and (view.address, view.user_agent, view.created_at) == (HERE, "Firefox", START)
    assert parts.accounts.has_admin() and other.accounts.has_admin()
    assert parts.accounts.setup_token() is None and other.accounts.setup_token() is None
    with pytest.raises(Conflict, match="set up already"):
        other.accounts.set_up(token, "another good password", HERE)
    assert parts.accounts.login(PASSWORD, HERE)
    assert parts.audited("setup")[0].address == HERE
    other.database.close()


@pytest.mark.parametrize("token", ["", "0" * 64, "ü", "\ud800"])
def test_a_wrong_link(parts: Parts, token: str) -> None:
    with pytest.raises(WrongPassword, match="not valid"):
        parts.accounts.set_up(token, PASSWORD, HERE)
    assert not parts.accounts.has_admin()


def test_the_link_depends_on_the_secret(parts: Parts) -> None:
    other = parts.another(secret_key="quite another secret, also long enough")
    assert other.accounts.setup_token() != parts.accounts.setup_token()
    other.database.close()


def test_a_weak_password_is_refused(parts: Parts) -> None:
    with pytest.raises(Invalid) as caught:
        parts.accounts.set_up(parts.accounts.setup_token() or "", "short", HERE)
    assert "10 characters" in caught.value.fields["password"]
    assert not parts.accounts.has_admin()


def test_two_at_the_link_end_with_one_admin(parts: Parts) -> None:
    token = parts.accounts.setup_token() or ""
    workers = [parts.another(), parts.another()]
    done: list[str] = []

    def go(worker: Parts, password: str) -> None:
        try:
            worker.accounts.set_up(token, password, HERE)
            done.append(password)
        except Conflict:
            done.append("")

    threads = [threading.Thread(target=go, args=(worker, f"{PASSWORD} {n}")) for n, worker in enumerate(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(bool, done)) == [False, True]
    assert parts.accounts.login(max(done), HERE)
    for worker in workers:
        worker.database.close()


def test_initial_password(make_parts: Callable[..., Parts]) -> None:
    parts = make_parts(initial_password=PASSWORD)
    assert parts.accounts.ensure_initial_password() is True
    assert parts.accounts.ensure_initial_password() is False
    assert parts.accounts.login(PASSWORD, HERE)
    later = parts.another(initial_password="another password that is ignored")
    assert later.accounts.ensure_initial_password() is False
    with pytest.raises(WrongPassword):
        later.accounts.login("another password that is ignored", HERE)
    later.database.close()


def test_an_initial_password_that_is_no_good(make_parts: Callable[..., Parts]) -> None:
    assert make_parts().accounts.ensure_initial_password() is False
    with pytest.raises(SettingError, match=r"^INITIAL_PASSWORD: .*first that are tried"):
        make_parts(initial_password="password12345").accounts.ensure_initial_password()


def test_login_and_logout(known: Parts) -> None:
    token = known.accounts.login(PASSWORD, HERE)
    assert known.accounts.session(token) is not None
    known.accounts.logout(token, HERE)
    known.accounts.logout(token)
    assert known.accounts.session(token) is None and known.accounts.session("") is None
    assert {row.action for row in known.audited()} == {"setup", "login", "logout"}
    assert token not in known.dump()


@pytest.mark.parametrize("password", ["", "wrong", PASSWORD.upper(), "\ud800", "x" * 5000])
def test_wrong_passwords(known: Parts, password: str) -> None:
    with pytest.raises(WrongPassword) as caught:
        known.accounts.login(password, HERE)
    assert caught.value.status == 401
    failed = known.audited("login.failed")
    assert len(failed) == 1 and failed[0].address == HERE


def test_login_before_set_up(parts: Parts) -> None:
    with pytest.raises(WrongPassword):
        parts.accounts.login(PASSWORD, HERE)


def test_a_login_ends_the_session_that_came_along(known: Parts) -> None:
    first = known.accounts.login(PASSWORD, HERE)
    second = known.accounts.login(PASSWORD, HERE, previous=first)
    assert second != first
    assert known.accounts.session(first) is None and known.accounts.session(second) is not None
    assert known.accounts.login(PASSWORD, HERE, previous="never was one")


def test_guessing_gets_slower_in_every_worker(known: Parts) -> None:
    other = known.another()
    for worker in (known, other, known, other, known):
        with pytest.raises(WrongPassword):
            worker.accounts.login("wrong", HERE)
    for worker in (known, other):
        with pytest.raises(Throttled) as caught:
            worker.accounts.login(PASSWORD, HERE)  # the right one gets no hearing either
        assert caught.value.retry_after == 1.0 and caught.value.status == 429
    assert known.accounts.login(PASSWORD, "198.51.100.1")  # from elsewhere it does
    known.clock.move(1)
    assert known.accounts.login(PASSWORD, HERE)
    for _ in range(4):
        with pytest.raises(WrongPassword):
            known.accounts.login("wrong", HERE)  # counted from zero again
    other.database.close()


def test_sessions_end(known: Parts) -> None:
    idle, used = known.accounts.login(PASSWORD, HERE), known.accounts.login(PASSWORD, HERE)
    for _ in range(7 * 2 + 1):
        known.clock.move(11 * 3600)
        known.accounts.session(used)
    assert known.accounts.session(idle) is None
    assert known.accounts.session(used) is not None  # 165 hours old and in use
    known.clock.move(3 * 3600)
    assert known.accounts.session(used) is None  # seven days


def test_list_and_revoke(known: Parts) -> None:
    first = known.accounts.login(PASSWORD, HERE, "Firefox")
    known.clock.move(1)
    second = known.accounts.login(PASSWORD, "198.51.100.1", "curl")
    views = known.accounts.sessions(second)
    assert [(view.user_agent, view.current) for view in views] == [("curl", True), ("Firefox", False)]
    known.accounts.revoke(views[1].id, ADMIN)
    assert known.accounts.session(first) is None
    with pytest.raises(Missing):
        known.accounts.revoke(views[1].id, ADMIN)
    known.accounts.login(PASSWORD, HERE)
    assert known.accounts.revoke_all(ADMIN, keep=second) == 1
    assert known.accounts.revoke_all(ADMIN) == 1
    assert known.accounts.sessions() == ()


def test_change_password(known: Parts) -> None:
    mine, other = known.accounts.login(PASSWORD, HERE), known.accounts.login(PASSWORD, HERE)
    new = "another four random words"
    with pytest.raises(WrongPassword) as wrong:
        known.accounts.change_password("not it", new, HERE, keep=mine)
    assert set(wrong.value.fields) == {"current"}
    for refused in ("short", PASSWORD):
        with pytest.raises(Invalid) as caught:
            known.accounts.change_password(PASSWORD, refused, HERE, keep=mine)
        assert set(caught.value.fields) == {"new"}
    known.accounts.change_password(PASSWORD, new, HERE, keep=mine)
    assert known.accounts.session(mine) is not None and known.accounts.session(other) is None
    assert known.accounts.login(new, HERE)
    with pytest.raises(WrongPassword):
        known.accounts.login(PASSWORD, HERE)
    assert known.audited("password.change")[0].actor_kind == "admin"


def test_reset_password(known: Parts) -> None:
    token = known.accounts.login(PASSWORD, HERE)
    for _ in range(5):
        with pytest.raises(WrongPassword):
            known.accounts.login("wrong", HERE)
    known.accounts.reset_password("another four random words", CLI)
    assert known.accounts.session(token) is None
    assert known.accounts.login("another four random words", HERE)  # and nobody waits any more
    with pytest.raises(Invalid):
        known.accounts.reset_password("short", CLI)
