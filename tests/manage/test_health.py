from __future__ import annotations

from tests.edge.conftest import House, Open
from tests.redis_server import RedisServer


def test_alive_and_ready_without_a_key(opened: Open) -> None:
    client = opened(require_api_key="true").client
    assert client.get("/healthz").get_json() == {"status": "ok"}
    answer = client.get("/readyz")
    assert (answer.status_code, answer.get_json()) == (
        200,
        {"status": "ready", "database": "ok", "schema": "current", "draining": False},
    )


def test_redis_is_looked_at_where_there_is_one_and_not_needed(opened: Open, redis_server: RedisServer) -> None:
    client = opened(redis_url=redis_server.url).client
    assert client.get("/readyz").get_json()["redis"] == "ok"
    redis_server.stop()
    answer = client.get("/readyz")
    assert (answer.status_code, answer.get_json()["status"], answer.get_json()["redis"]) == (200, "ready", "away")
    redis_server.start()
    assert client.get("/readyz").get_json()["redis"] == "ok"


def test_a_worker_that_stops_is_not_ready(house: House) -> None:
    house.services.relay.stop_taking()
    answer = house.client.get("/readyz")
    assert (answer.status_code, answer.get_json()["draining"]) == (503, True)
    assert house.client.get("/healthz").status_code == 200


def test_without_its_tables_it_is_not_ready(house: House) -> None:
    house.services.database.close()
    path = house.services.settings.data_dir / "omniroute.db"
    path.unlink()
    answer = house.client.get("/readyz")
    assert answer.status_code == 503
    assert answer.get_json()["schema"] != "current"
