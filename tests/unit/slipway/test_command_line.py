"""Wrong usage and missing deployments end with a sentence, never a traceback."""

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from slipway.__main__ import main
from slipway.commands import doctor
from slipway.console import counted
from slipway.reading.executions import Step


def test_no_running_embedded_aws_is_told_with_the_next_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["query", "select 1"]) == 1
    assert "slipway up" in capsys.readouterr().err


def test_a_file_that_is_not_there_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["upload", "--dataset", "sales_records", "nowhere.csv"]) == 1
    assert "nowhere.csv is not a file" in capsys.readouterr().err


def test_a_name_that_intake_ignores_is_refused_before_anything_is_sent(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "orders.csv.tmp"
    file.write_bytes(b"x")
    assert main(["upload", "--dataset", "sales_records", str(file)]) == 1
    told = capsys.readouterr().err
    assert "orders.csv.tmp is a temporary name" in told
    assert "rename it to end with .csv or .csv.gz" in told


def test_an_unknown_dataset_is_named_with_the_known_ones(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["runs", "list", "--dataset", "nope"]) == 1
    message = capsys.readouterr().err
    assert "'nope'" in message
    assert "sales_records" in message


def test_an_unknown_command_is_wrong_usage() -> None:
    with pytest.raises(SystemExit) as ended:
        main(["dance"])
    assert ended.value.code == 2


def test_a_refusal_of_aws_is_a_sentence_and_a_mistake_of_ours_is_not(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(_options: object) -> int:
        raise ClientError({"Error": {"Code": "AccessDenied", "Message": "not allowed"}}, "GetItem")

    monkeypatch.setattr(doctor, "run", refuse)
    assert main(["doctor"]) == 1
    assert "AccessDenied" in capsys.readouterr().err

    def mistaken(_options: object) -> int:
        raise KeyError("mistake")

    monkeypatch.setattr(doctor, "run", mistaken)
    with pytest.raises(KeyError):
        main(["doctor"])


def test_parsing_imports_nothing_heavy() -> None:
    script = "import sys, slipway.__main__ as m; m.build_parser(); print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    ).stdout.split()
    assert not {
        "boto3",
        "botocore",
        "pandas",
        "awswrangler",
        "paramiko",
        "rich",
        "local_cloud",
    } & set(loaded)


def test_numbers_and_their_things_agree() -> None:
    assert [counted(number, "file") for number in (0, 1, 1200)] == [
        "0 files",
        "1 file",
        "1,200 files",
    ]


def test_steps_that_only_steer_are_not_told() -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    steps = [
        Step(execution="e", name="s", entered_at=start, seconds=seconds)
        for seconds in (None, 0.01, 2.0)
    ]
    assert [step.takes_time for step in steps] == [False, False, True]
