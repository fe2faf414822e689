from __future__ import annotations

from pathlib import Path

from omniroute.state.beacon import Beacon


def test_each_touch_moves_the_stamp_for_everybody(tmp_path: Path) -> None:
    path = tmp_path / "new" / "config.version"
    here, there = Beacon(path), Beacon(path)
    assert here.stamp() == 0
    stamps = [0]
    for beacon in (here, there) * 50:
        beacon.touch()
        assert here.stamp() == there.stamp() > stamps[-1]
        stamps.append(here.stamp())
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_clock_that_goes_back_does_not_hold_it(tmp_path: Path) -> None:
    import os

    beacon = Beacon(tmp_path / "config.version")
    beacon.touch()
    future = beacon.stamp() + 10**18
    os.utime(tmp_path / "config.version", ns=(future, future))
    beacon.touch()
    assert beacon.stamp() == future + 1
