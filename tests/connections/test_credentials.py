from __future__ import annotations

from dataclasses import replace

import pytest
from cryptography.fernet import Fernet

from omniroute.connections.credentials import NONE, Credentials, hint, key_problem
from omniroute.errors import Invalid
from omniroute.given import Given
from omniroute.providers.catalog import Field, Provider
from omniroute.security.vault import Vault

LABELS = {"api_key": "API key", "fields": "Fields"}
PROVIDER = Provider(
    "p",
    "P",
    "native",
    "openai_chat",
    "https://p.example",
    key_required=True,
    fields=(Field("region", "Region", required=True), Field("pin", "PIN", secret=True)),
)


@pytest.fixture
def vault() -> Vault:
    return Vault([Fernet.generate_key().decode()])


def test_declared_fields(vault: Vault) -> None:
    credentials = Credentials(vault, "pepper")
    read = Given({"fields": {"region": " eu ", "pin": "1234"}}, LABELS)
    first = credentials.read_fields(read, PROVIDER, {})
    read.check()
    assert first["region"] == "eu" and vault.open(first["pin"]["sealed"]) == "1234"
    for kept in ({"region": "us"}, {"region": "us", "pin": ""}, {"region": "us", "pin": "***"}):
        again = credentials.read_fields(Given({"fields": kept}, LABELS), PROVIDER, first)
        assert again == {"region": "us", "pin": first["pin"]}
    assert credentials.read_fields(Given({}, LABELS), PROVIDER, first) == first


def test_fields_that_are_wrong(vault: Vault) -> None:
    credentials = Credentials(vault, "pepper")
    read = Given({"fields": {"pin": "a\nb", "colour": "red"}}, LABELS)
    credentials.read_fields(read, PROVIDER, {})
    with pytest.raises(Invalid) as caught:
        read.check()
    assert set(caught.value.fields) == {"fields.pin", "fields.colour", "fields.region"}


def test_the_hash_depends_on_provider_and_pepper(vault: Vault) -> None:
    read = Given({"api_key": "sk-test-0001"}, LABELS)
    digests = {
        Credentials(vault, pepper).read_key(read, provider, None).digest
        for pepper in ("one", "two")
        for provider in (PROVIDER, replace(PROVIDER, id="q"))
    }
    assert len(digests) == 4
    assert Credentials(vault, "one").read_key(Given({}, LABELS), replace(PROVIDER, key_required=False), None) == NONE


def test_hints_tell_little() -> None:
    assert hint("sk-0123456789abcdef") == "sk-...cdef"
    assert hint("short-key") == "..."


def test_key_problem() -> None:
    assert key_problem("sk-" + "!~" * 10) is None
    assert "ASCII" in str(key_problem("sk 1"))


def test_a_field_fits_its_place_in_the_address(vault: Vault) -> None:
    placed = replace(
        PROVIDER, base_url="https://{region}.example", fields=(Field("region", "Region", required=True, fills="label"),)
    )
    credentials = Credentials(vault, "pepper")
    read = Given({"fields": {"region": " eu-1 "}}, LABELS)
    assert credentials.read_fields(read, placed, {}) == {"region": "eu-1"}
    read.check()
    read = Given({"fields": {"region": "evil.example/"}}, LABELS)
    assert credentials.read_fields(read, placed, {"region": "eu-1"}) == {"region": "eu-1"}
    with pytest.raises(Invalid) as caught:
        read.check()
    assert "one part of a host name" in caught.value.fields["fields.region"]
