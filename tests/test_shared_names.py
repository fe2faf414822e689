"""A name with a dot in front covers all below it: it is refused where strangers have theirs, wherever it is written."""

from __future__ import annotations

import pytest

from omniroute.errors import Invalid, SettingError
from omniroute.settings import Settings
from omniroute.shared_names import shared_by_strangers
from tests.edge.conftest import House, house, opened
from tests.parts import ADMIN

__all__ = ["house", "opened"]

STRANGERS = [
    "com",
    "dev",
    "uk",
    "io",
    "co.uk",
    "com.au",
    "or.jp",
    "gov.br",
    "herokuapp.com",
    "fly.dev",
    "pages.dev",
    "ngrok-free.app",
    "trycloudflare.com",
    "ts.net",
    "duckdns.org",
    "nip.io",
    "sslip.io",
    "lvh.me",
    "elb.amazonaws.com",
    "eu-central-1.compute.amazonaws.com",
    "s3.amazonaws.com",
    "my-load-balancer.eu-central-1.elb.amazonaws.com",
    "eu.ngrok.io",
    "blogspot.com",
    "westeurope.cloudapp.azure.com",
    "eu-west-1.awsapprunner.com",
]
OWN = [
    "lan",
    "home.arpa",
    "local",
    "example.com",
    "example.co.uk",
    "team.herokuapp.com",
    "tailnet.ts.net",
    "notamazonaws.com",
    "co.example",
    "k8s.internal",
]


@pytest.mark.parametrize("name", STRANGERS)
def test_where_anybody_may_have_a_name(name: str) -> None:
    assert shared_by_strangers(name)
    with pytest.raises(SettingError, match="strangers"):
        Settings.from_env({"TRUSTED_HOSTS": f"gateway.example.com, .{name.upper()}"})
    with pytest.raises(SettingError, match="strangers"):
        Settings.from_env({"TRUSTED_HOSTS": f".{name}:8443"})


@pytest.mark.parametrize("name", OWN)
def test_what_may_be_ones_own(name: str) -> None:
    assert not shared_by_strangers(name)


def test_no_way_of_setting_preferences_takes_one(house: House) -> None:
    key = {"Authorization": f"Bearer {house.key('manage')}"}
    for name in STRANGERS:
        for entry in (f".{name}", f".{name.upper()}", f".{name}:443"):
            with pytest.raises(Invalid) as refused:
                house.services.preferences.update({"allowed_hosts": ["nas", entry]}, ADMIN)
            assert list(refused.value.fields) == ["allowed_hosts"]
            answer = house.client.put("/api/settings", json={"allowedHosts": [entry]}, headers=key)
            assert (answer.status_code, answer.get_json()["error"]["code"]) == (400, "invalid"), entry
    assert house.services.preferences.all()["allowed_hosts"] == []


def test_the_whole_name_is_always_taken(house: House) -> None:
    """Who is called so may be reached: what is refused is all that stands below."""
    names = ["gateway.herokuapp.com", "host.co.uk", ".team.herokuapp.com", "co.uk"]
    assert house.services.preferences.update({"allowed_hosts": names}, ADMIN)["allowed_hosts"] == names
