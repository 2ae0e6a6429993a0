"""clock.py: files from the future are of now, in the order they were; others are left alone."""

from __future__ import annotations

import os

from touchstone.clock import set_back


def test_what_is_from_the_future_is_of_now_in_its_old_order(tmp_path):
    made, theirs = tmp_path / "made", tmp_path / "theirs.zip"
    made.mkdir()
    now = tmp_path / "now"
    now.touch()
    present = now.stat().st_mtime
    times = {"late": 9_000, "early": 5_000, "also_early": 5_000, "past": -100, "long_ago": -9_000}
    for name, seconds in times.items():
        (made / name).touch()
        os.utime(made / name, (present + seconds, present + seconds))
    theirs.touch()
    os.utime(theirs, (present + 7_000, present + 7_000))
    (made / "link.zip").symlink_to(theirs)
    before = theirs.stat().st_mtime_ns
    assert set_back([made], now) == 3
    found = {name: (made / name).stat().st_mtime_ns for name in times}
    assert found["long_ago"] < found["past"] < found["early"] == found["also_early"] < found["late"] <= now.stat().st_mtime_ns
    assert theirs.stat().st_mtime_ns == before
    assert set_back([made, tmp_path / "no such folder"], now) == 0
