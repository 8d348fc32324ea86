"""What each adapter decides, without the emulator running."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from local_cloud import keys, patching
from local_cloud.adapters import service_roles
from local_cloud.adapters.glue import permissions as glue_permissions


def test_a_moved_private_name_stops_the_start() -> None:
    with pytest.raises(patching.EmulatorChanged, match=r"ministack\.services\.glue\._no_such_name"):
        patching.replace("ministack.services.glue", "_no_such_name", lambda original: original)


@pytest.mark.parametrize(
    ("operation", "request_body", "resource"),
    [
        ("GetDatabase", {"Name": "db"}, "database/db"),
        ("GetDatabases", {}, "catalog"),
        ("GetTable", {"DatabaseName": "db", "Name": "t"}, "table/db/t"),
        ("GetTables", {"DatabaseName": "db"}, "table/db/*"),
        ("UpdateTable", {"DatabaseName": "db", "TableInput": {"Name": "t"}}, "table/db/t"),
        ("BatchCreatePartition", {"DatabaseName": "db", "TableName": "t"}, "table/db/t"),
        ("StartJobRun", {"JobName": "j"}, "job/j"),
        ("StartCrawler", {"Name": "c"}, "crawler/c"),
    ],
)
def test_a_glue_call_is_checked_on_its_own_resource(
    operation: str, request_body: dict[str, object], resource: str
) -> None:
    assert glue_permissions.resource(operation, request_body) == resource


def test_a_table_needs_its_database_and_the_catalog_too() -> None:
    arn = "arn:aws:glue:us-east-1:000000000000:"
    assert glue_permissions.ancestors(f"{arn}table/db/t") == [f"{arn}database/db", f"{arn}catalog"]
    assert glue_permissions.ancestors(f"{arn}database/db") == [f"{arn}catalog"]
    assert glue_permissions.ancestors(f"{arn}job/j") == []


def test_a_synchronous_glue_task_needs_to_watch_and_to_stop() -> None:
    needed = service_roles.task_permissions(
        "arn:aws:states:::glue:startJobRun.sync", {"JobName": "j"}
    )
    assert {action for action, _ in needed} == {
        "glue:StartJobRun",
        "glue:GetJobRun",
        "glue:GetJobRuns",
        "glue:BatchStopJobRun",
    }
    assert {arn for _, arn in needed} == {"arn:aws:glue:us-east-1:000000000000:job/j"}


def test_a_task_of_unknown_needs_is_refused() -> None:
    with pytest.raises(NotImplementedError, match="athena:startQueryExecution"):
        service_roles.task_permissions("arn:aws:states:::athena:startQueryExecution.sync", {})


def test_only_the_owner_reads_the_private_key(tmp_path: Path) -> None:
    keys.make(tmp_path)
    assert (tmp_path / keys.PRIVATE_KEY).stat().st_mode & 0o077 == 0
    assert (tmp_path / keys.PUBLIC_KEY).read_text().startswith("ssh-ed25519 AAAA")


def test_a_command_ends_with_its_starter() -> None:
    code = "import os, time; print(os.getpid(), flush=True); time.sleep(60)"
    held = subprocess.Popen(
        [sys.executable, "-m", "local_cloud.lifeline", sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert held.stdin
    assert held.stdout
    command_pid = int(held.stdout.readline())
    held.stdin.close()
    assert held.wait(10) == 128 + signal.SIGKILL
    for _ in range(50):
        if not Path(f"/proc/{command_pid}").exists():
            break
        time.sleep(0.1)
    with pytest.raises(ProcessLookupError):
        os.kill(command_pid, 0)


def test_the_exit_code_of_a_command_is_its_own() -> None:
    command = [
        sys.executable,
        "-m",
        "local_cloud.lifeline",
        sys.executable,
        "-c",
        "raise SystemExit(7)",
    ]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as held:
        assert held.wait(10) == 7
