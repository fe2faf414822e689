from __future__ import annotations

import threading
from pathlib import Path

import pytest

from omniroute import file_lock


def test_one_at_a_time(tmp_path: Path) -> None:
    inside = 0
    most = 0

    def go() -> None:
        nonlocal inside, most
        for _ in range(50):
            with file_lock.held(tmp_path):
                inside += 1
                most = max(most, inside)
                inside -= 1

    threads = [threading.Thread(target=go) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1 and list(tmp_path.iterdir()) == []


def test_an_error_lets_go(tmp_path: Path) -> None:
    with pytest.raises(KeyError), file_lock.held(tmp_path):
        raise KeyError
    with file_lock.held(tmp_path):
        pass
