"""A real PostgreSQL per process, a database of its own per test, and a small lake beside it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from local_cloud.postgres import SUPERUSER, Postgres, running
from tests.unit.duckdb_jobs.small_lake import SmallLake
from tests.unit.duckdb_jobs.write_back.bench import HOST, Bench, connect

_NUMBERS = itertools.count(1)


@pytest.fixture(scope="session")
def server() -> Iterator[Postgres]:
    with running() as started:
        yield started


@pytest.fixture
def bench(server: Postgres, tmp_path: Path) -> Bench:
    name = f"internal{next(_NUMBERS)}"
    with connect(server, SUPERUSER) as connection:
        connection.execute(f"create database {name}")
    return Bench(server=server, database=name, host=HOST, lake=SmallLake(folder=tmp_path))
