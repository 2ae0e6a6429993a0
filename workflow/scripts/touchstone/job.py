"""What every rule's script does around its one function: log, progress, readable errors."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

from touchstone.alone import at_work
from touchstone.damage import damaged_table
from touchstone.errors import TouchstoneError, out_of_memory, refused_by_system
from touchstone.memory import keep_freed_memory
from touchstone.progress import Progress


@contextmanager
def job(log: str, step: str, subject: str = "") -> Iterator[Progress]:
    """Run the body as one job: progress to terminal and ``log``, errors as a message.

    A ``TouchstoneError`` or what the system refuses is printed as its message and ends the process with
    status 1; of anything else the terminal gets one line and the log the traceback.
    """
    at_work()
    keep_freed_memory()
    try:
        Path(log).parent.mkdir(parents=True, exist_ok=True)
        stream = open(log, "w", encoding="utf-8")  # noqa: SIM115 - closed below, where a full disk may object
    except OSError as error:
        _stop(f"{step} {subject}: {_told(error, log)}")
    try:
        yield Progress(step, subject, streams=(sys.stderr, stream))
    except (TouchstoneError, OSError, MemoryError) as error:
        _note_traceback(stream)
        _stop(f"{step} {subject}: {_told(error, log)}")
    except Exception as error:
        _note_traceback(stream)
        if damaged := damaged_table(error):
            _stop(f"{step} {subject}: {damaged}")
        _stop(
            f"{step} {subject}: stopped by {type(error).__name__}: {error}\n"
            f"  where: the traceback is in {log}\n"
            "  mend:  this is a defect of Touchstone; please report it with that log"
        )
    finally:
        with suppress(OSError):
            stream.close()


def _told(error: TouchstoneError | OSError | MemoryError, log: str) -> str:
    if isinstance(error, TouchstoneError):
        return str(error)
    where = f"the traceback is in {log}"
    if isinstance(error, MemoryError):
        return str(out_of_memory(where))
    told = refused_by_system(error, where) or damaged_table(error)
    return str(told or TouchstoneError(f"{type(error).__name__}: {error}", where))


def _note_traceback(stream: TextIO) -> None:
    with suppress(OSError):  # the log may lie on the disk that is full
        traceback.print_exc(file=stream)


def _stop(message: str) -> None:
    print(f"\n{message}\n", file=sys.stderr, flush=True)
    sys.exit(1)
