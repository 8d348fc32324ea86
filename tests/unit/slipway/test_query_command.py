"""`slipway query` as it is typed: SQL or a name, a table or a file, Athena or the warehouse."""

from __future__ import annotations

from typing import Any

import awswrangler
import boto3
import pytest
from botocore.exceptions import ClientError

from contracts import model
from slipway import deployment as deployments
from slipway.__main__ import main
from slipway.commands import query
from slipway.deployment import Deployment, NotDeployed
from slipway.reading import lake, samples, warehouse
from slipway.reading.answers import Answer, Column

ROWS = 120
ANSWER = Answer(
    columns=(Column(name="orders", type="bigint"),),
    rows=[(number,) for number in range(1000, 1000 + ROWS)],
)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """What was asked, as (engine, SQL); both answer ANSWER."""
    log: list[tuple[str, str]] = []
    deployment = Deployment(environment="dev", region="us-east-1", outputs={})
    monkeypatch.setattr(query, "connect", lambda _environment: deployment)

    def answering(engine: str) -> Any:
        return lambda _deployment, sql: log.append((engine, sql)) or ANSWER

    monkeypatch.setattr(lake, "answer", answering("athena"))
    monkeypatch.setattr(warehouse, "query", answering("redshift"))
    return log


def test_fifty_rows_are_shown_and_the_rest_is_told(
    asked: list[tuple[str, str]], capsys: Any
) -> None:
    assert main(["query", "select 1"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert (lines[0], lines[1], lines[50]) == ("orders", " 1,000", " 1,049")
    assert lines[51] == "50 of 120 rows; --rows 0 shows all, --output FILE keeps all"
    assert asked == [("athena", "select 1")]


def test_all_rows_can_be_shown_and_a_file_has_them_all(
    asked: list[tuple[str, str]], capsys: Any, tmp_path: Any
) -> None:
    assert main(["query", "--rows", "0", "select 1"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == ROWS + 2
    assert main(["query", "--warehouse", "--output", str(tmp_path / "a.csv"), "select 2"]) == 0
    assert len((tmp_path / "a.csv").read_text().splitlines()) == ROWS + 1
    assert asked[-1] == ("redshift", "select 2")


def test_csv_has_every_row(asked: list[tuple[str, str]], capsys: Any) -> None:
    assert main(["query", "--format", "csv", "select 1"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == ROWS + 1
    assert len(asked) == 1


def test_a_file_that_cannot_be_written_is_told_before_anything_is_asked(
    asked: list[tuple[str, str]], capsys: Any
) -> None:
    assert main(["query", "--output", "a.txt", "select 1"]) == 1
    assert "a.txt" in capsys.readouterr().err
    assert asked == []


def test_a_sample_query_is_asked_by_its_name(asked: list[tuple[str, str]]) -> None:
    assert main(["query", "yearly_revenue_and_profit"]) == 0
    ((_, sql),) = asked
    assert "FROM curated.sales_by_region_quarter" in sql
    assert main(["query", "superstore/row_count"]) == 0
    assert "FROM processed.superstore" in asked[-1][1]


@pytest.mark.usefixtures("asked")
@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("row_count", "in several datasets: sales_records/row_count, superstore/row_count"),
        ("sales_records/row_counts", "did you mean 'sales_records/row_count'?"),
        ("zzz", "There are: sales_records/best_item_per_month, "),
    ],
)
def test_an_unknown_name_is_told_with_those_there_are(name: str, told: str, capsys: Any) -> None:
    assert main(["query", name]) == 1
    assert told in capsys.readouterr().err


@pytest.mark.usefixtures("asked")
def test_nothing_to_ask_is_told(capsys: Any) -> None:
    assert main(["query"]) == 1
    assert "slipway query --list" in capsys.readouterr().err


def test_the_list_has_every_sample_query_with_what_it_answers(capsys: Any) -> None:
    assert main(["query", "--list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    files = [
        f
        for name in model.datasets()
        for f in sorted((samples.SQL / "athena" / name).glob("*.sql"))
    ]
    assert len(lines) == len(files) > 10
    for line, file in zip(lines, files, strict=True):
        assert line.startswith(f"{file.parent.name}/{file.stem} ")
        assert line.endswith(file.read_text().partition("\n")[0].removeprefix("-- "))


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (
            awswrangler.exceptions.QueryFailed("COLUMN_NOT_FOUND: line 1:8"),
            "COLUMN_NOT_FOUND: line 1:8",
        ),
        (
            awswrangler.exceptions.QueryCancelled("Bytes scanned limit was exceeded"),
            "limit was exceeded; ask for fewer",
        ),
    ],
)
def test_a_refusal_and_the_scan_limit_are_told_in_the_words_of_athena(
    error: Exception, told: str, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    def refuse(**_arguments: Any) -> None:
        raise error

    outputs = {"WorkgroupName": "w"}
    monkeypatch.setattr(
        query,
        "connect",
        lambda _: Deployment(environment="dev", region="us-east-1", outputs=outputs),
    )
    monkeypatch.setattr(awswrangler.athena, "read_sql_query", refuse)
    assert main(["query", "select nope"]) == 1
    assert told in capsys.readouterr().err


def test_a_team_asks_in_its_own_workgroup(monkeypatch: pytest.MonkeyPatch) -> None:
    found = Deployment(
        environment="dev", region="us-east-1", outputs={"WorkgroupName": "analysts", "Other": "x"}
    )
    seen: list[dict[str, str]] = []
    monkeypatch.setattr(query, "connect", lambda _environment: found)
    monkeypatch.setattr(
        lake, "answer", lambda deployment, _sql: seen.append(deployment.outputs) or ANSWER
    )
    assert main(["query", "--workgroup", "slipway-dev-finance", "select 1"]) == 0
    assert main(["query", "select 1"]) == 0
    assert seen == [{"WorkgroupName": "slipway-dev-finance", "Other": "x"}, found.outputs]


class CloudFormation:
    """Stacks by the last part of their name; others are missing, or may not be looked at."""

    def __init__(self, message: str) -> None:
        self.message = message

    def describe_stacks(self, *, StackName: str) -> dict[str, Any]:  # noqa: N803 - AWS's name
        if StackName.endswith("Warehouse"):
            raise ClientError(
                {"Error": {"Code": "ValidationError", "Message": self.message}}, "DescribeStacks"
            )
        return {"Stacks": [{"Outputs": [{"OutputKey": StackName, "OutputValue": "here"}]}]}


def connected(monkeypatch: pytest.MonkeyPatch, message: str) -> Deployment:
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.setattr(boto3, "client", lambda *_, **__: CloudFormation(message))
    return deployments.connect("dev")


def test_a_feature_that_is_not_deployed_leaves_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    found = connected(monkeypatch, "Stack with id SlipwayDevWarehouse does not exist")
    assert len(found.outputs) == len(deployments.STACKS) + len(deployments.OPTIONAL_STACKS) - 1


def test_a_stack_that_cannot_be_read_is_no_missing_feature(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NotDeployed, match="Warehouse"):
        connected(monkeypatch, "1 validation error detected")
