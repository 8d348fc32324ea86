"""Wrong usage and missing deployments end with a sentence, never a traceback."""

from pathlib import Path

import pytest

from slipway.__main__ import main


def test_no_running_embedded_aws_is_told_with_the_next_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["query", "select 1"]) == 1
    assert "slipway up" in capsys.readouterr().err


def test_a_file_that_is_not_there_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["upload", "--dataset", "sales_records", "nowhere.csv"]) == 1
    assert "nowhere.csv is not a file" in capsys.readouterr().err


def test_an_unknown_dataset_is_named_with_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["runs", "list", "--dataset", "nope"]) == 1
    message = capsys.readouterr().err
    assert "'nope'" in message
    assert "sales_records" in message


def test_an_unknown_command_is_wrong_usage() -> None:
    with pytest.raises(SystemExit) as ended:
        main(["dance"])
    assert ended.value.code == 2
