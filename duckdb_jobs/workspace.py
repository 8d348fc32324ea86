"""The folder of one invocation: personal data is on this disk only while the invocation works.

A function that runs out of time gets no chance to tidy up, and Lambda may give its disk to the next
invocation. So each begins by removing what processes left that are dead, and ends with an empty folder.
"""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from contracts.errors import NeedsSpark
from duckdb_jobs.database import FOR_SPARK

PREFIX = "slipway-duckdb-"  # followed by the id of the process that works there


@contextmanager
def workspace() -> Iterator[Path]:
    """An empty folder, and the one in which `tempfile` makes its own meanwhile; gone afterwards.

    Raises NeedsSpark when memory or disk did not suffice for the work, or DuckDB would do it otherwise.
    """
    before, parent = tempfile.tempdir, Path(tempfile.gettempdir())
    _clear(parent)
    folder = parent / f"{PREFIX}{os.getpid()}"
    folder.mkdir(mode=0o700)
    tempfile.tempdir = str(folder)
    try:
        yield folder
    except (MemoryError, duckdb.OutOfMemoryException) as error:
        raise NeedsSpark(f"the memory of the function did not suffice: {error}") from error
    except (OSError, duckdb.IOException) as error:
        if not _is_full(error):
            raise
        raise NeedsSpark(f"the disk of the function did not suffice: {error}") from error
    except duckdb.InvalidInputException as error:
        _, marked, sentence = str(error).partition(FOR_SPARK)
        if not marked:
            raise
        raise NeedsSpark(sentence) from error
    finally:
        tempfile.tempdir = before
        shutil.rmtree(folder)


def _clear(parent: Path) -> None:
    """Remove the folders of this process and of those that are no more; others on this machine are at work."""
    for folder in parent.glob(f"{PREFIX}*"):
        process = int(folder.name.removeprefix(PREFIX))
        if process == os.getpid() or not _is_alive(process):
            shutil.rmtree(folder)


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # somebody else's
        return True
    return True


def _is_full(error: OSError | duckdb.IOException) -> bool:
    """DuckDB gives the operating system's words, Python its number."""
    words = os.strerror(errno.ENOSPC)
    return getattr(error, "errno", None) == errno.ENOSPC or words in str(error)
