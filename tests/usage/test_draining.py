"""The end of a worker's log queue, under the loop that gunicorn runs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from bench.processes import ROOT

# In a process of its own: gevent patches what the rest of the suite uses unpatched.
PROGRAM = """
from gevent import monkey
monkey.patch_all()
import json, sys
import gevent
from omniroute.models.db import Base, Database
from omniroute.state.sql import SqlState
from omniroute.usage.journal import Record
from omniroute.usage.log_queue import LogQueue
from tests.usage.books import Books

database = Database(sys.argv[1])
database.write(lambda session: Base.metadata.create_all(session.connection()))
books = Books(database, SqlState(database))
queue = LogQueue(books.journal, lambda used: None)
for n in range(600):
    queue.put(Record(books.row(f"before {n}")))
gevent.sleep(0)  # the writer has begun
draining = gevent.spawn(queue.drain)
during = 0
while not draining.ready():
    queue.put(Record(books.row(f"during {during}")))
    during += 1
    gevent.sleep(0.0005)
left = draining.get() + queue.drain()
print(json.dumps([left, len(queue), queue.dropped, len(books.rows()) - during, during > 3]))
"""


def test_what_comes_while_it_is_drained_is_written_once(tmp_path: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM, f"sqlite:///{tmp_path}/books.db"], capture_output=True, text=True, cwd=ROOT, timeout=60
    )
    assert run.returncode == 0, run.stderr
    assert json.loads(run.stdout.splitlines()[-1]) == [0, 0, 0, 600, True]
    assert "Traceback" not in run.stderr
