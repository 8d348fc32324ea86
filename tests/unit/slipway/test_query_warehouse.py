"""Statements of the warehouse through the Redshift Data API, with a client that answers as its reference says."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import boto3
import pytest
from botocore.exceptions import ParamValidationError
from botocore.validate import validate_parameters

from slipway.deployment import Deployment
from slipway.reading import warehouse
from slipway.reading.answers import Column

OUTPUTS = {"WarehouseWorkgroupName": "slipway-dev", "WarehouseDatabaseName": "slipway"}
METADATA = [
    {"name": "region", "label": "region", "typeName": "varchar", "precision": 65535, "scale": 0},
    {"name": "orders", "label": "orders", "typeName": "int8", "precision": 19, "scale": 0},
    {"name": "sum", "label": "revenue", "typeName": "numeric", "precision": 38, "scale": 2},
    {"name": "day", "label": "day", "typeName": "date", "precision": 13, "scale": 0},
    {"name": "at", "label": "at", "typeName": "timestamp", "precision": 29, "scale": 6},
    {"name": "ok", "label": "ok", "typeName": "bool", "precision": 1, "scale": 0},
]
FIRST = [
    {"stringValue": "Europe"},
    {"longValue": 7},
    {"stringValue": "12.30"},
    {"stringValue": "2024-05-31"},
    {"stringValue": "2024-05-31 12:00:00.25"},
    {"booleanValue": False},
]
SECOND = [{"isNull": True}] * len(METADATA)
MODEL = boto3.client("redshift-data", region_name="us-east-1").meta.service_model


@dataclass
class DataApi:
    """Two pages of results; every request and answer must have the shape of the service's model."""

    statuses: list[str] = field(default_factory=lambda: ["SUBMITTED", "STARTED", "FINISHED"])
    error: str | None = None
    has_result: bool = True
    interrupted: bool = False
    sent: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def __getattr__(self, method: str) -> Any:
        operation = MODEL.operation_model("".join(word.capitalize() for word in method.split("_")))

        def call(**request: Any) -> dict[str, Any]:
            validate_parameters(request, operation.input_shape)
            self.sent.append((method, request))
            answer = getattr(self, "on_" + method)(**copy.deepcopy(request))
            validate_parameters(answer, operation.output_shape)
            return dict(answer)

        return call

    def on_execute_statement(self, **_request: Any) -> dict[str, Any]:
        return {"Id": "s1"}

    def on_describe_statement(self, Id: str) -> dict[str, Any]:  # noqa: N803 - AWS's name
        if self.interrupted:
            raise KeyboardInterrupt
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        error = {"Error": self.error} if self.error and status == "FAILED" else {}
        return {"Id": Id, "Status": status, "HasResultSet": self.has_result, **error}

    def on_get_statement_result(self, Id: str, NextToken: str | None = None) -> dict[str, Any]:  # noqa: N803, ARG002
        if NextToken is None:
            return {
                "ColumnMetadata": METADATA,
                "Records": [FIRST],
                "TotalNumRows": 2,
                "NextToken": "more",
            }
        assert NextToken == "more"
        return {"ColumnMetadata": METADATA, "Records": [SECOND], "TotalNumRows": 2}

    def on_cancel_statement(self, **_request: Any) -> dict[str, Any]:
        return {"Status": True}


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> DataApi:
    made = DataApi()
    monkeypatch.setattr(
        Deployment, "client", lambda _self, service: {"redshift-data": made}[service]
    )
    monkeypatch.setattr(warehouse, "POLL_SECONDS", 0)
    return made


def deployment(**outputs: str) -> Deployment:
    return Deployment(environment="dev", region="us-east-1", outputs=outputs)


def test_the_fake_refuses_what_the_service_would(api: DataApi) -> None:
    with pytest.raises(ParamValidationError):
        api.execute_statement(Sql=7)


def test_rows_of_all_pages_have_the_types_of_the_warehouse(api: DataApi) -> None:
    answer = warehouse.query(deployment(**OUTPUTS), "select 1")
    assert api.sent[0] == (
        "execute_statement",
        {"WorkgroupName": "slipway-dev", "Database": "slipway", "Sql": "select 1"},
    )
    assert answer.columns == (
        Column(name="region", type="varchar"),
        Column(name="orders", type="bigint"),
        Column(name="revenue", type="decimal(38,2)"),
        Column(name="day", type="date"),
        Column(name="at", type="timestamp"),
        Column(name="ok", type="boolean"),
    )
    moment = datetime(2024, 5, 31, 12, 0, 0, 250_000)
    assert answer.rows == [
        ("Europe", 7, Decimal("12.30"), date(2024, 5, 31), moment, False),
        (None,) * 6,
    ]


def test_a_failed_statement_is_told_in_the_words_of_redshift(api: DataApi) -> None:
    api.statuses, api.error = ["FAILED"], 'ERROR: relation "nope" does not exist'
    with pytest.raises(
        warehouse.StatementFailed, match=r'relation "nope" does not exist.*statement s1'
    ):
        warehouse.query(deployment(**OUTPUTS), "select * from nope")


def test_who_has_no_grant_is_told_how_to_get_one(api: DataApi) -> None:
    api.statuses, api.error = ["FAILED"], "ERROR: permission denied for schema curated"
    with pytest.raises(
        warehouse.StatementFailed, match=r"permission denied.*GRANT USAGE ON SCHEMA curated"
    ):
        warehouse.query(deployment(**OUTPUTS), "select * from curated.t")


def test_an_aborted_statement_is_told(api: DataApi) -> None:
    api.statuses = ["ABORTED"]
    with pytest.raises(warehouse.StatementFailed, match="aborted"):
        warehouse.query(deployment(**OUTPUTS), "select 1")


def test_a_statement_without_rows_is_an_empty_answer(api: DataApi) -> None:
    api.has_result = False
    assert warehouse.query(deployment(**OUTPUTS), "analyze").columns == ()


def test_who_stops_waiting_stops_the_statement(api: DataApi) -> None:
    api.interrupted = True
    with pytest.raises(KeyboardInterrupt):
        warehouse.query(deployment(**OUTPUTS), "select 1")
    assert api.sent[-1] == ("cancel_statement", {"Id": "s1"})


def test_a_statement_that_does_not_end_is_cancelled(
    api: DataApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    api.statuses = ["STARTED"]
    monkeypatch.setattr(warehouse, "PATIENCE_SECONDS", -60)
    with pytest.raises(warehouse.StatementFailed, match="no answer"):
        warehouse.query(deployment(**OUTPUTS), "select 1")
    assert api.sent[-1][0] == "cancel_statement"


@pytest.mark.usefixtures("api")
def test_a_deployment_without_a_warehouse_says_how_to_get_one() -> None:
    with pytest.raises(
        warehouse.NoWarehouse, match=r"features.warehouse in config/dev.yaml.*Athena"
    ):
        warehouse.query(deployment(), "select 1")
