"""Calls of the Glue catalog that awswrangler and Iceberg make and the emulator lacks."""

from __future__ import annotations

from typing import Any

from local_cloud.patching import original, replace

GLUE = "ministack.services.glue"


def install() -> None:
    """Answer BatchDeletePartition before the emulator's own list of operations is looked at."""
    replace(GLUE, "_handle_request_sync", _with_batch_delete_partition)


def _with_batch_delete_partition(handle: Any) -> Any:
    def handle_request(
        method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, Any]
    ) -> Any:
        if headers.get("x-amz-target", "").endswith(".BatchDeletePartition"):
            return batch_delete_partition(original(GLUE, "json").loads(body))
        return handle(method, path, headers, body, query)

    return handle_request


def batch_delete_partition(data: dict[str, Any]) -> Any:
    """Delete partitions by their values; the answer lists those that do not exist."""
    key = f"{data['DatabaseName']}/{data['TableName']}"
    if key not in original(GLUE, "_tables"):
        return original(GLUE, "error_response_json")(
            "EntityNotFoundException", f"Table {key} not found.", 400
        )
    asked = [list(item["Values"]) for item in data["PartitionsToDelete"]]
    partitions = original(GLUE, "_partitions").get(key, [])
    known = [list(partition["Values"]) for partition in partitions]
    original(GLUE, "_partitions")[key] = [p for p in partitions if list(p["Values"]) not in asked]
    detail = {"ErrorCode": "EntityNotFoundException", "ErrorMessage": "Partition not found."}
    missing = [
        {"PartitionValues": values, "ErrorDetail": detail}
        for values in asked
        if values not in known
    ]
    return original(GLUE, "json_response")({"Errors": missing})
