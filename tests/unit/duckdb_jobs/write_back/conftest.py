"""A real PostgreSQL per process, a database of its own per test, and a small lake beside it."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from local_cloud.postgres import PREFIX, Postgres, install
from tests.unit.duckdb_jobs.small_lake import SmallLake
from tests.unit.duckdb_jobs.write_back.bench import Bench, make_database, make_master

_NUMBERS = itertools.count(1)


@pytest.fixture(scope="session")
def server() -> Iterator[Postgres]:
    with tempfile.TemporaryDirectory(prefix=PREFIX) as folder:
        started = install(Path(folder)).start()
        make_master(started)
        yield started
        started.kill()  # dozens of databases would be written out in good order, for nobody


@pytest.fixture
def bench(server: Postgres, tmp_path: Path) -> Bench:
    name = f"internal{next(_NUMBERS)}"
    make_database(server, name)
    return Bench(server=server, database=name, lake=SmallLake(folder=tmp_path))
