"""The state machines, and what starts or ends their executions from outside: schedules, the rule for silent ends."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from aws_cdk import Duration
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from stacks.alerts import AlertsStack
from stacks.base import Blueprint, PipelineStack
from stacks.constructs import permissions
from stacks.constructs.dataset_machine import NOBODY, DatasetMachine, Offer
from stacks.constructs.dead_letters import dead_letter_queue, keep_failed_invocations
from stacks.constructs.schedules import Start, schedule
from stacks.constructs.spark_job import CONCURRENT_RUNS
from stacks.processing import ProcessingStack
from stacks.run_functions import RunFunctions
from stacks.storage import StorageStack

LONGEST_WINDOW = 24 * 60  # minutes
STATES_OF_EMR = ("OnEmr", "DidEmrBegin", "EmrJobFailed", "EmrBills", "EmrUsage")  # of job_run


def window_minutes(at_once: int) -> int:
    """Within how many minutes after its time the maintenance of so many datasets begins, so that hardly any is refused
    by Glue for good; 0 while all can run at once. Simulated with five minutes each (docs/scale.md).

    Source: EventBridge Scheduler user guide, flexible time windows: 1 to 1,440 minutes.
    """
    return 0 if at_once <= CONCURRENT_RUNS else min(LONGEST_WINDOW, math.ceil(1.5 * at_once))


class OrchestrationStack(PipelineStack):
    """Functions, state machines, schedules and the rule for executions that end without telling.

    `serving` are the machines that a run and care start when the tables have changed, all at once.
    """

    def __init__(
        self,
        scope: Construct,
        *,
        blueprint: Blueprint,
        storage: StorageStack,
        alerts: AlertsStack,
        processing: ProcessingStack,
        serving: Sequence[DatasetMachine],
    ) -> None:
        super().__init__(
            scope,
            "Orchestration",
            blueprint=blueprint,
            description="the state machines of datasets",
        )
        self._blueprint = blueprint
        self._storage = storage
        self._announce = alerts.announce
        self._serving = {"ServingMachineArns": serving}
        marked = [contract.dataset for contract in blueprint.contracts if contract.forecast_models]
        self._forecast_datasets = {"ForecastDatasets": ",".join(marked) or NOBODY}
        self.dead_letters: dict[str, sqs.Queue] = {}
        functions = RunFunctions(
            scope=self,
            blueprint=blueprint,
            storage=storage,
            announce=alerts.announce,
            serves=bool(serving),
        )
        self.close_run, self.fail_run = functions.close_run(), functions.fail_run()
        self.job = self._job(processing)
        self.run = self._run(functions, processing)
        self.release_dataset = functions.release_dataset(self.run)
        self.release_dataset.function.node.add_dependency(self.run)
        self.care = self._care(functions, processing)
        self._report_silent_ends()
        self._go_on_without_bad_files()
        self._schedules()
        self.publish(
            StateMachineArn=self.run.arn,
            CareStateMachineArn=self.care.arn,
            FailRunFunctionName=self.fail_run.function.function_name,
            ReleaseDatasetFunctionName=self.release_dataset.function.function_name,
            **{
                f"{name}DeadLetterQueueUrl": queue.queue_url
                for name, queue in self.dead_letters.items()
            },
        )

    def _job(self, processing: ProcessingStack) -> DatasetMachine:
        features = processing.forecast_features
        offer = Offer(
            values={} if features else {"ForecastFeaturesJobName": NOBODY},
            jobs={
                **({"ForecastFeaturesJobName": features} if features else {}),
                "RawToProcessedJobName": processing.raw_to_processed,
                "ProcessedToCuratedJobName": processing.processed_to_curated,
            },
            functions={
                "LoadSmallBatchFunctionArn": processing.load_small_batch,
                "CurateSmallBatchFunctionArn": processing.curate_small_batch,
            },
            emr=processing.emr,
        )
        without = () if processing.emr else STATES_OF_EMR
        return self._machine(
            "job_run", "One job for a run, on whichever engine", offer, without=without
        )

    def _run(self, functions: RunFunctions, processing: ProcessingStack) -> DatasetMachine:
        offer = Offer(
            values={
                "SettleSeconds": str(self._blueprint.settings.runs.settle_seconds),
                "Environment": self._blueprint.settings.environment,
                "Stages": ",".join(self._blueprint.settings.alerts.stages) or NOBODY,
                "AnnounceStateMachineArn": self._announce.arn,
                **self._forecast_datasets,
            },
            functions={
                "ClaimBatchFunctionArn": functions.claim_batch(),
                "GateFunctionArn": functions.gate(),
                "ForecastFunctionArn": processing.forecast,
                "CloseRunFunctionArn": self.close_run,
                "FailRunFunctionArn": self.fail_run,
            },
            machines={"JobRunStateMachineArn": [self.job], **self._serving},
        )
        machine = self._machine("dataset_run", "One run of one dataset", offer)
        permissions.allow(
            machine.role, actions=["states:StartExecution"], resources=[self._announce.arn]
        )
        return machine

    def _care(self, functions: RunFunctions, processing: ProcessingStack) -> DatasetMachine:
        offer = Offer(
            values=self._forecast_datasets,
            functions={
                "HoldDatasetFunctionArn": functions.hold_dataset(),
                "ForecastFunctionArn": processing.forecast,
                "ReleaseDatasetFunctionArn": self.release_dataset,
                "FailRunFunctionArn": self.fail_run,
            },
            jobs={"CareJobName": processing.care},
            machines=self._serving,
        )
        return self._machine(
            "dataset_care", "Maintenance, rollback or erasure of one dataset", offer
        )

    def _machine(
        self, name: str, comment: str, offer: Offer, without: Sequence[str] = ()
    ) -> DatasetMachine:
        return DatasetMachine(
            self,
            "".join(word.capitalize() for word in name.split("_")),
            blueprint=self._blueprint,
            name=name,
            comment=comment,
            offer=offer,
            operations_key=self._storage.operations_key,
            without=without,
        )

    def _report_silent_ends(self) -> None:
        """Runs that were stopped, ran out of time, or could not report: their lock and files are given back."""
        undelivered = self._dead_letters("FailRun")
        keep_failed_invocations(self.fail_run, undelivered)
        rule = events.Rule(
            self,
            "SilentEnds",
            description="Executions that ended without success; FailRun is idempotent",
            event_pattern=events.EventPattern(
                source=["aws.states"],
                detail_type=["Step Functions Execution Status Change"],
                detail={
                    "status": ["FAILED", "TIMED_OUT", "ABORTED"],
                    "stateMachineArn": [self.run.arn, self.care.arn],
                },
            ),
        )
        rule.add_target(
            targets.LambdaFunction(
                self.fail_run.function,
                dead_letter_queue=undelivered,
                max_event_age=Duration.hours(6),
                retry_attempts=20,
            )
        )

    def _go_on_without_bad_files(self) -> None:
        """When the gate has set files aside, the others of their batch are loaded by a run of their own."""
        undelivered = self._dead_letters("ReleaseDataset")
        keep_failed_invocations(self.release_dataset, undelivered)
        rule = events.Rule(
            self,
            "FilesSetAside",
            description="Runs that failed because of single files, which were set aside: the others are loaded",
            event_pattern=events.EventPattern(
                source=["aws.states"],
                detail_type=["Step Functions Execution Status Change"],
                detail={
                    "status": ["FAILED"],
                    "error": ["QuarantineLimitExceeded"],
                    "stateMachineArn": [self.run.arn],
                },
            ),
        )
        rule.add_target(
            targets.LambdaFunction(
                self.release_dataset.function,
                dead_letter_queue=undelivered,
                max_event_age=Duration.hours(6),
                retry_attempts=20,
            )
        )

    def _schedules(self) -> None:
        starts = self._starts()
        if not starts:
            return
        care = Counter(start.expression for start in starts if start.machine is self.care)
        schedule(
            self,
            [
                replace(start, window_minutes=window_minutes(care[start.expression]))
                if start.machine is self.care
                else start
                for start in starts
            ],
            undelivered=self._dead_letters("Schedule"),
            role_description="Lets the scheduler start executions",
        )

    def _starts(self) -> list[Start]:
        """What begins by itself, for each dataset."""
        wanted, starts = self._blueprint.settings.schedules, list[Start]()
        for dataset in (contract.dataset for contract in self._blueprint.contracts):
            name = dataset.title().replace("_", "")
            if expression := wanted.runs.of(dataset):
                starts.append(
                    Start(
                        scope=self,
                        construct_id=f"Schedule{name}",
                        description=f"Starts a run of {dataset}, even if no file arrived",
                        expression=expression,
                        machine=self.run,
                        request={"dataset": dataset, "trigger": "schedule"},
                    )
                )
            if expression := wanted.maintenance.of(dataset):
                starts.append(
                    Start(
                        scope=self,
                        construct_id=f"Maintenance{name}",
                        description=f"Starts the maintenance of the tables of {dataset}",
                        expression=expression,
                        machine=self.care,
                        request={"dataset": dataset, "trigger": "schedule", "mode": "maintenance"},
                    )
                )
        return starts

    def _dead_letters(self, name: str) -> sqs.Queue:
        self.dead_letters[name] = dead_letter_queue(self, f"{name}DeadLetters")
        return self.dead_letters[name]
