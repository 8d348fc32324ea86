"""What is idle is counted from resources, what flows from the volume, and neither touches the other."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from contracts.errors import PermanentError
from pricing import price_list
from pricing.by_volume import engine_of
from pricing.estimate import Estimate, Range, total
from pricing.estimating import estimate
from pricing.idle import monthly
from pricing.templates import read
from pricing.volume import NONE, DatasetVolume, Volume
from tests.unit.pricing.small import function, templates

PRICES = price_list.load()
SERVER = {
    "Type": "AWS::Transfer::Server",
    "Properties": {"Protocols": ["SFTP"], "EndpointDetails": {"AddressAllocationIds": ["a", "b"]}},
}


def month(rows: int = 3000, megabytes: int = 30, runs: int = 10) -> DatasetVolume:
    return DatasetVolume(
        runs=Decimal(runs),
        files=Decimal(runs),
        rows=Decimal(rows),
        megabytes=Decimal(megabytes),
        stored_gigabytes=Decimal(2),
    )


def flowing(each: DatasetVolume) -> Volume:
    return Volume(
        source="a test",
        datasets={"sales_records": each, "superstore": each},
        scanned_gigabytes=Decimal(100),
    )


def of(found: Estimate, what: str) -> Range:
    return total(line for line in found.lines if line.what == what)


def test_idle_is_what_the_resources_cost_by_their_number(tmp_path: Path) -> None:
    key = {"Type": "AWS::KMS::Key"}
    found = estimate(templates(tmp_path, Second=key, Server=SERVER), PRICES)
    assert found.environment == "prod"
    assert of(found, "keys") == Range.of(2)
    assert of(found, "SFTP server, used or not") == Range.of(Decimal("219.00"))
    assert of(found, "Elastic IPs of the SFTP server") == Range.of(Decimal("7.300"))
    assert found.of_kind("volume") == ()


def test_maintenance_on_a_schedule_is_idle_and_of_its_dataset(tmp_path: Path) -> None:
    found = estimate(templates(tmp_path), PRICES)
    [line] = [line for line in found.lines if line.what == "scheduled maintenance of tables"]
    assert line.dataset == "sales_records"
    assert Decimal("0.06") < line.usd.low < line.usd.high < Decimal("0.13")


@pytest.mark.parametrize(
    ("expression", "times"),
    [
        ("cron(15 4 * * ? *)", 30.4),
        ("cron(15 23 ? * SAT *)", 4.3),
        ("cron(0 6,18 ? * MON-FRI *)", 43.5),
        ("cron(0 3 1 * ? *)", 1.0),
        ("cron(0 * * * ? *)", 730.0),
        ("rate(6 hours)", 121.7),
        ("rate(5 minutes)", 8760.0),
        ("rate(1 day)", 30.4),
    ],
)
def test_schedules_are_counted_by_the_month(expression: str, times: float) -> None:
    assert float(monthly(expression)) == pytest.approx(times, abs=0.06)


def test_a_doubled_volume_changes_only_what_volume_drives(tmp_path: Path) -> None:
    here, volume = templates(tmp_path, Server=SERVER), flowing(month())
    once, twice = estimate(here, PRICES, volume), estimate(here, PRICES, volume.times(2))
    assert once.of_kind("idle") == twice.of_kind("idle") == estimate(here, PRICES).lines
    assert len(once.of_kind("volume")) > 20
    for before, after in zip(once.of_kind("volume"), twice.of_kind("volume"), strict=True):
        assert (before.what, before.dataset) == (after.what, after.dataset)
        assert after.usd == before.usd.times(2)


def test_small_runs_are_priced_as_functions_and_large_ones_as_spark(tmp_path: Path) -> None:
    here = templates(tmp_path)
    small, wide, long = month(), month(megabytes=101), month(rows=10_001)
    assert engine_of(here, small) == "duckdb"
    assert engine_of(here, wide) == "spark"
    assert engine_of(here, long) == "spark"
    assert of(estimate(here, PRICES, flowing(small)), "Spark jobs of runs") == Range.of(0)
    assert of(estimate(here, PRICES, flowing(long)), "Spark jobs of runs").low > 0


APPLICATION = {
    "Type": "AWS::EMRServerless::Application",
    "Properties": {"MaximumCapacity": {"Cpu": "40 vCPU", "Memory": "160 GB", "Disk": "500 GB"}},
}


def test_runs_above_the_limits_of_emr_serverless_are_priced_by_what_it_bills(
    tmp_path: Path,
) -> None:
    limits = {"EMR_ABOVE_ROWS": "5000", "EMR_ABOVE_MEGABYTES": "50"}
    claim = function("claim_batch", DUCKDB_MAX_ROWS="1000", DUCKDB_MAX_MEGABYTES="10", **limits)
    here = templates(tmp_path, Application=APPLICATION, Claim=claim)
    at, above = month(rows=50_000, megabytes=500), month(rows=50_010, megabytes=500)
    assert (engine_of(here, at), engine_of(here, above)) == ("spark", "emr")
    assert engine_of(here, month(megabytes=510)) == "emr"
    measured = replace(above, worker_seconds={"emr": Decimal(3600)})
    found = estimate(here, PRICES, flowing(measured))
    lines = {line.price_name: line for line in found.lines if line.what == "EMR Serverless"}
    quantities = {name: line.quantity.low for name, line in lines.items()}
    assert quantities == {
        "emr_vcpu_second": 4 * 3600,
        "emr_gb_second": 16 * 3600,
        "emr_disk_gb_second": 30 * 3600,  # 50 GB a worker, 20 of them free
    }
    usd = sum(line.usd.low for line in lines.values())
    assert usd == Decimal("0.042094") * 4 + Decimal("0.004628") * 16 + Decimal("0.000111") * 30
    assert of(found, "Spark jobs of runs") == Range.of(0)


def test_without_emr_serverless_nothing_of_it_is_priced(tmp_path: Path) -> None:
    here = templates(tmp_path)
    assert (here.emr_limits, here.emr_billed_disk_gb) == (None, 0)
    large = estimate(here, PRICES, flowing(month(rows=10**12)))
    assert not [line for line in large.lines if line.what == "EMR Serverless"]


def test_marts_are_priced_after_each_run_of_each_dataset_that_they_read(tmp_path: Path) -> None:
    machine = {
        "Type": "AWS::StepFunctions::StateMachine",
        "Properties": {"DefinitionSubstitutions": {"MartsOfDatasets": "superstore/a,superstore/b"}},
    }
    here = templates(tmp_path, Marts=machine)
    assert here.marts_by_dataset == {"superstore": 2}
    lines = [
        line
        for line in estimate(here, PRICES, flowing(month(runs=10))).lines
        if line.what == "marts after runs"
    ]
    assert {line.dataset for line in lines} == {"superstore"}
    seconds = PRICES.rates["duckdb_worker_seconds_by_job"]
    memory, _transitions = (line.quantity for line in lines)
    assert memory == Range(low=seconds.low * 20 * 2, high=seconds.high * 20 * 2)  # of 2 GB
    without = estimate(templates(tmp_path / "none"), PRICES, flowing(month()))
    assert of(without, "marts after runs") == Range.of(0)


def training_machine(instance: str = "ml.m5.large", seconds: int = 3600) -> dict[str, object]:
    given = {
        "TrainForecastFunctionArn": "arn",
        "ForecastDatasets": "sales_records",
        "TrainingSeconds": str(seconds),
        "InstanceType": instance,
    }
    properties = {"DefinitionSubstitutions": given}
    return {"Type": "AWS::StepFunctions::StateMachine", "Properties": properties}


def trainings(found: Estimate) -> dict[str, Range]:
    lines = (line for line in found.lines if line.what == "trainings of models")
    assert {line.dataset for line in found.lines if line.what == "trainings of models"} <= {
        "sales_records"
    }
    return {line.price_name: line.quantity for line in lines}


def test_a_model_is_priced_after_each_run_of_a_dataset_that_is_forecast(tmp_path: Path) -> None:
    here = templates(tmp_path, Train=training_machine())
    seconds = PRICES.rates["training_instance_seconds_by_training"]
    found = trainings(estimate(here, PRICES, flowing(month(runs=10))))
    assert found["training_instance_second"] == Range(low=seconds.low * 10, high=seconds.high * 10)
    assert found.keys() == {"training_instance_second", "gib_second", "state_transition"}
    without = estimate(templates(tmp_path / "none"), PRICES, flowing(month()))
    assert trainings(without) == {}


@pytest.mark.parametrize(
    ("above", "stored", "priced"),
    [
        (200, "0.2", None),  # all that is stored is no more than the limit
        (200, "0.3", "from nothing"),
        (200, None, "from nothing"),
        (0, "0.001", "always"),
    ],
)
def test_features_made_by_spark_are_priced_where_a_table_may_be_large_enough(
    tmp_path: Path, above: int, stored: str | None, priced: str | None
) -> None:
    trains = {
        "Type": "AWS::Lambda::Function",
        "Properties": {
            "Handler": "lambdas.train_forecast.handler.handle",
            "Environment": {"Variables": {"SPARK_ABOVE_MEGABYTES": str(above)}},
        },
    }
    here = templates(tmp_path, Train=training_machine(), Function=trains)
    size = None if stored is None else Decimal(stored)
    flow = flowing(replace(month(runs=10), stored_gigabytes=size))
    found = [line for line in estimate(here, PRICES, flow).lines if "features" in line.what]
    job = PRICES.rates["spark_worker_seconds_by_job"]
    low = job.low * 10 if priced == "always" else Decimal(0)
    expected = [Range(low=low, high=job.high * 10)] if priced else []
    assert [line.quantity for line in found] == expected
    assert {line.price_name for line in found} <= {"dpu_second"}


def test_no_more_trainings_are_priced_than_can_begin_in_a_month(tmp_path: Path) -> None:
    daily = templates(tmp_path, Train=training_machine(seconds=24 * 3600))
    seconds = PRICES.rates["training_instance_seconds_by_training"]
    found = trainings(estimate(daily, PRICES, flowing(month(runs=5000))))
    assert found["training_instance_second"].low == seconds.low * 30


def test_an_instance_without_a_price_is_said_to_be_not_estimated(tmp_path: Path) -> None:
    large = templates(tmp_path, Train=training_machine("ml.c5.xlarge"))
    found = estimate(large, PRICES, flowing(month()))
    assert "training_instance_second" not in trainings(found)
    assert "trainings on ml.c5.xlarge" in found.not_estimated


def test_measured_seconds_are_taken_exactly(tmp_path: Path) -> None:
    measured = DatasetVolume(
        runs=Decimal(1),
        files=Decimal(1),
        rows=Decimal(1),
        megabytes=Decimal(1),
        stored_gigabytes=None,
        worker_seconds={"spark": Decimal(3600), "duckdb": Decimal(100)},
    )
    found = estimate(
        templates(tmp_path), PRICES, Volume(source="ledger", datasets={"superstore": measured})
    )
    assert of(found, "Spark jobs of runs") == Range.of(Decimal("0.44"))
    [duckdb] = [line for line in found.lines if line.what == "DuckDB functions of runs"]
    assert duckdb.quantity == Range.of(200)  # a function of 2 GB
    assert "storage of superstore" in found.not_estimated


def test_a_type_that_nobody_priced_is_named(tmp_path: Path) -> None:
    unheard = {"Type": "AWS::New::Thing", "Properties": {}}
    assert estimate(templates(tmp_path, Thing=unheard), PRICES, NONE).unknown_types == (
        "AWS::New::Thing",
    )


def test_the_free_tier_takes_off_at_most_what_is_used(tmp_path: Path) -> None:
    alarm = {"Type": "AWS::CloudWatch::Alarm", "Properties": {"Namespace": "AWS/Lambda"}}
    one = estimate(templates(tmp_path, Alarm=alarm), PRICES)
    assert Decimal("0.10") <= one.free_tier.low < Decimal("0.12")
    many = {f"Alarm{number}": alarm for number in range(20)}
    assert estimate(templates(tmp_path, **many), PRICES).free_tier.low < Decimal("1.02")


def test_what_is_no_template_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PermanentError, match="is no template and holds none"):
        read(tmp_path)
    wrong = tmp_path / "wrong.json"
    wrong.write_text("[]", encoding="utf-8")
    with pytest.raises(PermanentError, match=r"wrong\.json is no CloudFormation template"):
        read(wrong)
