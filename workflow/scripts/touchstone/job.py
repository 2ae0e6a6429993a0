"""What every rule's script does around its one function: log, progress, readable errors."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from touchstone.errors import TouchstoneError
from touchstone.memory import keep_freed_memory
from touchstone.progress import Progress


@contextmanager
def job(log: str, step: str, subject: str = "") -> Iterator[Progress]:
    """Run the body as one job: progress to terminal and ``log``, errors as a message.

    A ``TouchstoneError`` or a full disk is printed as its message and ends the process with
    status 1; of anything else the terminal gets one line and the log the traceback.
    """
    keep_freed_memory()
    Path(log).parent.mkdir(parents=True, exist_ok=True)
    with open(log, "w", encoding="utf-8") as stream:
        progress = Progress(step, subject, streams=(sys.stderr, stream))
        try:
            yield progress
        except (TouchstoneError, OSError) as error:
            traceback.print_exc(file=stream)
            message = str(error) if isinstance(error, TouchstoneError) else f"{type(error).__name__}: {error}"
            print(f"\n{step} {subject}: {message}\n", file=sys.stderr, flush=True)
            sys.exit(1)
        except Exception as error:
            traceback.print_exc(file=stream)
            print(
                f"\n{step} {subject}: stopped by {type(error).__name__}: {error}\n"
                f"  where: the traceback is in {log}\n"
                "  mend:  this is a defect of Touchstone; please report it with that log\n",
                file=sys.stderr,
                flush=True,
            )
            sys.exit(1)
