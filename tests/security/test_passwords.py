from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from argon2 import PasswordHasher

from omniroute.errors import Invalid
from omniroute.security.passwords import check_policy, hash_password, outdated, password_problem, verify_password


def test_hash_and_verify() -> None:
    stored = hash_password("four random words")
    assert stored.startswith("$argon2id$") and stored != hash_password("four random words")
    assert verify_password(stored, "four random words")
    assert not verify_password(stored, "four random word")
    assert not verify_password(stored, "\ud800")
    assert not outdated(stored)


@pytest.mark.parametrize("stored", ["", "nonsense", "$argon2id$v=19$m=1$broken"])
def test_what_is_no_hash_fits_no_password(stored: str) -> None:
    assert not verify_password(stored, "four random words")


def test_other_costs_are_outdated() -> None:
    assert outdated(PasswordHasher(time_cost=1, memory_cost=8192, parallelism=1).hash("x"))


@pytest.mark.parametrize("password", ["four random words", "Tr0ub4dor&3 it is", "пароль подлиннее", "x7#Kp2!vQz"])
def test_good_ones(password: str) -> None:
    assert password_problem(password) is None
    check_policy(password)


@pytest.mark.parametrize(
    "password",
    [
        *("", "short", "123456789", "x" * 1025),
        *("1234567890", "0123456789", "9876543210", "abcdefghij", "aaaaaaaaaa", "ababababab", "121212121212"),
        *(
            "password123",
            "Password!!!",
            "P@ssw0rd123",
            "passw0rd2026",
            "omniroute1",
            "Omniroute-2026",
            "changeme!!",
            "letmein12345",
        ),
        *("qwertyuiop", "administrator", "adminadmin1"),
    ],
)
def test_bad_ones(password: str) -> None:
    with pytest.raises(Invalid) as caught:
        check_policy(password, "new")
    assert caught.value.fields["new"] == caught.value.message
    assert not password or password not in caught.value.message


def test_the_loop_runs_on_while_a_password_is_hashed() -> None:
    script = """
        from gevent import monkey
        monkey.patch_all()
        import gevent
        from omniroute.security.passwords import hash_password, verify_password
        ticks = 0

        def tick():
            global ticks
            while True:
                gevent.sleep(0.001)
                ticks += 1

        gevent.spawn(tick)
        assert verify_password(hash_password("four random words"), "four random words")
        print(ticks)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
        timeout=60,
    )
    assert done.stderr == "" and int(done.stdout) >= 5  # two hashes of some 50 ms; on the loop it would be 1 or 2
