from __future__ import annotations

import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import pytest

from omniroute.threads import cooperative, off_loop


def test_without_a_loop_it_runs_where_it_stands() -> None:
    assert not cooperative()
    assert off_loop(threading.get_ident) == threading.get_ident()
    with pytest.raises(KeyError):
        off_loop(lambda: {}["nothing"])


def test_with_one_it_runs_on_another_thread_and_errors_come_back_quietly() -> None:
    script = """
        from gevent import monkey
        monkey.patch_all()
        import gevent
        from gevent.threadpool import ThreadPool
        from omniroute.threads import cooperative, off_loop, on_thread, one_thread
        native = monkey.get_original("threading", "get_ident")
        assert cooperative()
        assert off_loop(native) != native()
        pool = one_thread()
        jobs = [gevent.spawn(on_thread, pool, native) for _ in range(5)]
        assert len({job.get() for job in jobs}) == 1
        for run in (off_loop, lambda work: on_thread(pool, work)):
            try:
                run(lambda: {}["nothing"])
            except KeyError as exc:
                print(exc)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, cwd=Path(__file__).parents[1], timeout=60
    )
    assert (done.stdout, done.stderr) == ("'nothing'\n'nothing'\n", "")
