"""What holds while the database can't be written, for whatever reason, and once it can be again."""

from __future__ import annotations

from typing import Any

import pytest

from bench.gateway import Refused
from bench.processes import get_json
from tests.faults.conftest import metric
from tests.relay.limits.houses import House
from tests.relay.ways import WAYS
from tests.upstream.client import until
from tests.upstream.raw import Answer, Client


def asked(house: House, key: str, name: str, stream: bool) -> Answer:
    way = WAYS[name]
    with Client(house.gateway.url, timeout=30) as client:
        return way.post(client, stream=stream, headers={"Authorization": f"Bearer {key}"}).read()


def alerts(house: House) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = house.gateway.api("GET", "/api/alerts")["alerts"]
    return found


def well(house: House) -> bool:
    ready = get_json(f"{house.gateway.url}/readyz")["database"] == "ok"
    return ready and not alerts(house) and metric(house, "omniroute_log_queue_rows") == 0


def unwritten(house: House, keys: tuple[str, str]) -> int:
    """In each format: a key without limits is served, one with limits refused; it is told everywhere. How many were asked."""
    free, limited = keys
    for name, way in WAYS.items():
        for stream in (False, True):
            answer = asked(house, free, name, stream)
            assert answer.status == 200 and answer.whole and way.text(answer, stream)
            refused = asked(house, limited, name, stream)
            assert refused.status == 503, refused
            way.error(refused.json)
            told = way.beside(refused.json)
            assert told["class"] == "limits_unavailable" and "Health page" in told["remedy"]
    with pytest.raises(Refused) as change:
        house.gateway.api("POST", "/api/keys", {"name": "new"})
    assert change.value.status == 503
    until(lambda: "database_not_written" in {each["kind"] for each in alerts(house)}, 10, lambda: "an alert")
    with Client(house.gateway.url) as client:
        ready = client.get("/readyz").read()
    assert (ready.status, ready.json["database"]) == (200, "not written")
    assert metric(house, "omniroute_log_queue_rows") > 0 and metric(house, "omniroute_log_rows_dropped_total") == 0
    assert metric(house, "omniroute_workers") == 2, "they still count together"
    return 4 * len(WAYS)


def made_up_for(house: House, count: int) -> None:
    """All of so many rows are written, nothing is told any more, and the books agree."""
    rows = house.rows(count)
    assert sum(row["class"] == "limits_unavailable" for row in rows) >= 2 * len(WAYS)
    until(lambda: well(house), 15, lambda: f"all to be well: {alerts(house)}, {metric(house, 'omniroute_log_queue_rows')} wait")
    house.books_agree()
