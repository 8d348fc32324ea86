"""What is typed after a deployment: one file through everything, and the tables are what they were.

Whoever asked for it is told that the file arrived, and how far its run has come.
"""

from __future__ import annotations

import re

import pytest

from slipway import __main__ as command_line
from slipway.reading import lake, ledgers
from tests.end_to_end.listening import arrivals_told, read, stages_told, subscribed
from tests.end_to_end.pipeline import DATASET, Pipeline


def counts(pipeline: Pipeline) -> list[tuple[int, ...]]:
    """Rows and units of the tables that the smoke test touches; none where no run has made a table yet."""
    units = {"processed.sales_records": "units_sold", "curated.sales_by_month_item": "units"}
    return [counted(pipeline, table, column) for table, column in units.items()]


def counted(pipeline: Pipeline, table: str, column: str) -> tuple[int, ...]:
    try:
        (row,) = pipeline.ask(f"select count(*), coalesce(sum({column}), 0) from {table}")
    except lake.QueryFailed as error:
        if not str(error).startswith(lake.NO_TABLE):
            raise
        return (0, 0)
    return tuple(int(value) for value in row)


def test_a_smoke_test_loads_asks_hears_and_leaves_the_tables_as_they_were(
    pipeline: Pipeline, capsys: pytest.CaptureFixture[str]
) -> None:
    before, deployment = counts(pipeline), pipeline.deployment
    topic = deployment.output("FileArrivedTopicArn")
    with (
        arrivals_told(deployment, seconds=1),
        stages_told(deployment, "begun,loaded,published"),
        subscribed(deployment, topic, "arrivals") as url,
        subscribed(deployment, deployment.output("RunStageTopicArn"), "stages") as stages,
    ):
        assert command_line.main(["smoke"]) == 0
        [arrived] = read(deployment, url)
        passed = read(deployment, stages)
    assert re.fullmatch(
        r"INFO \[local\] sales_records: 1 file arrived: smoke_\S+ \(1 of acme\)", arrived["Subject"]
    )
    assert arrived["TopicArn"] == topic
    assert sorted(message["Subject"] for message in passed) == [
        f"INFO [local] {DATASET}: rows and money add up, 25 rows",
        f"INFO [local] {DATASET}: run begun, 1 file",
        f"INFO [local] {DATASET}: tables published",
    ]
    told = capsys.readouterr().out
    for wanted in ("by SFTP as acme", "Athena finds its 25 rows", "load succeeded, 25 rows loaded"):
        assert wanted in told
    assert "finds none of its rows" in told
    assert "local works: sales_records was loaded, answered, announced and rolled back" in told
    assert counts(pipeline) == before
    (file,) = [f for f in ledgers.files(pipeline.deployment, DATASET) if "smoke_" in f.file_name]
    assert file.status == "set_aside"
