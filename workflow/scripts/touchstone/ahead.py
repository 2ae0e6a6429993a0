"""Work that threads do while the next of it is read."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Job, Result = TypeVar("Job"), TypeVar("Result")
AHEAD = 64_000_000  # bytes that are read before they can be worked on


def ahead(
    work: Callable[[Job], Result], jobs: Iterable[Job], threads: int, size: Callable[[Job], int]
) -> Iterator[tuple[Job, Result]]:
    """``(job, work(job))`` in the order of ``jobs``, of which some are in work while the next is read.

    Args:
        threads: Jobs in work at the same time; 1 works on each when it is asked for.
        size: Bytes that a job holds. Of many or large ones few are read ahead.
    """
    if threads == 1:
        yield from ((job, work(job)) for job in jobs)
        return
    waiting: deque[tuple[Job, Future]] = deque()
    n_bytes = 0
    with ThreadPoolExecutor(threads) as pool:
        for job in jobs:
            waiting.append((job, pool.submit(work, job)))
            n_bytes += size(job)
            while len(waiting) > 4 * threads or n_bytes > AHEAD:
                job, future = waiting.popleft()
                n_bytes -= size(job)
                yield job, future.result()
        for job, future in waiting:
            yield job, future.result()
