"""Worker seconds of a job from the JobRun that Glue gives."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from pipeline import costs
from pipeline.costs import EmrPrices
from pipeline.environment import read_settings
from pipeline.run_documents import BilledResources
from pricing import engines, price_list
from tests.run_samples import PRICES

SECONDS: list[tuple[dict[str, Any], int | None]] = [
    ({"ExecutionTime": 97, "NumberOfWorkers": 2, "WorkerType": "G.1X"}, 194),
    (
        {"ExecutionTime": 97, "NumberOfWorkers": 10, "WorkerType": "G.2X", "DPUSeconds": 500.0},
        250,
    ),
    (
        {
            "ExecutionTime": 97,
            "NumberOfWorkers": 10,
            "WorkerType": "G.025X",
            "DPUSeconds": 10.0,
        },
        40,
    ),
    (
        {"ExecutionTime": 97, "NumberOfWorkers": 2, "WorkerType": "Z.9X", "DPUSeconds": 500.0},
        194,
    ),
    ({"ExecutionTime": 0, "NumberOfWorkers": 2}, 0),
    ({"ExecutionTime": 97}, None),
    ({"NumberOfWorkers": 2}, None),
    ({}, None),
]
JOB_RUNS = [job_run for job_run, _ in SECONDS]


@pytest.mark.parametrize(("job_run", "seconds"), SECONDS)
def test_the_time_of_all_workers_is_read_as_far_as_glue_tells_it(
    job_run: dict[str, Any], seconds: int | None
) -> None:
    assert costs.worker_seconds(job_run) == seconds


@pytest.mark.parametrize("seconds", [194, 0, None])
def test_what_a_job_run_machine_answered_is_taken_as_it_is(seconds: int | None) -> None:
    assert costs.worker_seconds({"engine": "duckdb", "worker_seconds": seconds}) == seconds


def test_only_steps_with_a_known_cost_are_kept() -> None:
    state = {
        "raw_to_processed": {"ExecutionTime": 5, "NumberOfWorkers": 2},
        "processed_to_curated": {},
        "gate": 1,
    }
    assert costs.of_steps(
        state, ("raw_to_processed", "processed_to_curated", "gate", "absent")
    ) == {"raw_to_processed": 10}


def test_what_a_resumed_run_cost_before_is_added_step_by_step() -> None:
    assert costs.added({"a": 1, "b": 2}, {"b": 3, "c": 4}) == {"a": 1, "b": 5, "c": 4}


def test_each_step_costs_the_seconds_of_its_engine() -> None:
    seconds = {"raw_to_processed": 100, "processed_to_curated": 50, "care": 10}
    assert PRICES.usd(seconds, {"raw_to_processed": "duckdb", "processed_to_curated": "spark"}) == {
        "raw_to_processed": Decimal("0.004"),
        "processed_to_curated": Decimal("0.005"),
        "care": Decimal("0.001"),
    }


JOB_RUN_OF_EMR = {
    "ApplicationId": "00app",
    "JobRunId": "00run",
    "BilledResourceUtilization": {"VCPUHour": 1.0, "MemoryGBHour": 4.0, "StorageGBHour": 2.0},
}
BILLED = BilledResources(vcpu_seconds=3600, memory_gb_seconds=14400, disk_gb_seconds=7200)


def test_a_job_of_emr_serverless_costs_what_was_billed_for_it() -> None:
    assert costs.billed_by_emr(JOB_RUN_OF_EMR) == BILLED
    assert costs.worker_seconds(JOB_RUN_OF_EMR) == 900
    prices = replace(
        PRICES,
        emr=EmrPrices(
            emr_vcpu_second_usd=Decimal("0.00001"),
            emr_gb_second_usd=Decimal("0.000001"),
            emr_disk_gb_second_usd=Decimal("0.0000001"),
        ),
    )
    seconds = {"raw_to_processed": 900, "processed_to_curated": 50}
    engines = {"raw_to_processed": "emr", "processed_to_curated": "spark"}
    assert prices.usd(seconds, engines, {"raw_to_processed": BILLED}) == {
        "raw_to_processed": Decimal("0.051120"),
        "processed_to_curated": Decimal("0.005"),
    }
    unknown = {"processed_to_curated": Decimal("0.005")}  # never the price of Glue in its place
    assert prices.usd(seconds, engines, {}) == unknown
    assert PRICES.usd(seconds, engines, {"raw_to_processed": BILLED}) == unknown


def test_the_engine_of_a_failed_job_is_known_by_its_record() -> None:
    assert costs.engine_of(JOB_RUN_OF_EMR) == "emr"
    assert costs.engine_of({"Id": "jr_1", "JobName": "load", "ExecutionTime": 3}) == "spark"
    assert costs.engine_of({"errorMessage": "no", "errorType": "KeyError"}) is None


def test_functions_are_given_prices_of_emr_serverless_only_where_it_is_deployed() -> None:
    given = engines.worker_second_prices(
        price_list.load(), worker_type="G.1X", memory_megabytes=2048, emr=True
    )
    plain = {"SPARK_WORKER_SECOND_USD", "DUCKDB_SECOND_USD"}
    assert set(given) - plain == {
        "EMR_VCPU_SECOND_USD",
        "EMR_GB_SECOND_USD",
        "EMR_DISK_GB_SECOND_USD",
    }
    settings = read_settings(costs.PriceSettings, given)
    assert settings.engine_prices.emr is not None
    hour = Decimal(3600)
    assert settings.engine_prices.emr.emr_vcpu_second_usd * hour == pytest.approx(
        Decimal("0.042094")
    )
    without = {name: value for name, value in given.items() if name in plain}
    assert read_settings(costs.PriceSettings, without).engine_prices.emr is None


def test_what_a_resumed_run_cost_in_usd_before_is_added_too() -> None:
    added = costs.added_usd({"a": Decimal("0.5")}, {"a": Decimal("0.25"), "b": Decimal("1")})
    assert added == {"a": Decimal("0.75"), "b": Decimal("1")}


def test_a_run_from_before_costs_were_kept_says_nothing_of_them() -> None:
    assert costs.total_usd({"worker_seconds": {"care": 3}}) is None
    assert list(costs.sentences({})) == []
    [sentence] = costs.sentences({"cost_usd": {"a": "0.01", "b": "0.002"}})
    assert sentence.startswith("Cost of the jobs: 0.0120 USD")


def test_the_engine_of_a_step_is_what_its_result_says() -> None:
    state = {"a": {"engine": "duckdb"}, "b": {"ExecutionTime": 3}, "c": 1}
    assert costs.engines_of_steps(state, ("a", "b", "c", "d")) == {"a": "duckdb"}


def test_functions_are_given_the_prices_of_the_list() -> None:
    given = engines.worker_second_prices(
        price_list.load(), worker_type="G.2X", memory_megabytes=2048
    )
    assert Decimal(given["SPARK_WORKER_SECOND_USD"]) * 3600 == pytest.approx(Decimal("0.88"))
    assert given["DUCKDB_SECOND_USD"] == "0.000026666800"
