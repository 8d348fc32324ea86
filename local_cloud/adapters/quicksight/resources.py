"""QuickSight as far as a refresh goes: data sources and datasets are kept, an ingestion really reads its table.

An ingestion runs the dataset's SQL through the embedded Athena under the data source's role, so a table, column, type
or permission that is wrong fails here as it would in an account, and so does a dataset whose deployment waits for a
table that is not there. Analyses and dashboards are recorded, nothing is drawn. The API is there for Step Functions
only. Source: QuickSight API reference, CreateIngestion, DescribeIngestion.
"""

from __future__ import annotations

import contextvars
import threading
import time
from collections.abc import Callable
from typing import Any
from uuid import uuid4

from local_cloud.adapters import service_roles
from local_cloud.adapters.quicksight import ingestion as quicksight_ingestion
from local_cloud.adapters.quicksight.ingestion import Source
from local_cloud.instruments import recorded_types
from local_cloud.patching import original
from local_cloud.settings import ACCOUNT, REGION, ServerSettings

GLUE = "ministack.services.glue"
STEP_FUNCTIONS = "ministack.services.stepfunctions"
PROVISIONERS = "ministack.services.cloudformation.provisioners"
INTEGRATION = "aws-sdk:quicksight:"
DRAWN = {"AWS::QuickSight::Analysis": "AnalysisId", "AWS::QuickSight::Dashboard": "DashboardId"}
# In an account of the Enterprise edition, by hand or by the API. Source: QuickSight API reference, CreateIngestion.
MOST_INGESTIONS, WITHIN_SECONDS = 32, 24 * 60 * 60
Properties = dict[str, Any]
Created = tuple[str, dict[str, Any]]

_sources: dict[str, Properties] = {}  # by ARN
_data_sets: dict[str, Properties] = {}  # by id
_ingestions: dict[tuple[str, str], dict[str, Any]] = {}  # by dataset and ingestion id
_begun: dict[str, list[float]] = {}  # when ingestions of a dataset began
_lock = threading.Lock()


def install(settings: ServerSettings) -> None:
    """Register the resource types and the two calls."""
    handlers = original(PROVISIONERS, "_RESOURCE_HANDLERS")
    handlers["AWS::QuickSight::DataSource"] = _kept(
        "datasource", "DataSourceId", lambda arn, _: arn, _sources
    )
    data_set = _kept("dataset", "DataSetId", lambda _, name: name, _data_sets)
    handlers["AWS::QuickSight::DataSet"] = data_set | {
        "create": _waiting(data_set["create"]),
        "update": _waiting(data_set["update"]),
    }
    for kind, field in DRAWN.items():
        handlers[kind] = _recorded(kind, field)
    dispatch = original(STEP_FUNCTIONS, "_SERVICE_DISPATCH")
    dispatch[f"arn:aws:states:::{INTEGRATION}createIngestion"] = lambda _, given: create(
        settings, given
    )
    dispatch[f"arn:aws:states:::{INTEGRATION}describeIngestion"] = lambda _, given: describe(given)
    for action in ("createIngestion", "describeIngestion"):
        service_roles.MORE_PERMISSIONS[INTEGRATION + action] = _permission(action)


def create(settings: ServerSettings, given: dict[str, Any]) -> dict[str, Any]:
    """Begin an ingestion. Raises the emulator's _ExecutionError as Step Functions names QuickSight's errors."""
    key = (str(given["DataSetId"]), str(given["IngestionId"]))
    data_set = _data_sets.get(key[0])
    if data_set is None:
        raise _error("ResourceNotFoundException", f"DataSet {key[0]} is not found")
    if data_set["ImportMode"] != "SPICE":
        raise _error(
            "InvalidParameterValueException", f"DataSet {key[0]} is not imported into SPICE"
        )
    arn = _ingestion_arn(given)
    with _lock:
        if key in _ingestions:
            raise _error(
                "ResourceExistsException", f"ingestion {key[1]} of DataSet {key[0]} already exists"
            )
        _count(key[0])
        ingestion = _ingestions[key] = {
            "Arn": arn,
            "IngestionId": key[1],
            "IngestionStatus": "RUNNING",
        }
    source = _source_of(data_set)
    context = contextvars.copy_context()
    work = (quicksight_ingestion.ingest, settings, data_set, source, ingestion)
    threading.Thread(target=context.run, args=work, daemon=True, name=f"ingestion {key[1]}").start()
    return {"Arn": arn, "IngestionId": key[1], "IngestionStatus": "INITIALIZED", "Status": 201}


def _count(data_set_id: str) -> None:
    """Raises LimitExceededException when the dataset has had its ingestions."""
    now = time.time()
    recent = [moment for moment in _begun.get(data_set_id, []) if moment > now - WITHIN_SECONDS]
    if len(recent) >= MOST_INGESTIONS:
        raise _error(
            "LimitExceededException",
            f"DataSet {data_set_id} had {MOST_INGESTIONS} ingestions in 24 hours",
        )
    _begun[data_set_id] = [*recent, now]


def _waiting(put: Callable[..., Created]) -> Callable[..., Created]:
    """QuickSight begins an ingestion of a new or changed dataset, and CloudFormation by default waits for its success.

    Only what would fail it most often is looked at: a table or a column that is not there.
    Source: CloudFormation, AWS::QuickSight::DataSet IngestionWaitPolicy.
    """

    def put_and_wait(*args: Any, **kwargs: Any) -> Created:
        properties = next(given for given in reversed(args) if isinstance(given, dict))
        policy = properties.get("IngestionWaitPolicy", {})
        if properties.get("ImportMode") == "SPICE" and policy.get("WaitForSpiceIngestion", True):
            _require_columns(properties)
        return put(*args, **kwargs)

    return put_and_wait


def _require_columns(data_set: Properties) -> None:
    for table in data_set["PhysicalTableMap"].values():
        for wanted in (one for one in table.values() if "InputColumns" in one):
            place = f"{wanted.get('Schema', 'default')}/{wanted['Name']}"
            found = original(GLUE, "_tables").get(place)
            if found is None:
                raise ValueError(
                    f"the ingestion of a new DataSet failed: SQL_TABLE_NOT_FOUND: {place}"
                )
            known = {column["Name"] for column in found["StorageDescriptor"]["Columns"]}
            if lacking := sorted({column["Name"] for column in wanted["InputColumns"]} - known):
                raise ValueError(
                    f"the ingestion of a DataSet failed: SQL_EXCEPTION: {place} has no {lacking}"
                )


def describe(given: dict[str, Any]) -> dict[str, Any]:
    """How far an ingestion is: {"Ingestion": {"IngestionStatus", "RowInfo" or "ErrorInfo" once it ended, ...}}."""
    found = _ingestions.get((str(given["DataSetId"]), str(given["IngestionId"])))
    if found is None:
        raise _error("ResourceNotFoundException", f"ingestion {given['IngestionId']} is not found")
    return {"Ingestion": dict(found), "Status": 200}


def _source_of(data_set: Properties) -> Source:
    [table] = data_set["PhysicalTableMap"].values()
    [definition] = table.values()
    source = _sources.get(definition["DataSourceArn"])
    parameters = (source or {}).get("DataSourceParameters", {}).get("AthenaParameters")
    if parameters is None:
        raise _error(
            "ResourceNotFoundException",
            f"{definition['DataSourceArn']} is not a data source over Athena",
        )
    arn = str(definition["DataSourceArn"])
    return Source(arn=arn, role_arn=parameters["RoleArn"], workgroup=parameters["WorkGroup"])


def _kept(
    kind: str, field: str, key: Callable[[str, str], str], kept: dict[str, Properties]
) -> dict[str, Any]:
    """Handlers of a type whose properties are kept under `key(arn, id)`."""

    def put(_logical_id: str, properties: Properties, _stack: str) -> Created:
        name = str(properties[field])
        arn = f"arn:aws:quicksight:{REGION}:{ACCOUNT}:{kind}/{name}"
        kept[key(arn, name)] = properties
        return name, {"Arn": arn}

    def update(
        _physical: str, _old: Properties, new: Properties, stack: str, logical_id: str = ""
    ) -> Created:
        return put(logical_id, new, stack)

    def delete(physical: str, _properties: Properties) -> None:
        kept.pop(key(f"arn:aws:quicksight:{REGION}:{ACCOUNT}:{kind}/{physical}", physical), None)

    return {"create": put, "update": update, "delete": delete}


def _recorded(resource_type: str, field: str) -> dict[str, Any]:
    def put(_logical_id: str, properties: Properties, _stack: str) -> Created:
        recorded_types.recorded.add(resource_type)
        name = str(properties.get(field) or uuid4())
        kind = resource_type.rsplit("::", 1)[-1].lower()
        return name, {"Arn": f"arn:aws:quicksight:{REGION}:{ACCOUNT}:{kind}/{name}"}

    def update(
        _physical: str, _old: Properties, new: Properties, stack: str, logical_id: str = ""
    ) -> Created:
        return put(logical_id, new, stack)

    return {"create": put, "update": update, "delete": lambda _physical, _properties: None}


def _permission(action: str) -> Callable[[dict[str, Any]], service_roles.Permissions]:
    name = f"quicksight:{action[0].upper()}{action[1:]}"
    return lambda given: [(name, _ingestion_arn(given))]


def _ingestion_arn(given: dict[str, Any]) -> str:
    """Source: Service Authorization Reference, Amazon QuickSight, resource type ingestion."""
    place = f"dataset/{given.get('DataSetId', '')}/ingestion/{given.get('IngestionId', '')}"
    return f"arn:aws:quicksight:{REGION}:{ACCOUNT}:{place}"


def _error(name: str, cause: str) -> Exception:
    failure: Exception = original(STEP_FUNCTIONS, "_ExecutionError")(f"QuickSight.{name}", cause)
    return failure
