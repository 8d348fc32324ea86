"""The folder of an invocation is empty when it begins and gone when it ends, however it ends."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import duckdb
import pytest

from contracts.errors import NeedsSpark, PermanentError
from duckdb_jobs.database import open_database
from duckdb_jobs.workspace import PREFIX, workspace


@pytest.fixture(autouse=True)
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The /tmp of the function."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_what_an_invocation_writes_is_gone_afterwards(disk: Path) -> None:
    with workspace() as folder:
        assert tempfile.gettempdir() == str(folder)
        assert Path(tempfile.mkdtemp()).parent == folder
        (folder / "rows.parquet").write_text("a person")
        assert folder.stat().st_mode & 0o077 == 0
    assert list(disk.iterdir()) == []
    assert tempfile.gettempdir() == str(disk)


def fail_with_rows_on_disk() -> None:
    with workspace() as folder:
        (folder / "rows.parquet").write_text("a person")
        raise PermanentError("no")


def test_it_is_gone_after_a_failure_too(disk: Path) -> None:
    with pytest.raises(PermanentError, match="no"):
        fail_with_rows_on_disk()
    assert list(disk.iterdir()) == []


def test_what_a_process_that_ran_out_of_time_left_is_removed_first(disk: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", "pass"])
    ended.wait()
    for process in (ended.pid, os.getpid()):
        left = disk / f"{PREFIX}{process}" / "rows.parquet"
        left.parent.mkdir()
        left.write_text("a person")
    with workspace() as folder:
        assert list(folder.iterdir()) == []
        assert list(disk.iterdir()) == [folder]


def test_what_another_process_works_on_stays(disk: Path) -> None:
    """The embedded AWS runs its functions side by side on one disk; Lambda gives each its own."""
    other = disk / f"{PREFIX}{os.getppid()}"
    other.mkdir()
    with workspace():
        assert other.is_dir()


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (MemoryError("no more"), "memory of the function did not suffice: no more"),
        (duckdb.OutOfMemoryException("3.0 GB"), "memory of the function did not suffice: 3.0 GB"),
        (OSError(errno.ENOSPC, "full"), "disk of the function did not suffice"),
        (duckdb.IOException("write: No space left on device"), "disk of the function did not"),
    ],
)
def test_lack_of_memory_or_disk_is_work_for_spark(error: Exception, told: str) -> None:
    with pytest.raises(NeedsSpark, match=told), workspace():
        raise error


@pytest.mark.parametrize("error", [OSError(errno.EACCES, "no"), duckdb.IOException("broken file")])
def test_another_fault_of_the_disk_stays_what_it_is(error: Exception) -> None:
    with pytest.raises(type(error)) as raised, workspace():
        raise error
    assert raised.value is error


@pytest.mark.usefixtures("disk")
@pytest.mark.parametrize(
    ("expression", "text", "value"),
    [
        ("lower(t)", "ÀΩ b", "àω b"),
        ("upper(t)", "straß", None),
        ("lower(t)", "ΟΔΟΣ", None),
        ("lower(t)", "İzmir", None),
        ("upper(t)", "é ij", "É IJ"),
        ("trim(t)", " a\u00a0 ", "a\u00a0"),
        ("trim(both 'x' from t)", "xax", "a"),
    ],
)
def test_a_text_function_of_a_rule_gives_what_spark_gives_or_leaves_the_batch_to_spark(
    expression: str, text: str, value: str | None
) -> None:
    def asked() -> str:
        with workspace() as folder, open_database(folder, 1 << 28) as database:
            query = f"SELECT {expression} FROM (SELECT ?::varchar AS t)"
            (found,) = database.execute(query, [text]).fetchone() or ("nothing",)
            return str(found)

    if value is not None:
        assert asked() == value
    else:
        with pytest.raises(NeedsSpark, match=r"^(lower|upper) of a text with a letter") as refused:
            asked()
        assert text not in str(refused.value)  # it may be a person's


@pytest.mark.usefixtures("disk")
def test_another_mistake_in_a_query_stays_what_it_is() -> None:
    with pytest.raises(duckdb.InvalidInputException), workspace():
        raise duckdb.InvalidInputException("something else")
