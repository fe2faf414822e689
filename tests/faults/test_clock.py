"""The clock is set on and back while everything that goes by it is going on: streams, heartbeats, cooldowns, rates, budgets,
places, sessions, leases. Nothing holds longer than it may, durations are right, and the books agree.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.gateway import Refused, settings
from bench.processes import PYTHON, ROOT, Server, free_port
from tests.faults.conftest import stored
from tests.faults.streams import all_asked, drained, furnish, read_all, streams
from tests.gateway import Gateway, prepared_data
from tests.relay.conftest import moved
from tests.relay.limits.houses import House, ask
from tests.upstream.client import Upstream, until

HOUR, DAY, YEAR = 3600.0, 86_400.0, 366 * 86_400.0
WAITS = {"HEARTBEAT_SECONDS": "1", "DRAIN_SECONDS": "0.5"}
COOLED = {"status": 429, "type": "rate_limit_error", "message": "Later", "headers": {"Retry-After": "600"}}


@contextmanager
def set_house(folder: Path, upstream: Upstream) -> Iterator[tuple[House, Path]]:
    """A gateway of two workers, and the file in which stands what its clock is off by."""
    offset, port = folder / "offset", free_port()
    offset.write_text("0")
    env = moved(upstream) | WAITS | {"PORT": str(port), "WEB_CONCURRENCY": "2", "CLOCK_OFFSET": str(offset)}
    command = [PYTHON, "-m", "gunicorn", "-c", str(ROOT / "gunicorn.conf.py"), "tests.faults.stepped:app"]
    given = settings(folder) | env
    shutil.copytree(prepared_data(), folder / "data")
    with Server("the gateway", command, folder / "gateway.log", f"http://127.0.0.1:{port}", given, cwd=folder) as server:
        server.wait_until_up("/readyz")
        yield House(Gateway(server, folder), env, folder), offset
    assert "Traceback" not in server.output(), server.tail(80)


def set_clock(offset: Path, seconds: float) -> None:
    new = offset.with_suffix(".new")
    new.write_text(str(seconds))
    new.rename(offset)  # nobody reads half of it


def served(house: House, key: str, model: str) -> bool:
    answer = ask(house.gateway.url, key, model)
    return answer is not None and answer.status == 200


def reached(house: House, upstream: Upstream, key: str, model: str) -> bool:
    """Whether one of some requests for it is sent, and not refused at once for what is known of the connection."""
    before = len(upstream.requests(model=model))
    for _ in range(6):
        assert not served(house, key, f"chat/{model}")
    return len(upstream.requests(model=model)) > before


def sign_in_again(house: House) -> None:
    """The session of before is over, and another one begins at once."""
    try:
        house.gateway.api("GET", "/api/alerts")
    except Refused as refused:
        assert refused.status == 401
    else:
        raise AssertionError("a session outlived its clock")
    house.gateway.log_in()
    house.gateway.api("GET", "/api/alerts")


def interrupted(house: House) -> int:
    return len(stored(house, "SELECT id FROM log_rows WHERE kind = 'interrupted'"))


def durations_are_right(house: House) -> None:
    """Of every row and attempt: none below nothing, none longer than the test."""
    for row in stored(house, "SELECT * FROM log_rows"):
        told = [row["total_ms"], row["first_ms"] or 0]
        told += [each[name] for each in json.loads(row["attempts"]) for name in ("ms", "at_ms")]
        assert all(0 <= ms < 300_000 for ms in told), row


def test_the_clock_is_set(tmp_path: Path, upstream: Upstream) -> None:
    with set_house(tmp_path, upstream) as (house, offset):
        server, keys = house.gateway.server, furnish(house, upstream)
        rated, _ = house.key(requestsPerMinute=1)
        with streams(house.gateway, keys, ["talking", "silent"], 16) as opened:
            all_asked(upstream, 16)
            assert served(house, rated, "chat/whole")
            for seconds in (DAY, -HOUR, -YEAR):  # each time the clock is a day or more off what it was before
                cooled = f"cooled-{seconds:.0f}"
                upstream.always(COOLED, model=cooled)
                until(lambda cooled=cooled: not reached(house, upstream, keys[0], cooled), 10, lambda: "both workers to know")  # type: ignore[misc]
                assert not served(house, rated, "chat/whole"), "one a minute"
                set_clock(offset, seconds)
                until(lambda: served(house, rated, "chat/whole"), 5, lambda: "a minute to be over")
                until(lambda cooled=cooled: reached(house, upstream, keys[0], cooled), 5, lambda: "ten minutes to be over")  # type: ignore[misc]
                assert served(house, keys[1], "messages/whole"), "places and budgets are as they were"
                sign_in_again(house)
            server.process.terminate()
            read_all(opened)
            drained(opened)
            assert all(b": keep-alive" in each.over.body for each in opened if each.model == "silent")
        assert server.process.wait(30) == 0
        durations_are_right(house)
        assert interrupted(house) == 0, "nobody who lives is taken for dead"
        told = house.reconcile()
        assert told.returncode == 0 and " 0 requests hold reservations" in told.stdout, told.stdout + told.stderr
