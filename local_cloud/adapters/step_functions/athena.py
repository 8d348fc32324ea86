"""`aws-sdk:athena:*` in Step Functions: saved queries, asked by a machine under its own role.

Each task is a request to the embedded Athena that the session of the role has signed. So its permissions are evaluated
where everybody's are, and tables are read as that role. Other actions of Athena are refused by name.
Source: Step Functions developer guide, "Learning to use AWS service SDK integrations".
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from local_cloud.adapters import roles, service_roles
from local_cloud.patching import original
from local_cloud.settings import ServerSettings

STEP_FUNCTIONS = "ministack.services.stepfunctions"
INTEGRATION = "aws-sdk:athena:"
METHODS = {
    "getNamedQuery": "get_named_query",
    "startQueryExecution": "start_query_execution",
    "getQueryExecution": "get_query_execution",
}


def install(settings: ServerSettings) -> None:
    """Register the actions. What they need is not listed: the request is evaluated, with its workgroup."""
    dispatch = original(STEP_FUNCTIONS, "_SERVICE_DISPATCH")
    for action, method in METHODS.items():
        dispatch[f"arn:aws:states:::{INTEGRATION}{action}"] = _task(settings, method)
        service_roles.MORE_PERMISSIONS[INTEGRATION + action] = lambda _: []


def _task(settings: ServerSettings, method: str) -> Callable[[str, dict[str, Any]], dict[str, Any]]:
    def ask(_resource: str, given: dict[str, Any]) -> dict[str, Any]:
        athena = roles.client(settings, service_roles.session_of_machine(), "athena")
        try:
            answer = getattr(athena, method)(**given)
        except ClientError as refused:
            raise _error(athena, refused) from refused
        answer.pop("ResponseMetadata")
        return dict(_as_json(answer))

    return ask


def _error(athena: Any, refused: ClientError) -> Exception:
    """An error that Athena declares has its own name, any other that of the service, as the SDK for Java has it."""
    code = refused.response["Error"]["Code"]
    declared = {shape.name for shape in athena.meta.service_model.error_shapes}
    raised: Exception = original(STEP_FUNCTIONS, "_ExecutionError")(
        f"Athena.{code if code in declared else 'AthenaException'}", str(refused)
    )
    return raised


def _as_json(value: Any) -> Any:
    match value:
        case dict():
            return {name: _as_json(each) for name, each in value.items()}
        case list():
            return [_as_json(each) for each in value]
        case datetime():
            return value.isoformat()
    return value
