"""An erased person is gone from the internal database after the next write-back, by the job that erases on AWS."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from duckdb_jobs.write_back.lake import LakeTable
from duckdb_jobs.write_back.run import WriteBack
from duckdb_jobs.write_back.sessions import connected
from duckdb_jobs.write_back.statements import target
from duckdb_jobs.write_back.users import WRITER
from local_cloud.postgres import PREFIX, Postgres, install
from pipeline.run_documents import DatabaseTable
from tests.spark.keeping import ANNA, BERTA, FIRST, SECOND, KeptLake
from tests.spark.lake import Lake, second_engine
from tests.unit.duckdb_jobs.write_back.bench import (
    connect,
    login_as,
    make_database,
    make_master,
)

DATABASE = "internal"


@pytest.fixture
def server() -> Iterator[Postgres]:
    with tempfile.TemporaryDirectory(prefix=PREFIX) as folder:
        started = install(Path(folder)).start()
        make_master(started)
        make_database(started, DATABASE)
        yield started
        started.kill()


def write_back(kept: KeptLake, server: Postgres, run_id: str) -> DatabaseTable | None:
    to = target(kept.contract, kept.processed)
    with (
        second_engine(kept) as tables,
        tempfile.TemporaryDirectory() as folder,
        connected(
            login_as(WRITER, server, DATABASE), clock=time.monotonic, sleep=time.sleep
        ) as session,
    ):
        lake = LakeTable(
            tables=tables,
            table=kept.processed,
            money=to.money,
            folder=Path(folder),
            part_bytes=10**9,
        )
        return WriteBack(target=to, run_id=run_id, lake=lake, session=session).run()


def in_silver(server: Postgres) -> list[tuple[int, str]]:
    with connect(server, DATABASE) as connection:
        query = "select order_id, customer from silver.orders order by 1"
        return [(int(order), str(person)) for order, person in connection.execute(query)]


@pytest.mark.deep
def test_an_erased_person_is_gone_from_silver_after_the_next_write(
    lake: Lake, server: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = KeptLake(spark=lake.spark, folder=lake.folder, environment=lake.environment)
    kept.keep_documents_here(monkeypatch)
    kept.fill(FIRST, (1, "2024-01-01", "10.00"), (2, "2023-12-01", "1.00"))
    kept.fill(SECOND, (3, "2024-01-01", "5.00"), (4, "2024-02-01", "7.00"), customer=BERTA)
    write_back(kept, server, FIRST)
    assert in_silver(server) == [(1, ANNA), (2, ANNA), (3, BERTA), (4, BERTA)]
    kept.erase()
    written = write_back(kept, server, SECOND)
    assert in_silver(server) == [(3, BERTA), (4, BERTA)]
    assert written is not None
    assert (written.removed_rows, written.rows) == (2, 2)
