"""Monthly files with personal data, from a partner's folders of dates to segments of customers, and one customer's
erasure; told as one story, in order. Expected figures come from plain Python over the files that were sent.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from contracts import marts as marts_of_contracts
from contracts import model, naming, personal_data
from local_cloud.session import LocalCloud
from rows.expressions.raw_text import WITHHELD
from sample_data import superstore
from sample_data.superstore import MonthFile, Record
from slipway import __main__ as command_line
from slipway.acting import partner, progress
from slipway.reading import ledgers, marts, warehouse
from tests.end_to_end.pipeline import PARTNER, Pipeline, until
from tests.unit.sample_data import superstore_figures
from tests.unit.sample_data.superstore_figures import ROOT, Line

pytestmark = pytest.mark.push

DATASET = "superstore"
ROWS, REFUSED = 150, 2
VIEW = "superstore_customer_value"
MART = "superstore_cohorts"
CONTRACT = model.load(DATASET)


@dataclass(frozen=True, kw_only=True)
class Sent:
    """Three months of which two records break a rule, and the customer who will want to be forgotten."""

    months: list[MonthFile]
    subject: Record
    refused: frozenset[int]

    @property
    def records(self) -> list[Record]:
        return superstore_figures.records(month.path for month in self.months)


@pytest.fixture(scope="module")
def sent(tmp_path_factory: pytest.TempPathFactory) -> Sent:
    folder = tmp_path_factory.mktemp("superstore")
    whole = superstore.generate(folder / "whole", seed=2, months=3, rows=ROWS)
    records = superstore_figures.records(month.path for month in whole)
    subject = records[0]
    another = next(record for record in records if record["Customer ID"] != subject["Customer ID"])
    theirs = [record for record in records if record["Customer ID"] == subject["Customer ID"]]
    assert len(theirs) > 1  # one is refused, so at least one is loaded
    for record in (theirs[-1], another):
        record["Profit"] = "100000"
    refused = frozenset(int(record["Row ID"]) for record in (theirs[-1], another))
    return Sent(
        months=superstore.write_months(folder / "sent", records), subject=subject, refused=refused
    )


@pytest.fixture(scope="module")
def key(pipeline: Pipeline) -> bytes:
    secret = pipeline.deployment.output("PiiKeySecretArn")
    answer = pipeline.deployment.client("secretsmanager").get_secret_value(SecretId=secret)
    return str(answer["SecretString"]).encode()


def expected(sent: Sent, key: bytes, *, without: str | None = None) -> list[Line]:
    """The lines that the tables must hold; `without` is a customer's number."""
    lines = superstore_figures.read(
        (month.path for month in sent.months), lambda text: personal_data.token(key, text)
    )
    gone = personal_data.token(key, without) if without else None
    return [line for line in lines if line.row_id not in sent.refused and line.customer != gone]


def curated(pipeline: Pipeline) -> dict[str, list[tuple[Any, ...]]]:
    return {
        one.name: sorted(pipeline.ask(f"select * from curated.{one.name}"))
        for one in CONTRACT.curated
    }


def customers(pipeline: Pipeline) -> list[tuple[Any, ...]]:
    return sorted(pipeline.ask(f"select * from curated.{VIEW}"))


def test_monthly_files_in_folders_of_dates_become_aggregates_and_segments(
    pipeline: Pipeline, sent: Sent, key: bytes
) -> None:
    watch = progress.begin(pipeline.deployment, lambda _step: None)
    folder = CONTRACT.intake.folder
    with partner.connected(
        partner.endpoint(pipeline.deployment, user=PARTNER, identity=None)
    ) as sftp:
        for month in sent.months:
            partner.send(sftp, month.path, folder=f"{folder}/{month.folder}")
    awaited = {
        naming.landing_folder(PARTNER, folder) + f"{month.folder}/{month.path.name}"
        for month in sent.months
    }
    outcome = progress.until_fates(watch, dataset=DATASET, awaited=awaited, known=())
    assert outcome.failed_executions == []
    assert {fate.status for fate in outcome.fates} == {"loaded"}
    assert sum(fate.rows_loaded or 0 for fate in outcome.fates) == ROWS - REFUSED
    lines = expected(sent, key)
    assert curated(pipeline) == superstore_figures.curated(lines)
    assert customers(pipeline) == superstore_figures.customers(lines)
    assert versions(pipeline) == {line.row_id: 1 for line in lines}


def versions(pipeline: Pipeline) -> dict[int, int]:
    """How many versions the history has of each line."""
    history = naming.history_table(DATASET)
    return dict(pipeline.ask(f"select row_id, count(*) from processed.{history} group by row_id"))


def mart_runs(pipeline: Pipeline) -> list[dict[str, Any]]:
    return marts.one(pipeline.deployment, MART).runs


def cohorts(pipeline: Pipeline) -> list[tuple[Any, ...]]:
    return sorted(pipeline.ask(f"select * from curated.{MART}"))


def in_warehouse(pipeline: Pipeline) -> list[tuple[Any, ...]]:
    return sorted(warehouse.query(pipeline.deployment, f"select * from curated.{MART}").rows)


def is_shown(pipeline: Pipeline) -> bool:
    """Whether the warehouse has loaded what the newest run left; until then the run holds the mart."""
    newest = mart_runs(pipeline)[0]
    shown = newest.get("shown", {}).get("warehouse", "")
    return bool(shown) and shown.partition(" ")[0] == newest.get("version")


def settled_mart(pipeline: Pipeline, after: int) -> list[tuple[Any, ...]]:
    """The mart once at least `after` of its runs have ended, and none is at work."""

    def is_settled() -> bool:
        runs = mart_runs(pipeline)
        ended = all(run["status"] != "running" for run in runs)
        return len(runs) >= after and ended and is_shown(pipeline)

    until(is_settled, f"{after} runs of the mart have ended")
    return cohorts(pipeline)


def test_the_mart_over_it_runs_by_itself_and_keeps_its_cut_and_sums(
    pipeline: Pipeline, sent: Sent, key: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = expected(sent, key)
    assert settled_mart(pipeline, 1) == superstore_figures.cohorts(lines)
    run = next(run for run in mart_runs(pipeline) if run.get("outcome") == "published")
    assert run["trigger"] == DATASET
    assert Decimal(run["totals"]["sales"]) == sum(line.sales for line in lines)
    assert set(run["cut"]) == {DATASET}
    assert command_line.main(["mart", "run", MART]) == 0
    assert "unchanged: " in capsys.readouterr().out
    assert command_line.main(["mart", "show", MART]) == 0
    assert run["cut"][DATASET] in capsys.readouterr().out
    assert in_warehouse(pipeline) == cohorts(pipeline)
    totals = run["served"]["warehouse"]["tables"][MART]["totals"]["sales"]
    assert (
        Decimal(totals["lake"]) == Decimal(totals["warehouse"]) == sum(line.sales for line in lines)
    )


def test_the_other_engine_makes_the_same_tables_of_the_same_files(
    pipeline: Pipeline, sent: Sent, key: bytes
) -> None:
    assert newest_engines(pipeline) == {"duckdb"}
    assert command_line.main(["backfill", "--dataset", DATASET, "--engine", "spark"]) == 0
    assert newest_engines(pipeline) == {"spark"}
    lines = expected(sent, key)
    assert curated(pipeline) == superstore_figures.curated(lines)
    assert versions(pipeline) == {line.row_id: 1 for line in lines}
    assert customers(pipeline) == superstore_figures.customers(lines)


def newest_engines(pipeline: Pipeline) -> set[str]:
    """The engines that did the jobs of the newest run."""
    return set(ledgers.runs(pipeline.deployment, DATASET)[-1]["engines"].values())


@pytest.mark.parametrize(
    "query", sorted((ROOT / "sql" / "athena" / DATASET).glob("*.sql")), ids=lambda file: file.stem
)
def test_every_sample_query_answers(pipeline: Pipeline, query: Path) -> None:
    sql = (
        query.read_text(encoding="utf-8")
        .replace("{curated}", "curated")
        .replace("{processed}", "processed")
    )
    assert pipeline.ask(sql)


def test_its_schedule_starts_runs_of_this_dataset(pipeline: Pipeline) -> None:
    scheduler = pipeline.deployment.client("scheduler")
    inputs = []
    for listed in scheduler.list_schedules()["Schedules"]:
        target = scheduler.get_schedule(Name=listed["Name"], GroupName=listed["GroupName"])[
            "Target"
        ]
        if target["Arn"] == pipeline.deployment.output("StateMachineArn"):
            inputs.append(json.loads(target["Input"]))
    assert {"dataset": DATASET, "trigger": "schedule"} in inputs


def objects(pipeline: Pipeline, *, of_partners: bool = False) -> Iterator[tuple[str, str, bytes]]:
    """Every object (bucket, key, content): of landing and raw, which must hold what partners sent, or of the others."""
    s3 = pipeline.deployment.client("s3")
    originals = {
        pipeline.deployment.output(name) for name in ("LandingBucketName", "RawBucketName")
    }
    every = {one["Name"] for one in s3.list_buckets()["Buckets"]}
    for bucket in originals if of_partners else every - originals:
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
            for item in page.get("Contents", []):
                yield (
                    bucket,
                    item["Key"],
                    s3.get_object(Bucket=bucket, Key=item["Key"])["Body"].read(),
                )


def text_of(name: str, content: bytes) -> str:
    """What can be read in an object: the values of Parquet, the characters of everything else."""
    if name.endswith(".parquet"):
        return repr(pq.read_table(io.BytesIO(content)).to_pylist())
    return content.decode("utf-8", "replace")


def ledger_text(pipeline: Pipeline) -> str:
    entries = ledgers.entries(pipeline.deployment, DATASET)
    return repr([*entries, *ledgers.runs(pipeline.deployment, DATASET)])


def test_nothing_but_landing_and_raw_shows_who_the_customers_are(
    pipeline: Pipeline, cloud: LocalCloud, sent: Sent
) -> None:
    private = {record[name] for record in sent.records for name in ("Customer ID", "Customer Name")}
    places = {
        f"s3://{bucket}/{name}": text_of(name, content)
        for bucket, name, content in objects(pipeline)
    }
    logs = [file for file in (cloud.path / "logs").rglob("*") if file.is_file()]
    places |= {str(file): file.read_text("utf-8", "replace") for file in logs}
    places["ledgers"] = ledger_text(pipeline)
    places["alerts"] = repr(pipeline.new_alerts())
    shown = {
        (place, text) for place, content in places.items() for text in private if text in content
    }
    assert shown == set()
    originals = "".join(
        text_of(name, content) for _, name, content in objects(pipeline, of_partners=True)
    )
    assert [
        text for text in private if text not in originals
    ] == []  # what is searched for can be found
    assert any(f"/tables/{DATASET}/" in place and place.endswith(".parquet") for place in places)
    assert any("/staged/" in place and f"/{DATASET}/" in place for place in places)
    assert any(file.stat().st_size for file in logs)


def data_files_with(pipeline: Pipeline, token: str) -> list[str]:
    files = ((name, content) for _, name, content in objects(pipeline) if name.endswith(".parquet"))
    return [name for name, content in files if token in text_of(name, content)]


def test_an_erased_customer_leaves_every_table_and_file(
    pipeline: Pipeline, sent: Sent, key: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    number = sent.subject["Customer ID"]
    token = personal_data.token(key, number)
    folders = {name.split("/")[1] for name in data_files_with(pipeline, token) if "tables/" in name}
    others = {naming.quarantine_table(DATASET), naming.history_table(DATASET)}
    assert {DATASET, *others} <= folders
    (tmp_path / "subject.txt").write_text(number, encoding="utf-8")
    arguments = ["--dataset", DATASET, "--subject-file", str(tmp_path / "subject.txt"), "--yes"]
    assert command_line.main(["erase", *arguments]) == 0
    told = " ".join(capsys.readouterr().out.split())
    loaded = len(expected(sent, key)) - len(expected(sent, key, without=number))
    assert f"{DATASET}: {loaded} rows of the subject left." in told.replace("1 row ", "1 rows ")
    assert "refused when a file is loaded again" in told
    assert number not in told
    assert data_files_with(pipeline, token) == []
    lines = expected(sent, key, without=number)
    assert curated(pipeline) == superstore_figures.curated(lines)
    assert customers(pipeline) == superstore_figures.customers(lines)
    until(
        lambda: cohorts(pipeline) == superstore_figures.cohorts(lines), "the mart is without them"
    )


def test_a_backfill_refuses_the_erased_customer_and_changes_nothing_else(
    pipeline: Pipeline, sent: Sent, key: bytes
) -> None:
    number = sent.subject["Customer ID"]
    before = curated(pipeline)
    assert command_line.main(["backfill", "--dataset", DATASET]) == 0
    assert curated(pipeline) == before
    assert versions(pipeline) == {line.row_id: 1 for line in expected(sent, key, without=number)}
    theirs = [int(record["Row ID"]) for record in sent.records if record["Customer ID"] == number]
    quarantine = f"processed.{naming.quarantine_table(DATASET)}"
    is_theirs = f"_subject = '{personal_data.token(key, number)}'"
    refused = pipeline.ask(
        f"select rule_ids[1], raw_text, count(*) from {quarantine} where {is_theirs} group by 1, 2"
    )
    assert refused == [("subject.erased", WITHHELD, len(theirs))]
    assert pipeline.ask(f"select count(*) from {quarantine} where not {is_theirs}") == [
        (REFUSED - 1,)
    ]


@pytest.fixture
def april(sent: Sent, tmp_path: Path) -> MonthFile:
    """An order in a later month by somebody who is known, and was not erased."""
    [*_, known] = (r for r in sent.records if r["Customer ID"] != sent.subject["Customer ID"])
    order = {**known, "Row ID": "900001", "Order ID": "CA-2016-900001", "Profit": "1.5"}
    order |= {"Order Date": "4/5/2016", "Ship Date": "4/6/2016", "Sales": "10"}
    [month] = superstore.write_months(tmp_path, [order])
    return month


def test_a_later_delivery_changes_the_mart_in_its_own_month_only(
    pipeline: Pipeline, april: MonthFile
) -> None:
    before, runs = cohorts(pipeline), len(mart_runs(pipeline))
    with partner.connected(
        partner.endpoint(pipeline.deployment, user=PARTNER, identity=None)
    ) as sftp:
        partner.send(sftp, april.path, folder=f"{CONTRACT.intake.folder}/{april.folder}")
    until(lambda: len(cohorts(pipeline)) > len(before), "the mart has the order")
    settled_mart(pipeline, runs + 1)
    [added] = set(cohorts(pipeline)) - set(before)
    assert (str(added[1]), added[3], added[5], added[6]) == ("2016-04-01", 1, 1, Decimal(10))
    assert set(before) < set(cohorts(pipeline))
    [newest] = [run for run in mart_runs(pipeline) if run.get("outcome") == "published"][:1]
    assert newest["detail"] == "1 period written, 2016-04-01 to 2016-04-01"
    assert newest["served"]["warehouse"]["tables"][MART]["mode"] == "periods"
    assert command_line.main(["mart", "rollback", MART]) == 0
    assert in_warehouse(pipeline) == cohorts(pipeline) == before
    assert command_line.main(["mart", "run", MART]) == 0
    assert set(in_warehouse(pipeline)) == set(cohorts(pipeline)) == {*before, added}


def test_a_mart_that_the_warehouse_refuses_is_published_told_and_loaded_by_the_next_run(
    pipeline: Pipeline, cloud: LocalCloud, capsys: pytest.CaptureFixture[str]
) -> None:
    pipeline.new_alerts()
    loaded = in_warehouse(pipeline)
    cloud.control("warehouse-crash-at/before/MERGE")
    assert command_line.main(["mart", "rollback", MART]) == 1
    assert cloud.control("no-warehouse-crash")["not_struck"] == []
    told = " ".join(capsys.readouterr().out.split())
    assert "shows what it showed before (WarehouseLoadFailed" in told
    assert in_warehouse(pipeline) == loaded != cohorts(pipeline)
    subject = f"ERROR [local] {MART}: published, but not in the warehouse"
    until(
        lambda: subject in [alert.subject for alert in pipeline.new_alerts() or pipeline.alerts],
        "people are told",
    )
    [alert] = [alert for alert in pipeline.alerts if alert.subject == subject]
    assert f"slipway mart run {MART}" in alert.body
    assert "merging the staged rows" in alert.body
    assert command_line.main(["mart", "run", MART]) == 0
    assert in_warehouse(pipeline) == cohorts(pipeline) == loaded
    assert command_line.main(["warehouse", "load", MART]) == 0
    assert in_warehouse(pipeline) == loaded


@pytest.fixture
def lossy(pipeline: Pipeline) -> Iterator[None]:
    """The deployed function with a mart whose SQL leaves lines out."""
    functions, name = pipeline.deployment.client("lambda"), "RunMartFunctionName"
    name = pipeline.deployment.output(name)
    joined = "superstore.customer_id = first_orders.customer_id"
    wrong = {joined: f"{joined} AND superstore.sales > 20"}
    functions.update_function_code(FunctionName=name, ZipFile=code_of_mart(wrong))
    yield
    functions.update_function_code(FunctionName=name, ZipFile=code_of_mart({}))


def code_of_mart(changes: dict[str, str]) -> bytes:
    """The function's code, with other words in the mart's SQL."""
    mart = marts_of_contracts.load(MART)
    for old, new in changes.items():
        assert old in mart.sql
        mart = replace(mart, sql=mart.sql.replace(old, new))
    rooms, packed = (
        ("contracts", "pipeline", "rows", "duckdb_jobs", "lambdas/run_mart"),
        io.BytesIO(),
    )
    with zipfile.ZipFile(packed, "w") as archive:
        for file in (file for room in rooms for file in (ROOT / room).rglob("*.*")):
            if file.suffix in (".py", ".json") and file.stem != MART:
                archive.write(file, file.relative_to(ROOT))
        archive.write(ROOT / "lambdas" / "__init__.py", "lambdas/__init__.py")
        archive.writestr(f"contracts/compiled/marts/{MART}.json", marts_of_contracts.to_json(mart))
    return packed.getvalue()


@pytest.mark.usefixtures("lossy")
def test_a_mart_that_differs_from_its_inputs_publishes_nothing_and_says_so_once(
    pipeline: Pipeline, capsys: pytest.CaptureFixture[str]
) -> None:
    pipeline.new_alerts()
    before = cohorts(pipeline)
    assert command_line.main(["mart", "run", MART]) == 1
    assert "differs from its inputs: sales" in " ".join(capsys.readouterr().out.split())
    assert cohorts(pipeline) == before
    subject = f"ERROR [local] {MART}: mart failed (ReconciliationFailed)"
    until(
        lambda: subject in [alert.subject for alert in pipeline.new_alerts() or pipeline.alerts],
        "people are told",
    )
    [alert] = [alert for alert in pipeline.alerts if alert.subject == subject]
    assert f"slipway mart run {MART}" in alert.body
    assert mart_runs(pipeline)[0]["error"] == "ReconciliationFailed"
