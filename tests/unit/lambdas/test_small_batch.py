"""The functions that work with DuckDB: what they hand to the engine, and what they leave behind."""

from __future__ import annotations

import importlib
import tempfile
from pathlib import Path
from typing import Any

import pytest

from contracts.errors import ContractInvalid, NeedsSpark
from pipeline.job_arguments import CuratingArguments, LoadingArguments
from pipeline.run_documents import ForecastServed

COMMON = {"environment": "dev", "processed_bucket": "processed", "curated_bucket": "curated"}
RUN = {"dataset": "d", "run_id": "r1"}
LOADING = {"schema_change": "strict", "pii_secret_arn": "arn:secret"}
FUNCTIONS: dict[str, Any] = {
    "load_small_batch": LoadingArguments(**RUN, **COMMON, **LOADING),  # type: ignore[arg-type]
    "curate_small_batch": CuratingArguments(**RUN, **COMMON),
    "forecast": CuratingArguments(**RUN, **COMMON),
}
JOBS = {
    "load_small_batch": "raw_to_processed",
    "curate_small_batch": "processed_to_curated",
    "forecast": "forecast",
}
FORECAST = ForecastServed(served="forecast", tables=())


@pytest.fixture(autouse=True)
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The /tmp of the functions, which have their settings."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    for name, value in {**COMMON, **LOADING}.items():
        monkeypatch.setenv(name.upper(), value)
    return tmp_path


def handler(name: str) -> Any:
    found = importlib.import_module(f"lambdas.{name}.handler")
    found._settings.cache_clear()
    return found


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_hands_run_and_settings_to_its_job_and_leaves_no_file(
    name: str, disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[Any] = []

    def work(arguments: Any) -> ForecastServed:
        given.append(arguments)
        (Path(tempfile.mkdtemp()) / "rows.parquet").write_text("a person")
        return FORECAST  # of which only that function takes notice

    function = handler(name)
    monkeypatch.setattr(getattr(function, JOBS[name]), "run", work)
    answer = function.handle(RUN, None)
    assert given == [FUNCTIONS[name]]
    is_job = name != "forecast"
    assert answer == (
        {"seconds": 1} if is_job else FORECAST.to_json()
    )  # begun seconds, as Lambda's limits and Glue count
    assert list(disk.iterdir()) == []


@pytest.mark.parametrize("name", FUNCTIONS)
def test_what_the_engine_cannot_do_leaves_the_function_by_its_name(
    name: str, disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def work(_arguments: Any) -> None:
        raise MemoryError("3 GB")

    function = handler(name)
    monkeypatch.setattr(getattr(function, JOBS[name]), "run", work)
    with pytest.raises(NeedsSpark, match="3 GB"):
        function.handle(RUN, None)
    assert list(disk.iterdir()) == []


def test_an_environment_without_personal_data_has_no_secret(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given: list[Any] = []
    monkeypatch.setenv("PII_SECRET_ARN", "none")
    function = handler("load_small_batch")
    monkeypatch.setattr(function.raw_to_processed, "run", given.append)
    function.handle(RUN, None)
    assert given[0].pii_secret_arn == ""
    monkeypatch.setenv("PII_SECRET_ARN", "")
    with pytest.raises(ContractInvalid, match="PII_SECRET_ARN is not set"):
        handler("load_small_batch").handle(RUN, None)
