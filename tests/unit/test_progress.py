"""progress.py: lines that read well, seldom, and never false."""

from __future__ import annotations

import io

import pytest

from touchstone.progress import Progress, clock, size


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0:00"), (9.4, "0:09"), (59.6, "1:00"), (75, "1:15"), (3599, "59:59"), (3700, "1:01:40"), (400_000, "111:06:40")],
)
def test_clock(seconds, text):
    assert clock(seconds) == text


@pytest.mark.parametrize(
    ("n_bytes", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (1_500_000, "1.5 MB"),
        (123_456_789, "123 MB"),
        (2e9, "2.0 GB"),
        (5e15, "5000 TB"),
    ],
)
def test_size(n_bytes, text):
    assert size(n_bytes) == text


def lines(progress: Progress) -> list[str]:
    return progress.streams[0].getvalue().splitlines()


def due(progress: Progress, seconds: float) -> None:
    """Let the job have begun ``seconds`` ago, as if the clock had run."""
    progress.started -= seconds
    progress._next = progress.started


def test_a_short_job_prints_only_its_end(progress):
    progress.start(3, "images")
    for _ in range(3):
        progress.advance()
    assert lines(progress) == []
    progress.finish("one was rejected")
    (line,) = lines(progress)
    assert line.split() == ["test", "unit", "3", "of", "3", "images", "0:00", "one", "was", "rejected"]


def test_a_long_job_says_how_far_it_is_how_fast_and_how_long_yet(progress):
    progress.start(1000, "images")
    due(progress, 10)
    progress.advance(250)
    (line,) = lines(progress)
    assert "250 of 1,000 images" in line
    assert "25.0/s" in line
    assert "0:30 left" in line
    progress.advance(250)
    assert len(lines(progress)) == 1  # seldom


def test_what_was_there_already_counts_as_done_but_not_as_speed(progress):
    progress.start(1000, "images", done=900)
    due(progress, 10)
    progress.advance(50)
    (line,) = lines(progress)
    assert "950 of 1,000" in line
    assert "5.0/s" in line
    assert "0:10 left" in line


def test_bytes_are_told_as_sizes(progress):
    progress.start(3_000_000, "bytes")
    due(progress, 1)
    progress.advance(1_500_000)
    assert "1.5 MB of 3.0 MB" in lines(progress)[0]


def test_an_unknown_total_claims_neither_end_nor_time(progress):
    progress.start(0)
    due(progress, 10)
    progress.advance(5000)
    (line,) = lines(progress)
    assert "5,000 items" in line
    assert "? left" in line
    assert "done" not in line
    progress.finish()
    assert "5,000 items" in lines(progress)[1]


def test_an_unknown_total_of_bytes(progress):
    progress.start(0, "bytes")
    progress.advance(2_000_000)
    progress.finish()
    assert "2.0 MB  " in lines(progress)[0]
    assert " of " not in lines(progress)[0]


def test_a_job_without_things_to_count_is_done(progress):
    progress.finish("3 file(s)")
    assert lines(progress)[0].split() == ["test", "unit", "done", "0:00", "3", "file(s)"]


def test_every_stream_gets_every_line():
    streams = (io.StringIO(), io.StringIO())
    progress = Progress("take", "mine/real-00001", streams=streams)
    progress.say("hello")
    assert streams[0].getvalue() == streams[1].getvalue()
    assert streams[0].getvalue().split() == ["take", "mine/real-00001", "hello"]
