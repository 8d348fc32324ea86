"""`sns:publish` in Step Functions with its MessageAttributes, which the emulator leaves out.

The emulator hands the task's parameters to its SNS as if they were the fields of a query request, where a map is
written flat. Source: Step Functions developer guide, "Publish messages to an Amazon SNS topic".
"""

from __future__ import annotations

from typing import Any

from local_cloud.patching import original

STEP_FUNCTIONS = "ministack.services.stepfunctions"
RESOURCE = "arn:aws:states:::sns:publish"


def install() -> None:
    """Register the integration."""
    original(STEP_FUNCTIONS, "_SERVICE_DISPATCH")[RESOURCE] = publish


def publish(resource: str, parameters: dict[str, Any]) -> dict[str, Any]:
    """What the integration returns: {"MessageId"}. Raises the emulator's _ExecutionError when SNS refuses."""
    answer: dict[str, Any] = original(STEP_FUNCTIONS, "_invoke_sns_publish")(
        resource, flat(parameters)
    )
    return answer


def flat(parameters: dict[str, Any]) -> dict[str, Any]:
    """The parameters as SNS's query protocol writes them: MessageAttributes.entry.1.Name and so on."""
    fields = {name: value for name, value in parameters.items() if name != "MessageAttributes"}
    for number, (name, value) in enumerate(
        parameters.get("MessageAttributes", {}).items(), start=1
    ):
        entry = f"MessageAttributes.entry.{number}"
        fields[f"{entry}.Name"] = name
        fields |= {f"{entry}.Value.{part}": text for part, text in value.items()}
    return fields
