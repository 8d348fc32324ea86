"""A write-back that ends at any of its statements leaves the table as before or as after, and the next one is right.

Ended is the function, whose connection breaks; or the server, by SIGKILL, which is started again. Before and after
each statement.
"""

from __future__ import annotations

import os
import signal
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest

from contracts.errors import RetryableError
from duckdb_jobs.write_back.sessions import Session
from local_cloud.postgres import PREFIX, SUPERUSER, Installed, install
from tests.unit.duckdb_jobs.small_lake import Killed
from tests.unit.duckdb_jobs.write_back.bench import (
    Bench,
    Side,
    connect,
    make_database,
    make_master,
    number,
)
from tests.unit.duckdb_jobs.write_back.test_write_back import FIRST

SIDES: tuple[Side, ...] = get_args(Side)


@pytest.fixture
def two_runs(bench: Bench) -> Bench:
    """The database has the first run, the lake the second."""
    return with_two_runs(bench)


def with_two_runs(bench: Bench) -> Bench:
    bench.lake.run("r1", *FIRST)
    bench.write_back("r1")
    bench.lake.run("r2", (2, "2024-01-06", "paid", "21.00"), (4, "2024-01-09", "open", "1.00"))
    return bench


def copy_of(bench: Bench, name: str) -> Bench:
    """The same lake, and a copy of the database as it is now."""
    with connect(bench.server, SUPERUSER) as connection:
        connection.execute(f"create database {name} template {bench.database}")  # type: ignore[call-overload]
    return replace(bench, database=name, made=[])


def statements_of(bench: Bench) -> int:
    """How many a whole write-back has."""
    whole = copy_of(bench, f"{bench.database}_whole")
    whole.write_back("r2")
    return len(whole.made)


def end_function(session: Session) -> None:
    session.connection.pgconn.finish()
    raise Killed("the function ended here")


def test_a_function_that_ends_at_any_statement_loses_and_doubles_nothing(two_runs: Bench) -> None:
    before, after = two_runs.there(), two_runs.here()
    assert before != after
    seen = []
    for at in range(1, statements_of(two_runs) + 1):
        for side in SIDES:
            copy = copy_of(two_runs, f"{two_runs.database}_{at}_{side}")
            with pytest.raises(Killed):
                copy.write_back("r2", act=end_function, at=number(at), side=side)
            where = (at, side, copy.made[-1])
            assert copy.there() in (before, after), where
            seen.append(copy.there() == after)
            told = copy.write_back("r2")
            assert copy.there() == after, where
            # Whichever attempt wrote them, they are told as the run's.
            assert told is not None, where
            assert (told.mode, told.loaded_rows) == ("periods", 2), where
    # Written by the last of them alone, once the server has it.
    assert seen == [False] * (len(seen) - 1) + [True]


@pytest.fixture
def killable() -> Iterator[Installed]:
    """A server of this test alone, since it is killed."""
    with tempfile.TemporaryDirectory(prefix=PREFIX) as folder:
        yield install(Path(folder), settings={"synchronous_commit": "on"})


@pytest.mark.deep
def test_a_server_that_is_killed_at_any_statement_loses_and_doubles_nothing(
    killable: Installed, bench: Bench
) -> None:
    server = killable.start()
    make_master(server)
    make_database(server, "internal")
    ours = with_two_runs(replace(bench, server=server, database="internal"))
    either, last = (ours.there(), ours.here()), statements_of(ours)
    seen = []
    for at in range(1, last + 1):
        for side in SIDES:
            copy = copy_of(ours, f"internal_{at}_{side}")
            is_last = (at, side) == (last, "after")
            seen.append(killed_at(copy, killable, at, side, either, is_last=is_last))
            ours = replace(ours, server=copy.server)
    assert seen == [False] * (len(seen) - 1) + [True]
    ours.server.stop()


def killed_at(
    copy: Bench,
    killable: Installed,
    at: int,
    side: Side,
    either: tuple[object, object],
    *,
    is_last: bool,
) -> bool:
    """Kill the server there, start it again and write back; whether the first attempt had written."""

    def kill(session: Session) -> None:
        # Its own processes notice the death of the first one only when they have nothing to do.
        os.kill(session.connection.info.backend_pid, signal.SIGKILL)
        copy.server.kill()

    if is_last:
        copy.write_back("r2", act=kill, at=number(at), side=side)  # nothing follows it
    else:
        with pytest.raises(RetryableError, match="ended the connection"):
            copy.write_back("r2", act=kill, at=number(at), side=side)
    copy.server = killable.start()
    assert copy.there() in either, (at, side)
    was_written = copy.there() == either[1]
    copy.write_back("r2")
    assert copy.there() == either[1], (at, side)
    return was_written
