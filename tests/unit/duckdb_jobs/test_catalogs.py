"""Tables in the Glue Data Catalog and S3, as moto keeps them: what a request says, and where files lie."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import duckdb
import pytest
from moto import mock_aws

from duckdb_jobs.tables.catalogs import GlueTables
from duckdb_jobs.tables.file_io import TableFiles
from duckdb_jobs.tables.iceberg_tables import DuckDbTables
from duckdb_jobs.tables.local_files import LocalFiles
from rows.tables import Table
from tests.table_operations import JANUARY, Operated, numbers
from tests.unit.duckdb_jobs.conftest import held, relation

BUCKET = "tables-of-a-test"
TABLE: Table = replace(
    numbers("test"), location=f"s3://{BUCKET}/tables/numbers", properties={"slipway.x": "1"}
)


@pytest.fixture(autouse=True)
def _aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws():
        boto3.client("s3").create_bucket(Bucket=BUCKET)
        boto3.client("glue").create_database(DatabaseInput={"Name": TABLE.database})
        yield


@pytest.fixture
def operated(database: duckdb.DuckDBPyConnection, tmp_path: Path) -> Operated:
    """A table in S3."""
    tables = DuckDbTables(database, GlueTables(), LocalFiles(tmp_path, 10**6))
    tables.ensure(TABLE, may_evolve=False)
    return Operated(
        tables=tables,
        table=TABLE,
        rows=relation,
        held=lambda rows: held(database, rows),
        delete_published=lambda condition: tables.delete(TABLE, "main", condition),
    )


def entry() -> dict[str, Any]:
    """The table as the catalog describes it."""
    found: dict[str, Any] = boto3.client("glue").get_table(
        DatabaseName=TABLE.database, Name=TABLE.name
    )["Table"]
    return found


@pytest.mark.usefixtures("operated")
def test_each_metadata_file_is_fetched_once_whatever_is_done_to_its_table(
    database: duckdb.DuckDBPyConnection,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fetched, fetch = list[str](), TableFiles._fetched

    def noted(files: TableFiles, location: str) -> bytes:
        fetched.append(location)
        return fetch(files, location)

    monkeypatch.setattr(TableFiles, "_fetched", noted)
    tables = DuckDbTables(database, GlueTables(), LocalFiles(tmp_path / "more", 10**6))
    tables.start_draft(TABLE, "run_1")
    for number in (1, 2):
        tables.append(TABLE, "run_1", relation([(number, JANUARY)]))
        held(database, tables.read(TABLE, draft="run_1"))
    assert len(fetched) == 1  # what the other process left; all else was written here


def test_rows_go_to_s3_and_come_back_in_another_process(
    operated: Operated, tmp_path: Path, database: duckdb.DuckDBPyConnection
) -> None:
    operated.load([(1, JANUARY)], "run_a")
    files = LocalFiles(tmp_path / "other", 10**6)
    other = DuckDbTables(database, GlueTables(), files)
    assert held(database, other.read(TABLE)) == [(1, JANUARY)]
    assert files.bytes_read > 0
    listed = boto3.client("s3").list_objects_v2(Bucket=BUCKET)["Contents"]
    data = [found["Key"] for found in listed if found["Key"].endswith(".parquet")]
    assert len(data) == 1
    assert data[0].startswith("tables/numbers/data/day_month=2024-01/00000-0-")


def test_a_table_is_described_by_its_comment_before_and_after_a_commit(operated: Operated) -> None:
    made = entry()
    foreign = {"of": "somebody else"}
    boto3.client("glue").update_table(
        DatabaseName=TABLE.database,
        TableInput={
            "Name": TABLE.name,
            "StorageDescriptor": made["StorageDescriptor"],
            "Parameters": made["Parameters"] | foreign,
        },
    )
    operated.load([(1, JANUARY)], "run_a")
    changed = entry()
    for found in (made, changed):
        assert found["Description"] == "Numbers by month."
        assert found["StorageDescriptor"]["Location"] == TABLE.location
        assert [
            (column["Name"], column["Type"], column["Comment"])
            for column in found["StorageDescriptor"]["Columns"]
        ] == [("number", "int", "A number."), ("day", "date", "Its day.")]
    assert set(made["Parameters"]) == {"table_type", "metadata_location"}
    assert set(changed["Parameters"]) == {
        *made["Parameters"],
        *foreign,
        "previous_metadata_location",
    }


def test_metadata_files_are_read_written_and_deleted(tmp_path: Path) -> None:
    files = TableFiles()
    for place in (f"s3://{BUCKET}/a/b", str(tmp_path / "a" / "b"), f"file://{tmp_path}/c/d"):
        output = files.new_output(place)
        assert not output.exists()
        with output.create() as stream:
            stream.write(b"content")
        with pytest.raises(FileExistsError):
            output.create()
        for reader in (files, TableFiles()):
            read = reader.new_input(place)
            assert (read.exists(), len(read), read.open().read()) == (True, 7, b"content")
        files.delete(place)
        assert not files.new_input(place).exists()
        with pytest.raises(FileNotFoundError):
            files.new_input(place).open()


def test_a_file_is_not_written_when_its_writer_fails(tmp_path: Path) -> None:
    output = TableFiles().new_output(str(tmp_path / "half"))

    def write() -> None:
        with output.create() as stream:
            stream.write(b"half of")
            raise KeyError

    with pytest.raises(KeyError):
        write()
    assert not output.exists()
