"""Which engine a run gets, and that the choice and its reason stand in the manifest and the answer."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from contracts import model
from contracts.errors import PermanentError
from lambdas.claim_batch import requests
from lambdas.claim_batch.engines import EngineLimits, LargeBatch, SmallBatch
from pipeline.engines import Engine
from pipeline.run_documents import Manifest, store
from tests.unit.lambdas.claiming import DATASET, request, service, wait

SMALL = SmallBatch(max_rows=1_000, max_megabytes=2)
LIMITS = EngineLimits(small=SMALL)
WITH_EMR = EngineLimits(small=SMALL, large=LargeBatch(above_rows=5_000, above_megabytes=7))
ICEBERG = model.load("sales_records")
OFF = [
    EngineLimits(small=SmallBatch(max_rows=0, max_megabytes=2)),
    EngineLimits(small=SmallBatch(max_rows=1_000, max_megabytes=0)),
]


def files(*, rows: int, size: int) -> list[dict[str, Any]]:
    """Two entries of the file ledger with so much together."""
    return [{"row_count": rows - 1, "size_bytes": size - 1}, {"row_count": 1, "size_bytes": 1}]


@pytest.mark.parametrize(
    ("rows", "size", "engine", "reason"),
    [
        (
            1_000,
            2_000_000,
            "duckdb",
            "1,000 rows in 2.0 MB are within DuckDB's 1,000 rows and 2 MB",
        ),
        (1_001, 10, "spark", "1,001 rows in 0.0 MB are more than DuckDB's 1,000 rows and 2 MB"),
        (5, 2_000_001, "spark", "5 rows in 2.0 MB are more than DuckDB's 1,000 rows and 2 MB"),
    ],
)
def test_a_batch_within_both_limits_goes_to_duckdb(
    rows: int, size: int, engine: str, reason: str
) -> None:
    choice = LIMITS.choose(ICEBERG, files(rows=rows, size=size), None)
    assert (choice.engine, choice.reason) == (engine, reason)


@pytest.mark.parametrize("off", OFF)
def test_with_a_limit_of_zero_every_batch_goes_to_spark(off: EngineLimits) -> None:
    choice = off.choose(ICEBERG, files(rows=2, size=2), None)
    assert (choice.engine, "switched off" in choice.reason) == ("spark", True)


@pytest.mark.parametrize(
    ("rows", "size", "engine"),
    [
        (5_000, 7_000_000, "spark"),
        (5_001, 10, "emr"),
        (2, 7_000_001, "emr"),
        (1_000, 2_000_000, "duckdb"),
        (1_001, 2_000_000, "spark"),
    ],
)
def test_a_batch_above_either_limit_goes_to_emr_serverless_and_no_other(
    rows: int, size: int, engine: str
) -> None:
    choice = WITH_EMR.choose(ICEBERG, files(rows=rows, size=size), None)
    assert choice.engine == engine
    if engine == "emr":
        assert choice.reason == (
            f"{rows:,} rows in {size / 10**6:,.1f} MB are more than 5,000 rows and 7 MB,"
            " above which EMR Serverless is used"
        )


def test_emr_serverless_that_is_not_deployed_is_neither_chosen_nor_taken_from_a_request() -> None:
    assert LIMITS.choose(ICEBERG, files(rows=10**9, size=10**13), None).engine == "spark"
    with pytest.raises(PermanentError, match="engine 'emr': EMR Serverless is not deployed"):
        LIMITS.choose(ICEBERG, files(rows=2, size=2), "emr")
    assert WITH_EMR.choose(ICEBERG, files(rows=2, size=2), "emr").engine == "emr"


@pytest.mark.parametrize(
    ("limits", "chosen", "asked", "engine"),
    [
        (WITH_EMR, "emr", None, "emr"),
        (WITH_EMR, "emr", "spark", "spark"),
        (WITH_EMR, "duckdb", "emr", "emr"),
        (WITH_EMR, None, None, "spark"),
        (LIMITS, "emr", None, "spark"),
        (LIMITS, "duckdb", None, "duckdb"),
    ],
)
def test_a_resumed_run_keeps_its_engine_while_that_is_there(
    limits: EngineLimits, chosen: Engine | None, asked: Engine | None, engine: Engine
) -> None:
    assert limits.to_go_on(chosen, asked) == engine


def test_a_request_for_an_engine_that_is_not_there_ends_before_anything_is_claimed(
    account: Any, contract: model.Contract
) -> None:
    wait(account, "a")
    with pytest.raises(PermanentError, match=r"set emr\.enabled to true"):
        service(account).claim(replace(request(), engine="emr"), contract)
    assert account.runs().lock(DATASET) is None


@pytest.mark.parametrize("asked", ["spark", "duckdb"])
def test_an_operator_gets_the_engine_that_was_asked_for(asked: Engine) -> None:
    for limits in (LIMITS, *OFF):
        for batch in (files(rows=2, size=2), files(rows=10**9, size=10**12)):
            choice = limits.choose(ICEBERG, batch, asked)
            assert (choice.engine, choice.reason) == (asked, "the request named it")


@pytest.mark.parametrize("asked", ["duckdb", None])
def test_a_format_that_only_spark_writes_goes_to_spark_whoever_asks(asked: Engine | None) -> None:
    choice = LIMITS.choose(replace(ICEBERG, table_format="delta"), files(rows=2, size=2), asked)
    assert (choice.engine, choice.reason) == (
        "spark",
        "only Spark on Glue writes tables of format delta",
    )


def test_the_choice_and_its_reason_stand_in_the_manifest_and_the_answer(
    account: Any, contract: model.Contract
) -> None:
    wait(account, "a")
    claims = replace(service(account), engines=LIMITS)
    answer = claims.claim(request(), contract)
    read = store.read(
        account.s3, Manifest, bucket="processed", dataset=DATASET, run_id=answer["run_id"]
    )
    assert (answer["engine"], read.engine) == ("duckdb", "duckdb")
    assert read.engine_reason is not None
    assert "are within DuckDB's 1,000 rows and 2 MB" in read.engine_reason


def test_an_engine_that_nobody_knows_is_refused() -> None:
    event = {"dataset": DATASET, "execution_arn": "arn", "request": {"trigger": "operator"}}
    assert requests.parse(event).engine is None
    event["request"] = {"trigger": "operator", "engine": "duckdb"}
    assert requests.parse(event).engine == "duckdb"
    event["request"] = {"trigger": "operator", "engine": "sail"}
    with pytest.raises(PermanentError, match="engine 'sail'; it must be one of spark, duckdb, emr"):
        requests.parse(event)
