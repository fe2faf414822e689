"""Keeping responses, on SQLite and Postgres."""

from __future__ import annotations

import sqlalchemy as sa
from cryptography.fernet import Fernet

from omniroute.clock import Clock
from omniroute.models.db import Database
from omniroute.models.responses import ResponseRow
from omniroute.responses.operations import KEPT_SECONDS, SWEEP_EVERY, KeptResponse, Responses
from omniroute.security.vault import Vault

OURS = KeptResponse("resp_1", "openai", "c-1", [{"role": "user", "content": "hi"}], {"id": "resp_1", "output": []})


class Later(Clock):
    at = 1_000_000.0

    def now(self) -> float:
        return self.at


def kept_in(database: Database) -> tuple[Responses, Later]:
    clock = Later()
    return Responses(database, Vault([Fernet.generate_key().decode()]), clock), clock


def test_a_response_is_found_by_its_owner_alone(database: Database) -> None:
    responses, _ = kept_in(database)
    responses.keep(OURS, "key-1")
    assert responses.find("resp_1", "key-1") == OURS
    assert responses.find("resp_1", "key-2") is responses.find("resp_1", None) is responses.find("resp_2", "key-1") is None


def test_where_the_upstream_keeps_it_only_the_place_is_known(database: Database) -> None:
    responses, _ = kept_in(database)
    responses.keep(KeptResponse("resp_1", "openai", "c-1"), None)
    assert responses.find("resp_1", None) == KeptResponse("resp_1", "openai", "c-1")


def test_keeping_again_replaces_and_forgetting_forgets(database: Database) -> None:
    responses, _ = kept_in(database)
    responses.keep(KeptResponse("resp_1", "openai", "c-1"), None)
    responses.keep(OURS, None)
    assert responses.find("resp_1", None) == OURS
    responses.forget("resp_1")
    assert responses.find("resp_1", None) is None


def test_an_id_that_is_taken_stays_its_first_owners(database: Database) -> None:
    responses, _ = kept_in(database)
    responses.keep(OURS, "key-1")
    responses.keep(KeptResponse("resp_1", "other", "c-2"), "key-2")
    assert responses.find("resp_1", "key-1") == OURS and responses.find("resp_1", "key-2") is None


def test_what_is_expired_is_not_found_and_is_swept_away_in_time(database: Database) -> None:
    responses, clock = kept_in(database)
    responses.keep(OURS, None)
    clock.at += KEPT_SECONDS
    assert responses.find("resp_1", None) is None
    clock.at += SWEEP_EVERY
    responses.keep(KeptResponse("resp_2", "openai", "c-1"), None)
    with database.unit_of_work() as session:
        assert session.scalars(sa.select(ResponseRow.id)).all() == ["resp_2"]
