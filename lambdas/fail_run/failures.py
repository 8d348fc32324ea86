"""What failed, from either of the two ways in which fail_run hears of it.

The Catch of a state machine hands over its whole state: the first step without a result is the one that failed.
EventBridge tells of executions that ended FAILED, TIMED_OUT or ABORTED, since no Catch runs on a time-out, an abort or
States.Runtime.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from contracts.errors import PermanentError, QuarantineLimitExceeded
from pipeline import costs
from pipeline.failed_tasks import ENDED_BADLY, as_object, error_of_machine, readable
from pipeline.ledger import UNKNOWN_DATASET
from pipeline.run_documents import BilledResources
from pipeline.steps import HAND_OVER, MACHINES, Step

STATUS_CHANGE = "Step Functions Execution Status Change"


@dataclass(frozen=True, kw_only=True)
class Failure:
    """One failed execution. `step` is None when it is not known, `run_id` when it had no run or does not say.

    `request` is the input of the execution, `worker_seconds` and `billed` what its jobs cost, also the one that failed,
    `engines` who did them, as far as that is known, `serve` what the step Serve gave, if that succeeded.
    """

    dataset: str
    execution_arn: str
    run_id: str | None
    step: str | None
    error: str
    cause: str
    request: Mapping[str, Any] = field(default_factory=dict)
    worker_seconds: Mapping[str, int] = field(default_factory=dict)
    engines: Mapping[str, str] = field(default_factory=dict)
    billed: Mapping[str, BilledResources] = field(default_factory=dict)
    serve: Sequence[Mapping[str, Any]] | None = None

    @property
    def is_after_closing(self) -> bool:
        """Whether the run had ended well, and only the next execution could not be started."""
        return self.step == HAND_OVER.name

    @property
    def is_too_bad(self) -> bool:
        """Whether the gate found nothing wrong but too many bad rows, and set their files aside."""
        return self.error == QuarantineLimitExceeded.__name__


def parse(event: Mapping[str, Any]) -> Failure:
    """Raises PermanentError when the event is neither of the two kinds."""
    if event.get("detail-type") == STATUS_CHANGE:
        return _from_status_change(event["detail"])
    if "execution_arn" in event and "state" in event:
        return _from_catch(event)
    raise PermanentError(
        f"neither a caught failure nor a {STATUS_CHANGE!r} event: keys {sorted(event)}"
    )


def _from_catch(event: Mapping[str, Any]) -> Failure:
    state, steps = event["state"], MACHINES[event["machine"]].steps
    held = state.get("claim") or state.get("hold") or {}
    step = _first_without_result(state, steps, held.get("from"))
    caught = _of_job(state.get("failure") or {}, step)
    results = tuple(each.result for each in steps)
    jobs, engines = costs.of_steps(state, results), costs.engines_of_steps(state, results)
    billed = costs.billed_of_steps(state, results)
    failed = as_object(caught.get("Cause") or "")
    if step and failed and (seconds := costs.worker_seconds(failed)) is not None:
        jobs |= {step.result: seconds}
    if step and failed and (engine := costs.engine_of(failed)):
        engines |= {step.result: engine}
    if step and failed and (used := costs.billed_by_emr(failed)):
        billed |= {step.result: used}
    return Failure(
        dataset=event["dataset"],
        execution_arn=event["execution_arn"],
        run_id=held.get("run_id"),
        step=step.name if step else None,
        error=error_of_machine(failed) or caught.get("Error") or "Unknown",
        cause=readable(caught.get("Cause") or "no cause was given"),
        request=state.get("request") or {},
        worker_seconds=jobs,
        engines=engines,
        billed=billed,
        serve=state.get("serve"),
    )


def _of_job(caught: Mapping[str, Any], step: Step | None) -> Mapping[str, Any]:
    """Error and cause of the job itself, where an execution of job_run.asl.json carried it out.

    An execution that was stopped or took too long says nothing of the job, and is told as what it is.
    """
    execution = as_object(caught.get("Cause") or "")
    if step is None or step.worker != "job" or execution is None:
        return caught
    is_of_job = error_of_machine(execution) is not None and execution["Status"] == "FAILED"
    return execution if is_of_job and execution.get("Error") else caught


def _first_without_result(
    state: Mapping[str, Any], steps: Sequence[Step], began_at: str | None
) -> Step | None:
    """The step that failed. A resumed run has no results of the steps before the one it `began_at`."""
    names = [step.name for step in steps]
    skipped = steps[1 : names.index(began_at)] if began_at in names else ()
    unfinished = (step for step in steps if step not in skipped and step.result not in state)
    return next(unfinished, None)


def _from_status_change(detail: Mapping[str, Any]) -> Failure:
    status = detail["status"]
    if status not in ENDED_BADLY:
        raise PermanentError(
            f"execution {detail['executionArn']} is {status}, which is not a failure; correct the rule"
        )
    given = detail.get("cause")
    # EventBridge leaves the input out when it is very large.
    request = as_object(detail.get("input") or "") or {}
    return Failure(
        dataset=str(request.get("dataset", UNKNOWN_DATASET)),
        execution_arn=detail["executionArn"],
        run_id=None,
        step=None,
        error=detail.get("error") or f"Execution.{status}",
        cause=readable(given) if given else ENDED_BADLY[status],
        request=request,
    )
