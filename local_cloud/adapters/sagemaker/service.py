"""Puts SageMaker into the emulator: its JSON API, its place in the policy check, and its tasks in Step Functions."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from local_cloud.adapters.sagemaker import jobs, tasks, training, transform
from local_cloud.adapters.sagemaker.requests import Refused, Request
from local_cloud.patching import original, replace
from local_cloud.settings import ServerSettings

APP, ROUTER, ACTIONS = "ministack.app", "ministack.core.router", "ministack.core.iam_actions"
SERVICE, TARGET = "sagemaker", "SageMaker"
Operation = Callable[[Request], dict[str, Any]]


def install(settings: ServerSettings) -> None:
    """Route the service, let the policy check see it, and register the integrations."""
    operations = _operations(settings)
    original(APP, "SERVICE_HANDLERS")[SERVICE] = _handler(operations)
    original(ROUTER, "SERVICE_PATTERNS")[SERVICE] = {
        "target_prefixes": [TARGET],
        "credential_scope": SERVICE,
    }
    original(ACTIONS, "SERVICE_TO_IAM_NAMESPACE")[SERVICE] = SERVICE
    replace(ACTIONS, "extract_resource_arn", _with_resources)
    tasks.install(operations)


def _operations(settings: ServerSettings) -> dict[str, Operation]:
    def described(kind: str) -> Operation:
        return lambda given: dict(jobs.found(kind, str(given.get(f"{kind}JobName"))).record)

    def stopped(kind: str) -> Operation:
        def stop(given: Request) -> dict[str, Any]:
            jobs.stop(jobs.found(kind, str(given.get(f"{kind}JobName"))))
            return {}

        return stop

    def delete_model(given: Request) -> dict[str, Any]:
        jobs.delete_model(str(given.get("ModelName")))
        return {}

    return {
        "CreateTrainingJob": lambda given: training.create(settings, given),
        "DescribeTrainingJob": described("Training"),
        "StopTrainingJob": stopped("Training"),
        "CreateModel": jobs.create_model,
        "DescribeModel": lambda given: jobs.model_named(str(given.get("ModelName"))),
        "DeleteModel": delete_model,
        "ListModels": lambda _: {
            "Models": [
                {name: model[name] for name in ("ModelName", "ModelArn", "CreationTime")}
                for model in jobs.models.values()
            ]
        },
        "CreateTransformJob": lambda given: transform.create(settings, given),
        "DescribeTransformJob": described("Transform"),
        "StopTransformJob": stopped("Transform"),
    }


def _handler(operations: dict[str, Operation]) -> Any:
    async def handle(
        _method: str, _path: str, headers: dict[str, str], body: bytes, _query: Any
    ) -> tuple[int, dict[str, str], bytes]:
        operation = headers.get("x-amz-target", "").rpartition(".")[2]
        if operation not in operations:
            return _answer(
                400,
                {"__type": "UnknownOperationException", "message": f"{operation} is not emulated"},
            )
        try:
            return _answer(200, operations[operation](json.loads(body or b"{}")))
        except Refused as error:
            return _answer(400, {"__type": error.code, "message": str(error)})

    return handle


def _answer(status: int, body: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
    return status, {"Content-Type": "application/x-amz-json-1.1"}, json.dumps(body).encode()


def resource(operation: str, request: Request) -> str:
    """ARN of what an operation is about, `*` for lists. Source: Service Authorization Reference, Amazon SageMaker."""
    for field, kind in (
        ("TrainingJobName", "training-job"),
        ("TransformJobName", "transform-job"),
        ("ModelName", "model"),
    ):
        if request.get(field) and not operation.startswith("List"):
            return jobs.arn(kind, str(request[field]))
    return "*"


def _with_resources(extract: Any) -> Any:
    def extract_resource_arn(
        service: str, method: str, path: str, headers: dict[str, str], body: bytes, *rest: Any
    ) -> Any:
        if service != SERVICE:
            return extract(service, method, path, headers, body, *rest)
        operation = headers.get("x-amz-target", "").rpartition(".")[2]
        return resource(operation, json.loads(body or b"{}"))

    return extract_resource_arn
