"""The two state machines, as small models that call the real services step by step, with their retries and catches.

What they do is in state_machines/*.asl.json; tests/unit/state_machine holds those files to their promises. A job is a
pause and a change of the lake. An execution that is stopped goes on in the task it is in, as a zombie, and no further.
"""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache
from typing import Any

from botocore.exceptions import ClientError

from contracts.errors import (
    DatasetBusy,
    PermanentError,
    QuarantineLimitExceeded,
    RetryableError,
    SlipwayError,
)
from lambdas.claim_batch import requests
from lambdas.close_run.comparison import Written
from lambdas.fail_run import failures
from lambdas.gate.aside import set_aside
from lambdas.hold_dataset import requests as hold_requests
from pipeline import table_effects
from pipeline.aws_errors import retryable
from pipeline.run_documents import (
    CuratedTable,
    CurateResult,
    LoadedFile,
    LoadResult,
    MaintainedTable,
    MaintenanceRequest,
    MaintenanceResult,
    Manifest,
    ManifestFile,
    Observed,
    PartTotals,
    RetractedRows,
    RunDocument,
    SnapshotChange,
    TouchedDates,
)
from rows import effects
from tests.simulation.deployment import (
    CARE_MACHINE,
    DATASET,
    RUN_MACHINE,
    SETTLE_SECONDS,
    Deployment,
    contract,
)
from tests.simulation.services import Execution, ExecutionAlreadyExists
from tests.simulation.world import Actor, Killed

FUNCTION_SECONDS = (
    540  # the longest time-out of a function of a run: ClaimBatch (stacks/run_functions.py)
)
ATTEMPTS = 5  # Retry of every task: MaxAttempts 4
BUSY_ATTEMPTS = 81
FIRST, GATE, PUBLISH, CLOSE = "RawToProcessed", "Gate", "ProcessedToCurated", "CloseRun"
ORDER = (FIRST, GATE, PUBLISH, "Serve", CLOSE)


def kin_of(file_name: str, seed: int) -> int:
    """Files with the same answer have a key in common: `file<number of the content>_<upload>.csv`."""
    number = int(file_name.removeprefix("file").partition("_")[0])
    return random.Random(f"{seed} {number}").choice((0, 1, 10 + number))


def order_of(item: Mapping[str, Any]) -> tuple[str, str]:
    """Of two rows with one key that of the file for which this is greater stays."""
    return item["received_at"], item["sha256"]


class TaskFailed(Exception):
    """A task failed for good; its error and cause as Step Functions shows them."""

    def __init__(self, error: str, cause: str) -> None:
        super().__init__(f"{error}: {cause}")
        self.error, self.cause = error, cause


class ExecutionStopped(Exception):
    """The execution was stopped: no further task."""


@dataclass
class Machines:
    """Carries executions out."""

    deployment: Deployment
    bad: set[str] = field(default_factory=set)
    """Hashes of files that the gate finds too bad."""
    actors: dict[str, Actor] = field(default_factory=dict)
    at_work: dict[str, str] = field(default_factory=dict)
    """Executions that were told they hold the dataset, and have not been told otherwise, by run."""
    counts: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    written_as: dict[tuple[str, str], str] = field(
        default_factory=dict
    )  # what rows say of when they came
    """What a run counted of a file."""
    job_failures: float = 0.05
    task_begins: Callable[[Actor, str], None] = lambda _actor, _task: None

    def begin(self, execution: Execution) -> None:
        """An actor for an execution that was started."""
        work = {RUN_MACHINE: self._run, CARE_MACHINE: self._care}.get(execution.machine)
        if work is not None:
            self.actors[execution.arn] = self.deployment.world.spawn(
                execution.name, lambda me: self._carry_out(me, execution, work)
            )

    def has_zombie(self) -> bool:
        """Whether a task of a stopped execution is still at work."""
        return any(actor.is_stopped and not actor.has_ended for actor in self.actors.values())

    def stop(self, execution: Execution) -> None:
        """StopExecution."""
        self.actors[execution.arn].is_stopped = True
        self._end(execution, "ABORTED", "")

    def _carry_out(
        self,
        me: Actor,
        execution: Execution,
        work: Callable[[Actor, Execution, dict[str, Any]], None],
    ) -> None:
        state: dict[str, Any] = {"dataset": DATASET, "request": execution.request}
        try:
            try:
                work(me, execution, state)
            except TaskFailed as failure:
                self._failed(me, execution, state, failure)
                return
        except ExecutionStopped:
            return
        if execution.status == "RUNNING":
            self._end(execution, "SUCCEEDED", "")

    def _run(self, me: Actor, execution: Execution, state: dict[str, Any]) -> None:
        deployment = self.deployment
        deployment.world.sleep(SETTLE_SECONDS)
        for is_last in (False, True):
            asked = {
                "dataset": DATASET,
                "request": state["request"],
                "execution_arn": execution.arn,
            }
            claim = self._task(me, "ClaimBatch", lambda: self._claimed(asked))  # noqa: B023 - called at once
            state["claim"] = claim
            if not claim["claimed"]:
                return
            run_id = claim["run_id"]
            if not me.is_stopped:
                self.at_work[run_id] = execution.arn
            self._steps(me, run_id, state)
            if not state["close"]["waiting"]:
                return
            if is_last:
                break
            plain = {"dataset": DATASET, "trigger": state["request"]["trigger"]}
            state.clear()
            state |= {"dataset": DATASET, "request": plain}
        self._hand_over(me, run_id, state["request"]["trigger"])

    def _claimed(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        return self.deployment.claim_batch.claim(requests.parse(asked), contract())

    def _steps(self, me: Actor, run_id: str, state: dict[str, Any]) -> None:
        steps = {FIRST: self._load, GATE: self._gate, PUBLISH: self._publish, "Serve": list[Any]}
        for name in ORDER[ORDER.index(state["claim"]["from"]) : -1]:
            result = {
                FIRST: "raw_to_processed",
                GATE: "gate",
                PUBLISH: "processed_to_curated",
                "Serve": "serve",
            }[name]
            if name == "Serve":
                state[result] = []
            else:
                work, is_job = steps[name], name != GATE
                state[result] = self._task(me, name, lambda: work(run_id), is_job=is_job)  # noqa: B023 - called at once
        state["close"] = self._task(me, CLOSE, lambda: self._closed(run_id, state))
        self.at_work.pop(run_id, None)

    def _load(self, run_id: str) -> dict[str, Any]:
        manifest = self._read(Manifest, run_id)
        self._job_time()
        before, after = self.deployment.lake.write_aside(
            run_id,
            [file.sha256 for file in manifest.files],
            [file.sha256 for file in manifest.taken_out],
        )
        files = tuple(self._loaded(manifest, file) for file in manifest.files)
        columns = dict.fromkeys((column.name for column in contract().control_columns), Decimal(0))
        self._write(
            LoadResult(
                dataset=DATASET,
                run_id=run_id,
                mode=manifest.mode,
                contract_version=manifest.contract_version,
                engine="model",
                branch=run_id,
                snapshots={DATASET: SnapshotChange(before=before, after=after)},
                observed=Observed(rows_read=sum(file.rows_read for file in files), totals=columns),
                files=files,
                quarantine_by_rule={},
                warnings_by_rule={},
                halted_by_rule={},
                row_rules=(),
                table_rules=(),
                touched_dates=TouchedDates(min=None, max=None),
                schema_changes=(),
                bytes_read=0,
                quarantine_resolved=0,
                duration_seconds=1.0,
                retracted=_retracted(manifest),
            )
        )
        return {}

    def _loaded(self, manifest: Manifest, file: ManifestFile) -> LoadedFile:
        rows, sha256 = file.row_count, file.sha256
        refused = self.deployment.world.random.randint(0, rows - 1)
        fates = self._met(manifest, file)
        outdated = sum(count.fate == effects.OUTDATED for count in fates)
        counted = {
            "rows_loaded": rows - refused - outdated,
            "rows_quarantined": refused,
            "rows_deduplicated": outdated,
        }
        effect = effects.by_file({sha256: rows - refused}, fates, {})[sha256]
        figures = {
            "new": effect.rows_new,
            "unchanged": effect.rows_unchanged,
            "outdated": effect.rows_outdated,
        }
        kept = {name: count for name, count in figures.items() if count}
        self.counts[manifest.run_id, sha256] = {**counted, "effect": kept}
        self.written_as[manifest.run_id, sha256] = f"{file.received_at:%Y-%m-%dT%H:%M:%S.%fZ}"
        nothing = dict.fromkeys((column.name for column in contract().control_columns), Decimal(0))
        totals = PartTotals(read=nothing, loaded=nothing, quarantined=nothing, deduplicated=nothing)
        return LoadedFile(
            sha256=sha256,
            file_name=file.file_name,
            rows_read=rows,
            totals=totals,
            effect=effect,
            **counted,
        )

    def _met(self, manifest: Manifest, file: ManifestFile) -> list[effects.FateCount]:
        """Each file has one row of a key that its kin have too, in the table or in its batch: the newest stays."""
        deployment, mine = self.deployment, file.sha256
        files = {item["sha256"]: item for item in deployment.file_items()}
        held = deployment.lake.rows().keys() - {mine, *(each.sha256 for each in manifest.taken_out)}
        kin = kin_of(files[mine]["file_name"], deployment.world.seed)
        others = [
            files[sha256]
            for sha256 in held | {each.sha256 for each in manifest.files}
            if kin_of(files[sha256]["file_name"], deployment.world.seed) == kin
        ]
        if any(order_of(other) > order_of(files[mine]) for other in others):
            return [effects.FateCount(sha256=mine, fate=effects.OUTDATED, rows=1)]
        older = [other for other in others if other["sha256"] in held]
        if not older:
            return []
        return [
            effects.FateCount(
                sha256=mine,
                fate=effects.REPLACING,
                rows=1,
                has_same_values=True,
                held_sha256=max(older, key=order_of)["sha256"],
            )
        ]

    def _gate(self, run_id: str) -> dict[str, Any]:
        manifest = self._read(Manifest, run_id)
        result = self._read(LoadResult, run_id)
        over = {
            file.sha256: f"{file.file_name} has bad rows"
            for file in manifest.files
            if file.sha256 in self.bad
        }
        if not over:
            table_effects.mark_replaced(self.deployment.files, manifest, result)
            return {}
        self.at_work.pop(run_id, None)
        now = self.deployment.world.moment()
        told = set_aside(self.deployment.files, manifest, result, over, now=now)
        raise QuarantineLimitExceeded("\n".join(["too many rows are bad", *told]))

    def _publish(self, run_id: str) -> dict[str, Any]:
        result = self._read(LoadResult, run_id)
        self._job_time()
        self.deployment.world.call(
            "publish", lambda: self.deployment.lake.publish(run_id, result.heads[DATASET])
        )
        untouched = {
            "periods": (),
            "kept_periods": (),
            "rows": 0,
            "totals": {},
            "snapshot": None,
            "before": None,
        }
        models = tuple(CuratedTable(name=wanted.name, **untouched) for wanted in contract().curated)  # type: ignore[arg-type]
        done = CurateResult(
            dataset=DATASET, run_id=run_id, models=models, published=True, duration_seconds=1.0
        )
        self._write(done)
        return {}

    def _closed(self, run_id: str, state: Mapping[str, Any]) -> dict[str, Any]:
        written = Written(
            manifest=self._read(Manifest, run_id),
            processed=self._read(LoadResult, run_id),
            curated=self._read(CurateResult, run_id),
            serve=state.get("serve"),
        )
        return self.deployment.close_run.close(
            DATASET, run_id, written, contract(), worker_seconds={}, jobs={}
        )

    def _hand_over(self, me: Actor, run_id: str, trigger: str) -> None:
        request = {"dataset": DATASET, "trigger": trigger}
        self._task(me, "HandOver", lambda: self._start(RUN_MACHINE, f"after-{run_id}", request))

    def _care(self, me: Actor, execution: Execution, state: dict[str, Any]) -> None:
        asked = {"dataset": DATASET, "request": state["request"], "execution_arn": execution.arn}
        state["hold"] = self._task(
            me,
            "Hold",
            lambda: self.deployment.hold_dataset.hold(hold_requests.parse(asked), contract()),
        )
        run_id = state["hold"]["run_id"]
        if not me.is_stopped:
            self.at_work[run_id] = execution.arn
        state["care"] = self._task(me, "Care", lambda: self._cared(me, run_id), is_job=True)
        state["serve"] = []
        state["release"] = self._task(me, "Release", lambda: self._released(run_id, execution.arn))
        self.at_work.pop(run_id, None)

    def _cared(self, me: Actor, run_id: str) -> dict[str, Any]:
        asked = self._read(MaintenanceRequest, run_id)
        self._job_time()
        if me.is_stopped:  # Step Functions stops the Glue job of a .sync task with its execution
            raise ExecutionStopped
        lake = self.deployment.lake
        before = lake.head
        if asked.mode == "rollback":
            lake.roll_back(asked.plan.tables[DATASET])
        table = MaintainedTable(
            table=DATASET,
            action="rolled back" if asked.mode == "rollback" else "unchanged",
            before=before,
            after=lake.head,
            rows_deleted=0,
            files_before=0,
            bytes_before=0,
            files_after=0,
            bytes_after=0,
        )
        done = MaintenanceResult(
            dataset=DATASET,
            run_id=run_id,
            mode=asked.mode,
            tables=(table,),
            duration_seconds=1.0,
            report=(),
        )
        self._write(done)
        return {}

    def _released(self, run_id: str, arn: str) -> dict[str, Any]:
        return self.deployment.release_dataset.release(
            self._read(MaintenanceRequest, run_id),
            self._read(MaintenanceResult, run_id),
            execution_arn=arn,
            worker_seconds={},
            serve=[],
        )

    def _failed(
        self, me: Actor, execution: Execution, state: dict[str, Any], failure: TaskFailed
    ) -> None:
        """FailRun, then the end of the execution."""
        held = state.get("claim") or state.get("hold") or {}
        self.at_work.pop(held.get("run_id"), None)
        machine = "dataset_run" if execution.machine == RUN_MACHINE else "dataset_care"
        state["failure"] = {"Error": failure.error, "Cause": failure.cause}
        event = {
            "dataset": DATASET,
            "execution_arn": execution.arn,
            "machine": machine,
            "state": state,
        }
        error = failure.error
        try:
            self._task(
                me,
                "FailRun",
                lambda: self.deployment.fail_run.fail(failures.parse(event)),
                retry_all=True,
            )
            if machine == "dataset_care":
                self._task(
                    me,
                    "StartWaiting",
                    lambda: self.deployment.waiting_files.start(DATASET, execution.arn),
                )
        except TaskFailed as again:
            self.deployment.world.note(f"failing failed: {again}")
            error = "FailRunFailed"
        if execution.status == "RUNNING":
            self._end(execution, "FAILED", error)

    def _end(self, execution: Execution, status: str, error: str) -> None:
        world = self.deployment.world
        execution.status, execution.error, execution.ended_at = status, error, world.now
        for run_id in [run for run, arn in self.at_work.items() if arn == execution.arn]:
            del self.at_work[run_id]
        if status == "SUCCEEDED":
            return
        world.spawn(
            f"rule of {execution.name}",
            lambda me: self.report(me, execution),
            after=world.random.random() * 5,
        )
        if execution.machine == RUN_MACHINE and error == QuarantineLimitExceeded.__name__:
            world.spawn(
                f"others of {execution.name}",
                lambda me: self._until_done(
                    me, lambda: self.deployment.waiting_files.start_anyway(DATASET, execution.arn)
                ),
                after=world.random.random() * 5,
            )

    def report(self, me: Actor, execution: Execution) -> None:
        """The status change is handed to FailRun, again until it succeeds."""
        detail = {
            "executionArn": execution.arn,
            "status": execution.status,
            "input": execution.text,
            "error": execution.error,
        }
        event = {"detail-type": failures.STATUS_CHANGE, "detail": detail}
        self._until_done(me, lambda: self.deployment.fail_run.fail(failures.parse(event)))

    def _until_done(self, me: Actor, work: Callable[[], object]) -> None:
        while True:
            try:
                self._task(me, "event", work, retry_all=True)
            except TaskFailed:
                self.deployment.world.sleep(60)
            else:
                return

    def _task(
        self,
        me: Actor,
        name: str,
        work: Callable[[], Any],
        *,
        retry_all: bool = False,
        is_job: bool = False,
    ) -> Any:
        """One task with its retries. Raises TaskFailed, or ExecutionStopped between two attempts.

        A job that failed is not repeated.
        """
        world, busy, failed = self.deployment.world, 0, 0
        while True:
            if me.is_stopped:
                raise ExecutionStopped
            world.note(f"{name} begins")
            self.task_begins(me, name)
            me.deadline = math.inf if is_job else world.now + FUNCTION_SECONDS
            try:
                return retryable(work)()
            except DatasetBusy as error:
                busy, failed_with = busy + 1, TaskFailed(type(error).__name__, str(error))
                pause = 20 + world.random.random() * 280
            except (Killed, RetryableError) as error:
                failed, failed_with = failed + 1, TaskFailed(type(error).__name__, str(error))
                pause = 2 + world.random.random() * 30
            except SlipwayError as error:
                if not retry_all:
                    raise TaskFailed(type(error).__name__, str(error)) from error
                failed, failed_with = failed + 1, TaskFailed(type(error).__name__, str(error))
                pause = 2.0
            world.note(f"{name} failed: {failed_with}")
            if failed >= (1 if is_job else ATTEMPTS) or busy >= BUSY_ATTEMPTS:
                raise failed_with
            world.sleep(pause)

    def _job_time(self) -> None:
        """A Glue job takes minutes, and fails now and then, which is not retried."""
        world = self.deployment.world
        world.sleep(60 + world.random.random() * 240)
        if world.random.random() < self.job_failures:
            raise TaskFailed("States.TaskFailed", "the job failed")

    def _start(self, machine: str, name: str, request: Mapping[str, Any]) -> None:
        """StartExecution by Step Functions itself, or by an operator's command."""
        try:
            self.deployment.stepfunctions.start_execution(
                stateMachineArn=machine, name=name, input=json.dumps(request)
            )
        except ExecutionAlreadyExists:
            self.deployment.world.note(f"{name} was started before")

    def start(self, machine: str, name: str, request: Mapping[str, Any]) -> None:
        """As an operator does it."""
        self._start(machine, name, {"dataset": DATASET, "trigger": "operator", **request})

    def _read(self, kind: Any, run_id: str) -> Any:
        place = {"Bucket": "processed", "Key": kind.key(DATASET, run_id)}
        try:
            text = self.deployment.s3.get_object(**place)["Body"].read()
        except ClientError as error:
            raise PermanentError(f"{place} is missing") from error
        return _document(kind, text)

    def _write(self, document: RunDocument) -> None:
        """As the jobs do."""
        key = document.key(document.dataset, document.run_id)
        self.deployment.s3.put_object(
            Bucket="processed", Key=key, Body=json.dumps(document.to_json()).encode()
        )


def _retracted(manifest: Manifest) -> RetractedRows | None:
    """The model has no rows to count."""
    for file in manifest.taken_out:
        return RetractedRows(
            sha256=file.sha256,
            rows_taken_out=1,
            refusals_taken_out=0,
            corrections_reopened=0,
            rows_left=0,
        )
    return None


@lru_cache(maxsize=1000)
def _document(kind: Any, text: bytes) -> Any:
    """Documents are frozen, and most are read several times."""
    return kind.from_json(json.loads(text))
