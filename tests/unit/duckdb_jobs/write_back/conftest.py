"""A real PostgreSQL per process, a database of its own per test, and a small lake beside it."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from local_cloud.postgres import PREFIX, SUPERUSER, Postgres, install
from tests.unit.duckdb_jobs.small_lake import SmallLake
from tests.unit.duckdb_jobs.write_back.bench import HOST, Bench, connect

_NUMBERS = itertools.count(1)


@pytest.fixture(scope="session")
def server() -> Iterator[Postgres]:
    with tempfile.TemporaryDirectory(prefix=PREFIX) as folder:
        started = install(Path(folder)).start()
        yield started
        started.kill()  # dozens of databases would be written out in good order, for nobody


@pytest.fixture
def bench(server: Postgres, tmp_path: Path) -> Bench:
    name = f"internal{next(_NUMBERS)}"
    with connect(server, SUPERUSER) as connection:
        connection.execute(f"create database {name}")
    return Bench(server=server, database=name, host=HOST, lake=SmallLake(folder=tmp_path))
