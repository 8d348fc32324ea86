"""Who may type what: commands work under the role they are for; under another AWS refuses them, and they say so.

It comes after test_smoke and finds the file that it left.
"""

from __future__ import annotations

import boto3
import pytest

from slipway.__main__ import main as command
from slipway.reading import ledgers
from tests.end_to_end.people import ANALYST, AUDITOR, OPERATOR, PARTNER_MANAGER, acting_as
from tests.end_to_end.pipeline import DATASET, Pipeline

FILES, RUNS = ["files", "list"], ["runs", "list"]
START = ["runs", "start", "--dataset", DATASET]
QUERY = ["query", "select 1"]
ALERTS = ["alerts"]
SMOKE = "smoke_"  # begins the name of the file that test_smoke sent


@pytest.mark.usefixtures("pipeline")
@pytest.mark.parametrize(
    ("role", "arguments"),
    [
        (OPERATOR, FILES),
        (OPERATOR, RUNS),
        (OPERATOR, ALERTS),
        (OPERATOR, QUERY),
        (ANALYST, QUERY),
        (OPERATOR, ["redrive", "--plan"]),
        (OPERATOR, ["runs", "release", "--dataset", DATASET]),
        (AUDITOR, FILES),
        (AUDITOR, RUNS),
        (AUDITOR, ALERTS),
        (PARTNER_MANAGER, FILES),
    ],
)
def test_a_command_works_under_a_role_that_may(role: str, arguments: list[str]) -> None:
    with acting_as(role):
        assert command(arguments) == 0


@pytest.mark.usefixtures("pipeline")
@pytest.mark.parametrize(
    ("role", "arguments", "refused"),
    [
        (ANALYST, FILES, "dynamodb:Query"),
        (ANALYST, START, "states:StartExecution"),
        (AUDITOR, QUERY, "athena:"),
        (AUDITOR, START, "states:StartExecution"),
        (PARTNER_MANAGER, RUNS, "dynamodb:Query"),
        (PARTNER_MANAGER, START, "states:StartExecution"),
        (PARTNER_MANAGER, QUERY, "athena:"),
    ],
)
def test_a_command_is_refused_under_a_role_that_may_not(
    capsys: pytest.CaptureFixture[str],
    role: str,
    arguments: list[str],
    refused: str,
) -> None:
    with acting_as(role):
        assert command(arguments) == 1
    assert f"is not authorized to perform: {refused}" in capsys.readouterr().err


def test_an_operator_decides_about_a_file(
    pipeline: Pipeline, capsys: pytest.CaptureFixture[str]
) -> None:
    [left] = [
        each for each in ledgers.files(pipeline.deployment, DATASET) if SMOKE in each.file_name
    ]
    with acting_as(OPERATOR):
        assert command(["files", "show", left.sha256]) == 0
        assert command(["files", "release", left.sha256]) == 0
        assert command(["files", "set-aside", left.sha256, "--reason", "of the smoke test"]) == 0
        command(["doctor"])
    assert "of the smoke test" in capsys.readouterr().out
    assert pipeline.file(left.sha256).status == "set_aside"


@pytest.mark.parametrize("role", [ANALYST, OPERATOR, AUDITOR, PARTNER_MANAGER])
def test_nobody_deletes_what_partners_sent_or_what_was_loaded(
    pipeline: Pipeline, role: str
) -> None:
    buckets = [pipeline.deployment.output(f"{name}BucketName") for name in ("Raw", "Processed")]
    with acting_as(role):
        s3 = boto3.client("s3")
        for bucket in buckets:
            with pytest.raises(s3.exceptions.ClientError, match="AccessDenied"):
                s3.delete_object(Bucket=bucket, Key=f"{DATASET}/a.csv")
