"""What tasks of a state machine get and give: SNS messages with attributes, a JobRun with what it cost."""

from __future__ import annotations

from typing import Any

import pytest
from ministack.services import sns, stepfunctions

from local_cloud.adapters.glue import jobs as spark_jobs
from local_cloud.adapters.step_functions import (
    glue as step_functions_glue,
)
from local_cloud.adapters.step_functions import (
    sns as step_functions_sns,
)
from pipeline import costs

ATTRIBUTES = {
    "dataset": {"DataType": "String", "StringValue": "sales_records"},
    "severity": {"DataType": "String", "StringValue": "error"},
}


def test_a_published_message_carries_its_attributes(monkeypatch: pytest.MonkeyPatch) -> None:
    published: list[tuple[Any, ...]] = []

    def internal(arn: str, message: str, subject: str, **more: Any) -> dict[str, Any]:
        published.append((arn, message, subject, more["message_attributes"]))
        return {"message_id": "m", "sequence_number": None}

    monkeypatch.setattr(sns, "_get_topic", lambda arn, _action: ({"arn": arn}, None))
    monkeypatch.setattr(sns, "publish_internal", internal)
    monkeypatch.setattr(stepfunctions, "_SERVICE_DISPATCH", {})
    step_functions_sns.install()
    publish = stepfunctions._SERVICE_DISPATCH["arn:aws:states:::sns:publish"]
    arn = "arn:aws:sns:us-east-1:000000000000:t"
    parameters = {
        "TopicArn": arn,
        "Subject": "s",
        "Message": "line\nline",
        "MessageAttributes": ATTRIBUTES,
    }
    assert publish("arn:aws:states:::sns:publish", parameters) == {"MessageId": "m"}
    assert published == [(arn, "line\nline", "s", ATTRIBUTES)]


def test_without_attributes_nothing_is_added() -> None:
    assert step_functions_sns.flat({"Message": "m"}) == {"Message": "m"}


@pytest.mark.parametrize(("seconds", "cost"), [(97, 582), (0, 0)])
def test_a_job_run_says_what_it_cost_as_glue_does(seconds: int, cost: int) -> None:
    job = {"Name": "j", "Role": "r", "Command": {}, "NumberOfWorkers": 6, "WorkerType": "G.2X"}
    record = {**spark_jobs._new_record(job, {}), "ExecutionTime": seconds}
    shown = step_functions_glue._as_step_functions_shows(record)
    assert (shown["ExecutionTime"], shown["NumberOfWorkers"], shown["WorkerType"]) == (
        seconds,
        6,
        "G.2X",
    )
    assert "ErrorMessage" not in shown
    assert costs.worker_seconds(shown) == cost
