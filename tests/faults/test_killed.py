"""One of two workers is killed under load: the other serves, another takes its place, and the books agree again."""

from __future__ import annotations

import os
import signal
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from tests.faults.conftest import ending_house, metric, stored
from tests.faults.streams import Stream, all_asked, furnish, streams
from tests.relay.chaos.workers import worker_of
from tests.relay.limits.houses import House, ask
from tests.upstream.client import Upstream, until

AT_ONCE = 6
LOST = 40  # rows of a quarter of a second, when a machine is fast


@contextmanager
def load(house: House, keys: tuple[str, str]) -> Iterator[Counter[tuple[bool, int | None]]]:
    """Clients with and without limits that ask for whole answers. (with limits, status): None for a connection that broke."""
    seen, stop = Counter[tuple[bool, int | None]](), threading.Event()

    def client(number: int) -> None:
        while not stop.is_set():
            answer = ask(house.gateway.url, keys[number % 2], "chat/whole")
            seen[number % 2 == 1, None if answer is None else answer.status] += 1

    with ThreadPoolExecutor(AT_ONCE) as pool:
        running = [pool.submit(client, number) for number in range(AT_ONCE)]
        try:
            yield seen
        finally:
            stop.set()
            for each in running:
                each.result()


def flowing(seen: Counter[tuple[bool, int | None]]) -> None:
    """Wait for some more answers of both kinds."""
    before = seen[True, 200], seen[False, 200]
    until(lambda: seen[True, 200] > before[0] + 5 and seen[False, 200] > before[1] + 5, 20, lambda: f"requests to flow: {seen}")


def split(house: House, opened: list[Stream]) -> tuple[int, list[Stream], list[Stream]]:
    """A worker, its streams, and those of the other."""
    gone, staying = house.gateway.server.children()
    theirs = [each for each in opened if worker_of(each.client, [gone, staying]) == gone]
    return gone, theirs, [each for each in opened if each not in theirs]


def pulsed(house: House) -> tuple[int, int]:
    """Requests of the last minutes as Home tells them, and how many are at upstreams now."""
    pulse = house.gateway.api("GET", "/api/usage/pulse")["pulse"]
    return pulse["recent"]["requests"], sum(each["inFlight"] for each in pulse["providers"])


def test_a_killed_worker(tmp_path: Path, upstream: Upstream) -> None:
    with ending_house(tmp_path, upstream, DRAIN_SECONDS="0.5") as house:
        server, keys = house.gateway.server, furnish(house, upstream)
        with streams(house.gateway, keys, ["talking", "silent"], 24) as opened, load(house, keys) as seen:
            all_asked(upstream, 24)
            flowing(seen)
            gone, theirs, others = split(house, opened)
            os.kill(gone, signal.SIGKILL)
            flowing(seen)
            until(lambda: gone not in (now := server.children()) and len(now) == 2, 20, lambda: "another worker")
            flowing(seen)
            for each in others:
                if each.model == "talking":
                    each.client.read_until(b"word")
        broken = seen[True, None] + seen[False, None]
        assert {status for _, status in seen} <= {200, None} and broken <= AT_ONCE, seen
        until(lambda: metric(house, "omniroute_workers") == 2, 10, lambda: "the metrics to know of two workers")
        until(lambda: metric(house, "omniroute_open_streams") == 0, 10, lambda: "no stream to be counted as open")
        until(lambda: metric(house, "omniroute_log_queue_rows") == 0, 10, lambda: "all to be written")
        house.recover()
        house.books_agree()
        rows = stored(
            house,
            "SELECT kind, usage_source, key_id IN (SELECT id FROM client_keys WHERE max_concurrent > 0) AS held FROM log_rows",
        )
        held = Counter(row["kind"] for row in rows if row["held"])
        asked = seen[True, 200] + sum(each.limited for each in opened)
        assert asked <= held.total() <= asked + seen[True, None], (held, seen)
        assert held["interrupted"] >= sum(each.limited for each in theirs)
        assert {row["usage_source"] for row in rows if row["kind"] == "interrupted"} == {"estimated"}
        free = seen[False, 200] + sum(not each.limited for each in others)
        assert free - LOST <= len(rows) - held.total() <= free + seen[False, None], (
            "what it had not written yet is lost, and no more"
        )
        until(lambda: pulsed(house) == (len(rows), 0), 15, lambda: f"{len(rows)} requests to be told; there are {pulsed(house)}")
        server.process.terminate()
        assert server.process.wait(30) == 0
