"""An analyst's day: sample queries, questions, files to take away, and the notebook, over both datasets.

Expected figures come from the files that were sent, or from Athena asked another way.
"""

from __future__ import annotations

import csv
import json
import re
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import boto3
import nbformat
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from botocore.config import Config

from contracts import model, naming
from notebooks import execute
from sample_data import broken, superstore
from sample_data.sales_rows import Span, write_file
from slipway import __main__ as command_line
from slipway.acting import partner, progress
from slipway.reading import independent_count, lake, samples
from tests.end_to_end.people import ANALYST, OPERATOR, acting_as
from tests.end_to_end.pipeline import DATASET, PARTNER, Pipeline, sha256_of

pytestmark = pytest.mark.push

ROWS, BROKEN, FAULTS, MONTHS = 1200, 200, 5, 24
FIGURES = ("by_month", "by_region", "region_margin", "year_over_year", "items", "rfm")
# What the notebook leaves behind, as text: every axes by its marks, and the totals that were drawn.
INSPECTION = """
import json
told = {
    "marks": {
        name: [len(a.lines) + len(a.patches) + len(a.collections) for a in drawn.axes if a.get_visible()]
        for name, drawn in figures.items()
    },
    "revenue": [str(months["revenue"].sum()), str(regions["revenue"].sum())],
    "profit": [str(months["profit"].sum()), str(regions["profit"].sum())],
    "customers": int(segments["customers"].sum()),
    "lifetime_value": str(segments["lifetime_value"].sum()),
    "compared": [int(before), int(latest), [int(quarter) for quarter in common]],
}
print(json.dumps(told))
"""


@dataclass(frozen=True, kw_only=True)
class Sent:
    """Two files of orders, the second with broken records, whose months end in the middle of a quarter."""

    good: Path
    bad: Path
    loaded: dict[str, Decimal]


@pytest.fixture(scope="module")
def sent(pipeline: Pipeline, tmp_path_factory: pytest.TempPathFactory) -> Sent:
    folder = tmp_path_factory.mktemp("analyst")
    good, whole, bad = (folder / name for name in ("good.csv", "whole.csv", "bad.csv"))
    write_file(
        good, rows=ROWS, span=Span(first=date(2022, 12, 1), months=MONTHS + 2), seed="analyst"
    )
    write_file(
        whole,
        rows=BROKEN,
        span=Span(first=date(2023, 5, 1), months=2),
        seed="bad",
        first_serial=500_000,
    )
    faults = {one.row for one in broken.break_rows(whole, bad, FAULTS)}
    months = superstore.generate(folder / "superstore", seed=4, months=6, rows=240)
    watch = progress.begin(pipeline.deployment, lambda _step: None)
    with partner.connected(
        partner.endpoint(pipeline.deployment, user=PARTNER, identity=None)
    ) as sftp:
        for file in (good, bad):
            partner.send(sftp, file, folder=model.load(DATASET).intake.folder)
        for month in months:
            partner.send(
                sftp, month.path, folder=f"{model.load('superstore').intake.folder}/{month.folder}"
            )
    wait_for(watch, DATASET, [file.name for file in (good, bad)])
    wait_for(watch, "superstore", [f"{month.folder}/{month.path.name}" for month in months])
    assert command_line.main(["crawler", "start", "--dataset", DATASET]) == 0
    kept = folder / "kept.csv"
    with (
        whole.open(newline="", encoding="utf-8") as source,
        kept.open("w", newline="", encoding="utf-8") as target,
    ):
        header, *records = csv.reader(source)
        csv.writer(target).writerows(
            [header, *(r for at, r in enumerate(records, start=1) if at not in faults)]
        )
    return Sent(
        good=good,
        bad=bad,
        loaded=independent_count.delivered([good, kept], model.load(DATASET)).totals,
    )


def wait_for(watch: progress.Watch, dataset: str, names: list[str]) -> None:
    landing = naming.landing_folder(PARTNER, model.load(dataset).intake.folder)
    outcome = progress.until_fates(
        watch, dataset=dataset, awaited={landing + name for name in names}, known=()
    )
    assert outcome.failed_executions == []
    assert {fate.status for fate in outcome.fates} == {"loaded"}


@pytest.mark.usefixtures("sent")
@pytest.mark.parametrize("sample", samples.samples("athena"), ids=lambda sample: sample.name)
def test_every_sample_query_answers_by_its_name(
    sample: samples.Sample, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command_line.main(["query", sample.name]) == 0
    header, first, *_ = capsys.readouterr().out.splitlines()
    assert header.strip()
    assert not first.startswith("0 rows"), sample.name


def test_the_crawled_table_has_every_record_that_was_sent(
    sent: Sent, pipeline: Pipeline, capsys: pytest.CaptureFixture[str]
) -> None:
    with acting_as(OPERATOR):
        sample = samples.find("athena", "sales_records/records_per_file_as_sent")
        answer = pipeline.ask(sample.sql)
        regions = pipeline.ask("select count(distinct region) from raw.sales_records")
        assert command_line.main(["crawler", "show", "--dataset", DATASET]) == 0
    records = {sha256: count for _, sha256, count in answer}
    assert records[sha256_of(sent.good)] == ROWS
    assert records[sha256_of(sent.bad)] == BROKEN
    assert regions[0][0] > 1
    shown = capsys.readouterr().out
    assert "SUCCEEDED" in shown
    assert re.search(r"units sold +(bigint|string)", shown)


def test_an_analyst_reads_no_originals_through_the_crawled_table(
    pipeline: Pipeline, sent: Sent
) -> None:
    assert sent
    with acting_as(ANALYST), pytest.raises(lake.QueryFailed, match="glue:GetTable"):
        pipeline.ask("select region from raw.sales_records")


def test_a_parquet_file_has_exact_money_and_days(sent: Sent, tmp_path: Path) -> None:
    target = tmp_path / "items.parquet"
    assert (
        command_line.main(
            ["query", "select * from curated.sales_by_month_item", "--output", str(target)]
        )
        == 0
    )
    written = pq.read_table(target)
    declared = {"month_start": pa.date32(), "orders": pa.int64(), "revenue": pa.decimal128(18, 2)}
    assert {name: written.schema.field(name).type for name in declared} == declared
    assert pc.sum(written["revenue"]).as_py() == sent.loaded["total_revenue"]
    assert pc.sum(written["profit"]).as_py() == sent.loaded["total_profit"]


def test_a_csv_file_has_the_same_money(sent: Sent, tmp_path: Path) -> None:
    target = tmp_path / "regions.csv"
    assert (
        command_line.main(
            ["query", "select * from curated.sales_by_region_quarter", "--output", str(target)]
        )
        == 0
    )
    with target.open(newline="", encoding="utf-8") as file:
        assert (
            sum(Decimal(row["revenue"]) for row in csv.DictReader(file))
            == sent.loaded["total_revenue"]
        )


@pytest.mark.usefixtures("sent")
def test_arrays_and_nulls_can_be_looked_at(capsys: pytest.CaptureFixture[str]) -> None:
    sql = "select rule_ids, resolved_at from processed.sales_records_quarantine where rule_ids[1] = 'country.required'"
    assert command_line.main(["query", sql]) == 0
    assert capsys.readouterr().out.splitlines()[1].split() == ["[country.required]", "NULL"]


@pytest.mark.usefixtures("sent")
def test_what_is_wrong_with_a_query_is_told_by_athena(capsys: pytest.CaptureFixture[str]) -> None:
    assert command_line.main(["query", "select nope from curated.sales_by_month_item"]) == 1
    assert "slipway query: COLUMN_NOT_FOUND" in capsys.readouterr().err


@pytest.mark.usefixtures("sent")
def test_a_query_over_the_scan_limit_of_its_workgroup_is_cancelled(
    pipeline: Pipeline, capsys: pytest.CaptureFixture[str]
) -> None:
    results = f"s3://{pipeline.deployment.output('ResultsBucketName')}/tiny/"
    limits = {"BytesScannedCutoffPerQuery": 1, "ResultConfiguration": {"OutputLocation": results}}
    unchecked = Config(
        parameter_validation=False
    )  # AWS takes no limit below 10 MB, and these tables are smaller
    athena = boto3.client("athena", region_name=pipeline.deployment.region, config=unchecked)
    athena.create_work_group(Name="tiny", Configuration=limits)
    assert (
        command_line.main(
            ["query", "--workgroup", "tiny", "select * from curated.sales_by_month_item"]
        )
        == 1
    )
    assert "Bytes scanned limit was exceeded" in capsys.readouterr().err


@pytest.mark.usefixtures("sent")
def test_the_views_tell_what_the_last_run_checked_and_refused(pipeline: Pipeline) -> None:
    checked = pipeline.ask(
        "select status, count(*), sum(rows_failed) from processed.sales_records_quality_latest group by 1"
    )
    assert {status for status, _, _ in checked} >= {"passed", "failed"}
    every = pipeline.ask(
        "select count(*), count(distinct run_id) from processed.sales_records_quality_latest"
    )
    assert every[0] == (sum(rules for _, rules, _ in checked), 1)
    refused = pipeline.ask(
        "select sum(rows_quarantined) from processed.sales_records_quarantine_by_rule"
    )
    assert refused == pipeline.ask(
        "select sum(cardinality(rule_ids)) from processed.sales_records_quarantine"
    )


@pytest.fixture(scope="module")
def analysed(sent: Sent) -> tuple[Any, dict[str, Any]]:
    """The notebook after every cell ran, and what it left behind."""
    del sent
    document = execute.read(execute.HERE / "sales_analysis.ipynb")
    document.cells.append(nbformat.v4.new_code_cell(INSPECTION))
    execute.execute(document)
    return document, json.loads(document.cells[-1].outputs[0].text)


def test_the_notebook_draws_every_figure_with_marks(analysed: tuple[Any, dict[str, Any]]) -> None:
    document, left = analysed
    assert tuple(left["marks"]) == FIGURES
    assert {
        name: marks for name, marks in left["marks"].items() if not marks or min(marks) == 0
    } == {}
    pictures = [
        out
        for cell in document.cells
        for out in cell.get("outputs", [])
        if "image/png" in out.get("data", {})
    ]
    assert len(pictures) == len(FIGURES)


def test_the_totals_of_the_notebook_are_those_of_athena_and_of_the_files(
    pipeline: Pipeline, sent: Sent, analysed: tuple[Any, dict[str, Any]]
) -> None:
    _, left = analysed
    ((revenue, profit),) = pipeline.ask(
        "select sum(total_revenue), sum(total_profit) from processed.sales_records"
    )
    assert (
        {Decimal(text) for text in left["revenue"]} == {revenue} == {sent.loaded["total_revenue"]}
    )
    assert {Decimal(text) for text in left["profit"]} == {profit} == {sent.loaded["total_profit"]}
    ((customers, value),) = pipeline.ask(
        "select count(*), sum(lifetime_value) from curated.superstore_customer_value"
    )
    assert (left["customers"], Decimal(left["lifetime_value"])) == (customers, value)


def test_only_whole_quarters_are_compared_year_over_year(
    analysed: tuple[Any, dict[str, Any]],
) -> None:
    """Orders begin in the last month of 2022 and end in January 2025, so neither year may be compared."""
    _, left = analysed
    assert left["compared"] == [2023, 2024, [1, 2, 3, 4]]


def test_the_page_of_the_notebook_loads_nothing_and_describes_its_pictures(
    analysed: tuple[Any, dict[str, Any]],
) -> None:
    page = execute.to_html(analysed[0])
    assert 'src="http' not in page
    assert '<link rel="stylesheet" href="http' not in page
    descriptions = re.findall(r'<img alt="(Chart: [^"]+)"', page)
    assert len(descriptions) == len(FIGURES)
    assert {"Chart: By month", "Chart: Customers of Superstore"} <= set(descriptions)
