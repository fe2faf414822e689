from __future__ import annotations

from omniroute import __version__
from tests.manage.conftest import Api


def test_about(api: Api) -> None:
    status, told = api("GET", "/api/about")
    assert status == 200
    told = told["about"]
    assert (told["version"], told["schema"]["state"], told["redis"]) == (__version__, "current", None)
    assert told["database"]["reachable"] and told["startedAt"].endswith("Z") and told["workersWanted"] == 2
    assert "argon2-cffi" in told["libraries"]
    settings = api.house.services.settings
    assert settings.secret_key not in str(told) and settings.storage_encryption_keys[0] not in str(told)


def test_it_is_for_who_manages(api: Api) -> None:
    assert api("GET", "/api/about", Authorization="")[0] == 401
    assert api("GET", "/api/about", Authorization=f"Bearer {api.house.key('relay')}")[0] == 403
