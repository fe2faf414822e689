"""A client with a line to each worker of a gateway: what one of them knows, and asking the one that is meant."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from tests.gateway import Gateway
from tests.relay.chaos.conftest import CHAT
from tests.upstream.client import until
from tests.upstream.raw import Answer, Client

MOST_LINES = 400  # until each worker has taken one
T = TypeVar("T")


class Workers:
    """`lines` has one kept connection for each worker."""

    def __init__(self, gateway: Gateway, lines: Sequence[Client]) -> None:
        self.gateway, self.lines = gateway, lines

    def ask(self, worker: int, combo: str, *, stream: bool = False, **fields: Any) -> Answer:
        return CHAT.way.post(self.lines[worker], f"{combo}-chat", stream=stream, **fields).read()

    def ask_all(self, combo: str, times: int = 5) -> list[Answer]:
        """So many requests to each worker in turn, one after the other."""
        return [self.ask(worker, combo) for _ in range(times) for worker in range(len(self.lines))]

    def held(self, worker: int) -> list[dict[str, Any]]:
        """What this worker knows to be held against anybody; `seconds` is for how long, None when no time heals it."""
        if self.gateway.cookie is None:
            self.gateway.log_in()
        answer = self.lines[worker].get("/api/resilience", {"Cookie": self.gateway.cookie or ""}).read()
        assert answer.status == 200, answer.body
        return [each | {"seconds": _seconds(each["sinceAt"], each["untilAt"])} for each in answer.json["held"]]

    def all_leave_out(self, combo: str, why: str, within: float = 5.0) -> None:
        """Wait until each worker goes by a status: what `held` shows of statuses is in the database, a moment before the others
        have read it.
        """
        cookie = {"Cookie": self.gateway.cookie or ""}

        def classes(worker: int) -> list[str]:
            answer = self.lines[worker].get(f"/api/resolve?model={combo}-chat", cookie).read()
            return [each["class"] for each in answer.json["leftOut"]]

        def known() -> bool:
            return all(why in classes(worker) for worker in range(len(self.lines)))

        until(known, within, lambda: f"all workers to leave it out; they do {[classes(each) for each in range(len(self.lines))]}")

    def all_know(self, what: Callable[[list[dict[str, Any]]], bool], within: float = 5.0) -> list[dict[str, Any]]:
        """What the last worker knows once `what` is true of that of each. Raises AssertionError after `within` seconds."""

        def known() -> bool:
            return all(what(self.held(worker)) for worker in range(len(self.lines)))

        until(known, within, lambda: f"all workers to know; they do {[self.held(each) for each in range(len(self.lines))]}")
        return self.held(len(self.lines) - 1)


@contextmanager
def each_worker(gateway: Gateway) -> Iterator[Workers]:
    """Lines to all workers, found by opening connections until each has taken one."""
    with ExitStack() as stack:
        lines: dict[int, Client] = {}
        children = gateway.server.children()
        for _ in range(MOST_LINES):
            line = stack.enter_context(Client(gateway.url))
            assert line.get("/healthz").read().status == 200  # it has been taken now
            lines.setdefault(worker_of(line, children), line)
            if len(lines) == len(children):
                break
        assert len(lines) == len(children), f"of {children} only {set(lines)} took a connection"
        yield Workers(gateway, [lines[pid] for pid in sorted(lines)])


def worker_of(line: Client, pids: Sequence[int]) -> int:
    """The process at the other end of the line."""
    theirs, ours = line.socket.getpeername()[1], line.socket.getsockname()[1]
    wanted = f":{theirs:04X}", f":{ours:04X}"
    rows = [row.split() for row in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    inode = next(row[9] for row in rows if row[1].endswith(wanted[0]) and row[2].endswith(wanted[1]))
    return next(pid for pid in pids if f"socket:[{inode}]" in set(_open_files(pid)))


def _seconds(since: str | None, until: str | None) -> float | None:
    if since is None or until is None:
        return None
    return (datetime.fromisoformat(until) - datetime.fromisoformat(since)).total_seconds()


def _open_files(pid: int) -> Iterator[str]:
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(OSError):  # closed since it was listed
            yield str(entry.readlink())


def at_once(works: Sequence[Callable[[], T]]) -> list[T]:
    """The results of all, begun together, in their order. Raises the first exception of any."""
    results: dict[int, T] = {}
    wrong: list[BaseException] = []
    start = threading.Barrier(len(works))

    def run(number: int) -> None:
        try:
            start.wait(30)
            results[number] = works[number]()
        except BaseException as exc:
            wrong.append(exc)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(works))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if wrong:
        raise wrong[0]
    return [results[number] for number in range(len(works))]
